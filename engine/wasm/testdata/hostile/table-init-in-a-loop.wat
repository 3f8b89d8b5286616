;; want: fuel
;; what: an endless loop that initialises a table
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (table $t 10 funcref)
  (elem $e func $f $f)
  (func $f)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 2)) (br 0))
    (unreachable)))
