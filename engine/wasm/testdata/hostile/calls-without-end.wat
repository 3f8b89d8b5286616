;; want: fuel
;; what: a tree of calls, two for each, forty deep, without a loop
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func $node (param i32)
    (if (local.get 0) (then
      (call $node (i32.sub (local.get 0) (i32.const 1)))
      (call $node (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (call $node (i32.const 40))
    (i64.const 0)))
