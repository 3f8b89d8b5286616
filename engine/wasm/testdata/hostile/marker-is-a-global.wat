;; want: abi
;; what: a global with the name of the marker
(module
  (memory (export "memory") 2)
  (global (export "tqx_abi_v1") i32 (i32.const 1))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.const 0)))
