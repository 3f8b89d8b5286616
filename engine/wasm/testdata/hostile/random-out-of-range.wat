;; want: ok
;; what: random bytes for 4 GiB outside the memory: an error number
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (if (i32.eqz (call $random_get (i32.const 1000) (i32.const -1))) (then (unreachable)))
    (i64.const 0)))
