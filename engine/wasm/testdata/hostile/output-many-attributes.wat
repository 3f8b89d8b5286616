;; want: bad_output
;; what: an indicator of 17 attributes
(module
  (memory (export "memory") 2)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (data (i32.const 1024) "{\22indicators\22:[{\22type\22:\22string\22,\22value\22:\22x\22,\22part\22:0,\22attributes\22:{\22a0\22:\22x\22,\22a1\22:\22x\22,\22a2\22:\22x\22,\22a3\22:\22x\22,\22a4\22:\22x\22,\22a5\22:\22x\22,\22a6\22:\22x\22,\22a7\22:\22x\22,\22a8\22:\22x\22,\22a9\22:\22x\22,\22a10\22:\22x\22,\22a11\22:\22x\22,\22a12\22:\22x\22,\22a13\22:\22x\22,\22a14\22:\22x\22,\22a15\22:\22x\22,\22a16\22:\22x\22}}]}")
  (func (export "tqx_extract") (param $frame i32) (param $length i32) (result i64)
    (i64.const 0x00000400000000e6)))
