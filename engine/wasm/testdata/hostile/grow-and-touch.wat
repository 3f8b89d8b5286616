;; want: fuel
;; what: every page that the memory gets is written to
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (local i32)
    (loop
      (local.set 2 (memory.grow (i32.const 1)))
      (if (i32.ne (local.get 2) (i32.const -1)) (then
        (memory.fill (i32.shl (local.get 2) (i32.const 16)) (i32.const 7) (i32.const 65536))))
      (br 0))
    (unreachable)))
