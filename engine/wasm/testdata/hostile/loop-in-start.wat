;; want: fuel
;; what: the start function never returns
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func $start (loop (br 0)))
  (start $start)
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.const 0)))
