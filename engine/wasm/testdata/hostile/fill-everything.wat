;; want: fuel
;; what: one fill of 4 GiB
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (memory.fill (i32.const 0) (i32.const 1) (i32.const -1))
    (i64.const 0)))
