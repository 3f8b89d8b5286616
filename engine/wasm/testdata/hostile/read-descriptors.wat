;; want: ok
;; what: every descriptor from 3 on is closed
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (local i32)
    (local.set 2 (i32.const 3))
    (loop
      (if (i32.eqz (call $fd_read (local.get 2) (i32.const 0) (i32.const 1) (i32.const 16))) (then (unreachable)))
      (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (i32.const 1000))))
    (i64.const 0)))
