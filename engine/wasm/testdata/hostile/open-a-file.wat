;; want: ok
;; what: /etc/passwd cannot be opened
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (data (i32.const 1024) "/etc/passwd")
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (if (i32.eqz (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 11) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))) (then (unreachable)))
    (i64.const 0)))
