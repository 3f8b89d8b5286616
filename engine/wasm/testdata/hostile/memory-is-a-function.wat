;; want: abi
;; what: a function with the name of the memory
(module
  (memory 2)
  (func (export "memory"))
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.const 0)))
