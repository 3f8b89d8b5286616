;; want: fuel
;; what: an endless loop that copies a table
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (table $t 10000 funcref)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 9999)) (br 0))
    (unreachable)))
