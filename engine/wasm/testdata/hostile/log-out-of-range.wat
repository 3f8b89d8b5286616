;; want: ok
;; what: a line of log that is outside the memory is left out
(module
  (import "tqx" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (call $log (i32.const 0) (i32.const -16) (i32.const 64))
    (i64.const 0)))
