;; want: fuel
;; what: a wait for 4 billion events
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const -1) (i32.const 128)))
    (i64.const 0)))
