;; want: fuel
;; what: an endless loop that passes its operands on
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i32.const 0)
    (loop (param i32) (result i32) (i32.const 1) (i32.add) (br 0))
    (drop)
    (i64.const 0)))
