;; Logs a kilobyte with control characters a thousand times, at every event.
;; Expect: answered
(module (import "forebay_v1" "log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2) (data (i32.const 16) "a\0ab\1b[2Jc\00")
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param $at i32) (param i32) (result i64)
    (local $i i32) (local $n i32)
    (block $end (loop $event
      (br_if $end (i32.ge_u (local.get $i) (i32.load offset=12 (local.get $at))))
      (i32.store offset=48 (local.get $at) (local.get $i))
      (local.set $n (i32.const 1000))
      (loop $again
        (drop (call $log (i32.const 9) (i32.const 16) (i32.const 1024)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $event)))
    (i64.const 0)))
