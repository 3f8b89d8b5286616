;; want: fuel
;; what: lines of log without end
(module
  (import "tqx" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (call $log (i32.const 0) (i32.const 0) (i32.const 65536)) (br 0))
    (unreachable)))
