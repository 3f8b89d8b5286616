;; want: refused
;; what: an atomic instruction
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (drop (i32.atomic.load (i32.const 0)))
    (i64.const 0)))
