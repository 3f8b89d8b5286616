;; want: trap
;; what: a function that calls itself
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func $f (call $f) (call $f))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (call $f)
    (i64.const 0)))
