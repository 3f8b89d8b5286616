;; want: fuel
;; what: an endless loop that writes all over the memory
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (local i32)
    (loop
      (i32.store8 (i32.and (local.get 2) (i32.const 131071)) (local.get 2))
      (local.set 2 (i32.add (local.get 2) (i32.const 1)))
      (br 0))
    (unreachable)))
