;; want: bad_output
;; what: 64 MiB of zeros, of which the cap allows 1
(module
  (memory (export "memory") 1024)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.const 0x0000000004000000)))
