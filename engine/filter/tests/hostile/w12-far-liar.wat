;; Traps at bodies that begin with x, and blames an event that is not there.
;; Expect: trap, `unreachable`
(module (memory (export "memory") 64)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 65536))
  (func (export "forebay_process_v1") (param $at i32) (param i32) (result i64)
    (local $i i32) (local $entry i32)
    (i32.store offset=48 (local.get $at) (i32.const 999))
    (local.set $entry (i32.load offset=16 (local.get $at)))
    (block $end (loop $next
      (br_if $end (i32.ge_u (local.get $i) (i32.load offset=12 (local.get $at))))
      (if (i32.eq (i32.load8_u (i32.load offset=40 (local.get $entry))) (i32.const 120)) (then unreachable))
      (local.set $entry (i32.add (local.get $entry) (i32.const 64)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (i64.const 0)))
