;; An honest guest: the first byte of each body says what it does with the event.
;;   d drop · p pass · r reject (reason = body) · t retry in 7 ms · a emit the rest of the body, in
;;   place · k the rest becomes the key · y the rest becomes the type · 3 three outputs · e emit
;;   unchanged · n emit time and randomness · g log the body, pass · 0 no row · x trap · l loop
;;   for ever · w work for 100,000 rounds of four instructions, pass · f fail, with a message
(module
  (import "forebay_v1" "fail" (func $fail (param i32 i32) (result i32)))
  (import "forebay_v1" "log" (func $log (param i32 i32 i32) (result i32)))
  (import "forebay_v1" "now_ns" (func $now (result i64)))
  (import "forebay_v1" "random" (func $random (result i64)))
  (memory (export "memory") 4)
  (data (i32.const 16) "no good")
  (global $row (mut i32) (i32.const 0))
  (func (export "forebay_buffer") (param $len i32) (result i32)
    (local $pages i32)
    (local.set $pages (i32.sub
      (i32.shr_u (i32.add (local.get $len) (i32.const 327679)) (i32.const 16))
      (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0)) (then
      (if (i32.lt_s (memory.grow (local.get $pages)) (i32.const 0))
        (then (return (i32.const 0))))))
    (i32.const 262144))
  (func $row (param $source i32) (param $verdict i32) (param $mask i32)
    (memory.fill (global.get $row) (i32.const 0) (i32.const 64))
    (i32.store (global.get $row) (local.get $source))
    (i32.store8 offset=4 (global.get $row) (local.get $verdict))
    (i32.store8 offset=5 (global.get $row) (local.get $mask))
    (global.set $row (i32.add (global.get $row) (i32.const 64))))
  ;; Sets a (ptr, len) of the last row; `back` is counted from its end.
  (func $set (param $back i32) (param $ptr i32) (param $len i32)
    (local $at i32)
    (local.set $at (i32.sub (global.get $row) (local.get $back)))
    (i32.store (local.get $at) (local.get $ptr))
    (i32.store offset=4 (local.get $at) (local.get $len)))
  (func (export "forebay_process_v1") (param $at i32) (param $len i32) (result i64)
    (local $i i32) (local $n i32) (local $entry i32) (local $ptr i32) (local $size i32)
    (local $c i32) (local $rest i32) (local $note i32)
    (local.set $n (i32.load offset=12 (local.get $at)))
    (local.set $entry (i32.load offset=16 (local.get $at)))
    (global.set $row (i32.const 8224))
    (block $end (loop $next
      (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
      (i32.store offset=48 (local.get $at) (local.get $i))
      (local.set $ptr (i32.load offset=40 (local.get $entry)))
      (local.set $size (i32.load offset=44 (local.get $entry)))
      (local.set $c (i32.const 112))
      (if (local.get $size) (then (local.set $c (i32.load8_u (local.get $ptr)))))
      (local.set $rest (i32.add (local.get $ptr) (i32.const 1)))
      (if (i32.eq (local.get $c) (i32.const 100)) ;; d
        (then (call $row (local.get $i) (i32.const 0) (i32.const 0))))
      (if (i32.eq (local.get $c) (i32.const 112)) ;; p
        (then (call $row (local.get $i) (i32.const 1) (i32.const 0))))
      (if (i32.eq (local.get $c) (i32.const 114)) (then ;; r
        (call $row (local.get $i) (i32.const 3) (i32.const 0))
        (call $set (i32.const 16) (local.get $ptr) (local.get $size))))
      (if (i32.eq (local.get $c) (i32.const 116)) (then ;; t
        (call $row (local.get $i) (i32.const 4) (i32.const 0))
        (i32.store (i32.sub (global.get $row) (i32.const 56)) (i32.const 7))))
      (if (i32.eq (local.get $c) (i32.const 97)) (then ;; a
        (call $row (local.get $i) (i32.const 2) (i32.const 8))
        (call $set (i32.const 24) (local.get $rest) (i32.sub (local.get $size) (i32.const 1)))))
      (if (i32.eq (local.get $c) (i32.const 107)) (then ;; k
        (call $row (local.get $i) (i32.const 2) (i32.const 1))
        (call $set (i32.const 48) (local.get $rest) (i32.sub (local.get $size) (i32.const 1)))))
      (if (i32.eq (local.get $c) (i32.const 121)) (then ;; y
        (call $row (local.get $i) (i32.const 2) (i32.const 2))
        (call $set (i32.const 40) (local.get $rest) (i32.sub (local.get $size) (i32.const 1)))))
      (if (i32.eq (local.get $c) (i32.const 101)) ;; e
        (then (call $row (local.get $i) (i32.const 2) (i32.const 0))))
      (if (i32.eq (local.get $c) (i32.const 51)) (then ;; 3
        (call $row (local.get $i) (i32.const 2) (i32.const 0))
        (call $row (local.get $i) (i32.const 2) (i32.const 8))
        (call $set (i32.const 24) (local.get $rest) (i32.sub (local.get $size) (i32.const 1)))
        (call $row (local.get $i) (i32.const 2) (i32.const 8))
        (call $set (i32.const 24) (i32.const 0) (i32.const 0))))
      (if (i32.eq (local.get $c) (i32.const 110)) (then ;; n
        (local.set $note (i32.add (i32.const 204800) (i32.mul (local.get $i) (i32.const 24))))
        (i64.store (local.get $note) (call $now))
        (i64.store offset=8 (local.get $note) (call $random))
        (i64.store offset=16 (local.get $note) (call $random))
        (call $row (local.get $i) (i32.const 2) (i32.const 8))
        (call $set (i32.const 24) (local.get $note) (i32.const 24))))
      (if (i32.eq (local.get $c) (i32.const 103)) (then ;; g
        (drop (call $log (i32.const 1) (local.get $ptr) (local.get $size)))
        (call $row (local.get $i) (i32.const 1) (i32.const 0))))
      (if (i32.eq (local.get $c) (i32.const 120)) (then unreachable)) ;; x
      (if (i32.eq (local.get $c) (i32.const 108)) (then (loop $ever (br $ever)))) ;; l
      (if (i32.eq (local.get $c) (i32.const 119)) (then ;; w
        (local.set $note (i32.const 100000))
        (loop $work (br_if $work
          (local.tee $note (i32.sub (local.get $note) (i32.const 1)))))
        (call $row (local.get $i) (i32.const 1) (i32.const 0))))
      (if (i32.eq (local.get $c) (i32.const 102)) (then ;; f
        (drop (call $fail (i32.const 16) (i32.const 7)))
        (return (i64.const -1))))
      (local.set $entry (i32.add (local.get $entry) (i32.load offset=20 (local.get $at))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (memory.fill (i32.const 8192) (i32.const 0) (i32.const 32))
    (i32.store (i32.const 8192) (i32.const 0x31524246))
    (i32.store (i32.const 8196)
      (i32.div_u (i32.sub (global.get $row) (i32.const 8224)) (i32.const 64)))
    (i32.store (i32.const 8200) (i32.const 8224))
    (i32.store (i32.const 8204) (i32.const 64))
    (i64.or (i64.shl (i64.const 8192) (i64.const 32)) (i64.const 32))))
