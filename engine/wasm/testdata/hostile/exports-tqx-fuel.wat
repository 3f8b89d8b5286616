;; want: refused
;; what: an export with the name of the global that the host counts with
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (global (export "tqx.fuel") (mut i64) (i64.const 9000000000))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.const 0)))
