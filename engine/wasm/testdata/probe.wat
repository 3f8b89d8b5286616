;; Reports how much of the mail before is left: a global, a byte of the heap, an
;; entry of a table, pages of memory, a dropped segment; 0 when there is nothing.
;; Then it leaves all of that behind.
(module
  (memory (export "memory") 2)
  (table $entries 1 funcref)
  (global $seen (mut i32) (i32.const 0))
  (data (i32.const 1024) "{\"indicators\":[{\"type\":\"string\",\"value\":\"leaked 0\",\"part\":0}]}")
  (data $segment "abcd")
  (elem declare func $left)
  (func $left)
  (func (export "tqx_abi_v1"))
  (func (export "tqx_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "tqx_extract") (param i32 i32) (result i64)
    (i32.store8 (i32.const 1072)
      (i32.add (i32.const 48)
        (i32.add
          (i32.add (global.get $seen) (i32.load8_u (i32.const 4096)))
          (i32.add
            (i32.eqz (ref.is_null (table.get $entries (i32.const 0))))
            (i32.sub (memory.size) (i32.const 2))))))
    (memory.init $segment (i32.const 8192) (i32.const 0) (i32.const 4))
    (data.drop $segment)
    (global.set $seen (i32.const 1))
    (i32.store8 (i32.const 4096) (i32.const 1))
    (table.set $entries (i32.const 0) (ref.func $left))
    (drop (memory.grow (i32.const 1)))
    (i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const 62))))
