;; want: fuel
;; what: an endless loop of calls through a table
(module
  (type $void (func))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (table 1 funcref)
  (elem (i32.const 0) $nothing)
  (func $nothing)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (call_indirect (type $void) (i32.const 0)) (br 0))
    (unreachable)))
