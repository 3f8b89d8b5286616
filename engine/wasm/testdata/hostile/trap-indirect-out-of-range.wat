;; want: trap
;; what: a call of an entry behind a table
(module
  (type $void (func))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (table 4 funcref)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (call_indirect (type $void) (i32.const 99))
    (i64.const 0)))
