;; want: fuel
;; what: an endless loop that fills a table
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (table $t 10000 funcref)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (table.fill $t (i32.const 0) (ref.null func) (i32.const 10000)) (br 0))
    (unreachable)))
