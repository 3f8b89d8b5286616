;; want: ok
;; what: a command that ends with status 0 and says nothing
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (func (export "_start") (call $proc_exit (i32.const 0))))
