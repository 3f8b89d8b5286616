;; want: refused
;; what: the function that refills the fuel is imported
(module
  (import "tqx.meter" "tick" (func $tick (param i64) (result i64)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (drop (call $tick (i64.const 0)))
    (i64.const 0)))
