;; want: fuel
;; what: the time is asked for without end
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 0))) (br 0))
    (unreachable)))
