;; want: fuel
;; what: an endless loop that initialises the memory
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (data $d "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (loop (memory.init $d (i32.const 0) (i32.const 0) (i32.const 64)) (br 0))
    (unreachable)))
