;; want: trap
;; what: a call of a function of another type
(module
  (type $other (func (result i32)))
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (table 1 funcref)
  (elem (i32.const 0) $f)
  (func $f)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (drop (call_indirect (type $other) (i32.const 0)))
    (i64.const 0)))
