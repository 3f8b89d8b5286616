;; want: abi
;; what: a tqx_alloc of another type
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i64) (result i64) (local.get 0))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.const 0)))
