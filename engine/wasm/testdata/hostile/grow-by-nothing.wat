;; want: fuel
;; what: the memory is asked for its size for ever, by growing it by nothing
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (drop (memory.grow (i32.const 0))) (br 0))
    (unreachable)))
