;; want: refused
;; what: the memory is imported
(module
  (import "env" "memory" (memory 2))
  (export "memory" (memory 0))
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.const 0)))
