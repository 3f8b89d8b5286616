;; want: memory
;; what: a trap after the memory has refused to grow
(module
  (memory (export "memory") 2 3)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (if (i32.eq (memory.grow (i32.const 5)) (i32.const -1)) (then (unreachable)))
    (i64.const 0)))
