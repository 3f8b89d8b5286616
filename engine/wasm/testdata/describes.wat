;; Describes itself by an export and finds nothing.
(module
  (memory (export "memory") 2)
  (data (i32.const 16) "{\"name\":\"describes\",\"version\":\"0.1.0\",\"abi\":\"tqx1\",\"types\":[\"string\"],\"wants\":[{\"kind\":\"text\"}]}")
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param i32 i32) (result i64) (i64.const 0))
  (func (export "tqx_describe") (result i64)
    (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 96))))
