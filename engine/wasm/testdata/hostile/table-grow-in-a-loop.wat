;; want: fuel
;; what: a table is asked to grow for ever
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (table $t 1 funcref)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0))
    (unreachable)))
