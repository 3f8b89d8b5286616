;; want: fuel
;; what: an endless loop of SIMD instructions
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (local v128)
    (loop
      (local.set 2 (i32x4.add (local.get 2) (v128.load (i32.const 0))))
      (br 0))
    (unreachable)))
