;; want: ok
;; what: a table is asked for 2 million entries and refuses
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (table $t 1 funcref)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (if (i32.ne (table.grow $t (ref.null func) (i32.const 2000000)) (i32.const -1)) (then (unreachable)))
    (i64.const 0)))
