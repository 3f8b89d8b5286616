;; want: trap
;; what: two functions that call each other
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func $even (param i32) (call $odd (local.get 0)) (drop (memory.size)))
  (func $odd (param i32) (call $even (local.get 0)) (drop (memory.size)))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (call $even (i32.const 1))
    (i64.const 0)))
