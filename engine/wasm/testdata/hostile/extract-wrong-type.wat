;; want: abi
;; what: a tqx_extract of another type
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param i32) (result i32) (local.get 0)))
