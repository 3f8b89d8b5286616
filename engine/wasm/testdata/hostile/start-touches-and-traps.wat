;; The start function makes the whole memory resident and traps: nothing of it may
;; stay with the host.
;; want: trap
(module
  (memory (export "memory") 512)
  (start $start)
  (func $start
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x2000000))
    unreachable)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "tqx_extract") (param i32 i32) (result i64) (i64.const 0)))
