;; want: refused
;; what: a tail call
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func $f (result i64) (return_call $f))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (return_call $f)))
