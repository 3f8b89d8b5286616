;; want: fuel
;; what: an endless loop of the slowest instructions
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (local f64)
    (loop
      (local.set 2 (f64.sqrt (f64.div (f64.const 1) (f64.add (local.get 2) (f64.const 3)))))
      (br 0))
    (unreachable)))
