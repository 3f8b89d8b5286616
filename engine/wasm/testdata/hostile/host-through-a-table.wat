;; Functions of the host are called through a table, as a program in C may do. They
;; see the memory of the module that calls, and end the call as ever.
;; want: exit
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (table funcref (elem $random $exit))
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "tqx_extract") (param i32 i32) (result i64)
    (if (call_indirect (param i32 i32) (result i32) (i32.const 8) (i32.const 16) (i32.const 0)) (then unreachable))
    (if (i64.eqz (i64.load (i32.const 8))) (then unreachable))
    (call_indirect (param i32) (i32.const 0) (i32.const 1))
    (i64.const 0)))
