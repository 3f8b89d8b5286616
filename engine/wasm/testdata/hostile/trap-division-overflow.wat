;; want: trap
;; what: the one signed division that overflows
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.extend_i32_s (i32.div_s (i32.const 0x80000000) (i32.const -1)))))
