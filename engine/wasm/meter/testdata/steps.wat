;; Functions whose cost is counted by hand in TestFuelIsWhatWasCountedByHand.
;; block, loop, else, end and nop are free; every other instruction is one unit.
;; Code that need not be come to costs when it is taken, if it is 16 instructions or
;; more; a shorter piece costs always.
(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (memory (export "memory") 1 4)
  (table $functions 8 funcref)
  (table $open 1 externref)
  (elem (table $functions) (i32.const 0) func $double $fib $triple)
  (elem $passive func $double $fib)
  (data $text "0123456789abcdefghijklmnopqrstuv")
  (global $calls (mut i32) (i32.const 0))
  (global $pointer funcref (ref.func $triple))

  (func (export "nothing"))
  (func (export "nops") nop nop nop)
  (func (export "straight") (result i32)
    i32.const 1 i32.const 2 i32.add)                             ;; 3
  (func (export "branches") (param i32) (result i32)
    local.get 0                                                  ;; 1
    if (result i32) i32.const 10 else i32.const 20 end)          ;; 3, both arms
  (func (export "early") (param i32) (result i32)
    local.get 0 if i32.const 1 return end                        ;; 4
    i32.const 0)                                                 ;; 1
  (func $count (export "loop") (param i32) (result i32)
    (local i32)
    loop
      local.get 1 i32.const 1 i32.add local.tee 1                ;; 4
      local.get 0 i32.lt_u br_if 0                               ;; 3
    end
    local.get 1)                                                 ;; 1 outside
  (func (export "nested") (param i32 i32) (result i32)
    (local i32 i32 i32)
    loop                                                         ;; outer: 9
      i32.const 0 local.set 3                                    ;; 2
      loop                                                       ;; inner: 11
        local.get 4 i32.const 1 i32.add local.set 4              ;; 4
        local.get 3 i32.const 1 i32.add local.tee 3              ;; 4
        local.get 1 i32.lt_u br_if 0                             ;; 3
      end
      local.get 2 i32.const 1 i32.add local.tee 2                ;; 4
      local.get 0 i32.lt_u br_if 0                               ;; 3
    end
    local.get 4)                                                 ;; 1 outside
  (func (export "table") (param i32) (result i32)
    (local i32)
    loop $again                                                  ;; 9 a round
      block $done
        block $more
          local.get 1 local.get 0 i32.ge_u                       ;; 3
          br_table $more $done                                   ;; 1
        end
        local.get 1 i32.const 1 i32.add local.set 1              ;; 4
        br $again                                                ;; 1
      end
    end
    local.get 1)                                                 ;; 1 outside
  (func (export "leaves by return") (param i32) (result i32)
    (local i32)
    loop
      local.get 1 local.get 0 i32.eq                             ;; 3
      if local.get 1 return end                                  ;; 3
      local.get 1 i32.const 1 i32.add local.set 1                ;; 4
      br 0                                                       ;; 1
    end
    unreachable)                                                 ;; 1 outside
  (func (export "two results") (param i32) (result i32 i64)
    (local i32)
    loop
      local.get 1 i32.const 1 i32.add local.tee 1                ;; 4
      local.get 0 i32.ge_u                                       ;; 2
      if local.get 1 i64.const 7 return end                      ;; 4
      br 0                                                       ;; 1
    end
    i32.const 0 i64.const 0)                                     ;; 2 outside
  (func (export "takes operands") (param i32) (result i32)
    local.get 0                                                  ;; 1
    loop (param i32) (result i32)
      i32.const 1 i32.sub local.tee 0 local.get 0 br_if 0        ;; 5
    end)
  (func (export "operands below") (param i32) (result i32)
    (local i32)
    i32.const 1000                                               ;; 1
    loop (result i32)
      local.get 1 i32.const 1 i32.add local.tee 1                ;; 4
      local.get 1 local.get 0 i32.lt_u br_if 0                   ;; 4
    end
    i32.add)                                                     ;; 1
  (func $double (param i32) (result i32)
    local.get 0 i32.const 2 i32.mul)                             ;; 3
  (func $triple (param i32) (result i32)
    local.get 0 i32.const 3 i32.mul)                             ;; 3
  (func (export "calls") (param i32) (result i32)
    local.get 0 call $double call $double)                       ;; 3
  (func (export "calls in a loop") (param i32) (result i32)
    (local i32)
    loop
      local.get 1 call $double drop                              ;; 3
      local.get 1 i32.const 1 i32.add local.tee 1                ;; 4
      local.get 0 i32.lt_u br_if 0                               ;; 3
    end
    local.get 1)                                                 ;; 1 outside
  (func (export "loops between calls") (param i32) (result i32)
    local.get 0 call $count call $host call $count)              ;; 4
  (func (export "loop, call, loop") (param i32) (result i32)
    (local i32 i32)
    loop
      local.get 1 i32.const 1 i32.add local.tee 1                ;; 4
      local.get 0 i32.lt_u br_if 0                               ;; 3
    end
    local.get 1 call $double drop                                ;; 3 outside
    loop
      local.get 2 i32.const 1 i32.add local.tee 2                ;; 4
      local.get 0 i32.lt_u br_if 0                               ;; 3
    end
    local.get 2)                                                 ;; 1 outside
  (func (export "indirect") (param i32 i32) (result i32)
    local.get 0 local.get 1 call_indirect (param i32) (result i32)) ;; 3
  (func (export "reference") (result i32)
    i32.const 3 global.get $pointer table.set $functions         ;; 3
    i32.const 5 i32.const 3 call_indirect (param i32) (result i32)) ;; 3
  (func (export "reference in code") (result i32)
    i32.const 4 ref.func $double table.set $functions            ;; 3
    i32.const 5 i32.const 4 call_indirect (param i32) (result i32)) ;; 3
  (func $fib (export "fib") (param i32) (result i32)
    local.get 0 i32.const 2 i32.lt_u                             ;; 3
    if (result i32) local.get 0                                  ;; 2
    else
      local.get 0 i32.const 1 i32.sub call $fib                  ;; 4
      local.get 0 i32.const 2 i32.sub call $fib i32.add          ;; 5: 14 in all
    end)

  (func (export "fill") (param i32)
    i32.const 0 i32.const 7 local.get 0 memory.fill)             ;; 4, and 1 for each 8
  (func (export "copy") (param i32)
    i32.const 0 i32.const 64 local.get 0 memory.copy)            ;; 4, and 1 for each 8
  (func (export "init") (param i32)
    i32.const 0 i32.const 0 local.get 0 memory.init $text)       ;; 4, and 1 for each 8
  (func (export "grow") (param i32) (result i32)
    local.get 0 memory.grow)                                     ;; 2, and 8,192 for each page
  (func (export "table fill") (param i32)
    i32.const 5 ref.null func local.get 0 table.fill $functions) ;; 4, and 1 for each
  (func (export "table copy") (param i32)
    i32.const 5 i32.const 0 local.get 0 table.copy $functions $functions) ;; 4, and 1 for each
  (func (export "table init") (param i32)
    i32.const 5 i32.const 0 local.get 0 table.init $functions $passive)   ;; 4, and 1 for each
  (func (export "table grow") (param i32) (result i32)
    ref.null extern local.get 0 table.grow $open)                ;; 3, and 1 for each
  (func (export "fills in a loop") (param i32) (result i32)
    (local i32)
    loop
      i32.const 0 i32.const 1 i32.const 9 memory.fill            ;; 4, and 2
      local.get 1 i32.const 1 i32.add local.tee 1                ;; 4
      local.get 0 i32.lt_u br_if 0                               ;; 3
    end
    local.get 1)                                                 ;; 1 outside
  (func (export "fill beside a loop") (param i32) (result i32)
    (local i32)
    loop
      local.get 1 i32.const 1 i32.add local.tee 1                ;; 4
      local.get 0 i32.lt_u br_if 0                               ;; 3
    end
    i32.const 0 i32.const 1 local.get 0 memory.fill              ;; 4 outside, and 1 for each 8
    local.get 1)                                                 ;; 1 outside

  (func (export "long detour") (param i32) (result i32)
    local.get 0                                                  ;; 1
    if                                                           ;; 1
      local.get 0 i32.const 1 i32.add local.set 0                ;; 4
      local.get 0 i32.const 1 i32.add local.set 0                ;; 4
      local.get 0 i32.const 1 i32.add local.set 0                ;; 4
      local.get 0 i32.const 1 i32.add local.set 0                ;; 4: 16 when it is taken
    end
    local.get 0)                                                 ;; 1
  (func (export "short detour") (param i32) (result i32)
    local.get 0                                                  ;; 1
    if                                                           ;; 1
      local.get 0 i32.const 1 i32.add local.set 0                ;; 4
      local.get 0 i32.const 1 i32.add local.set 0                ;; 4
      local.get 0 i32.const 1 i32.add local.set 0                ;; 4
      i32.const 0 drop                                           ;; 2: 14 always
    end
    local.get 0)                                                 ;; 1
  (func (export "detour in a loop") (param i32) (result i32)
    (local i32)
    loop
      local.get 1 i32.const 1 i32.add local.tee 1                ;; 4
      i32.const 3 i32.eq                                         ;; 2
      if                                                         ;; 1
        memory.size drop memory.size drop memory.size drop       ;; 6
        memory.size drop memory.size drop memory.size drop       ;; 6
        memory.size drop memory.size drop                        ;; 4: 16 in the third round
      end
      local.get 1 local.get 0 i32.lt_u br_if 0                   ;; 4
    end
    local.get 1)                                                 ;; 1 outside
  (func (export "dead code") (param i32) (result i32)
    local.get 0 return                                           ;; 2
    loop br 0 end                                                ;; 1 in a loop that is not entered
    memory.fill drop unreachable)                                ;; 3
)
