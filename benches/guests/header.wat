;; Keeps events whose header `x-shop` begins with `n`; never looks at a body.
(module
  (memory (export "memory") 4)
  (func (export "forebay_buffer") (param $len i32) (result i32)
    (local $pages i32)
    (local.set $pages (i32.sub
      (i32.shr_u (i32.add (local.get $len) (i32.const 131071)) (i32.const 16))
      (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0)) (then
      (if (i32.lt_s (memory.grow (local.get $pages)) (i32.const 0))
        (then (return (i32.const 0))))))
    (i32.const 65536))
  (func $is_wanted (param $at i32) (result i32)
    (local $left i32) (local $name i32) (local $value i32)
    (local.set $left (i32.load (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.const 4)))
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $left)))
      (local.set $name (i32.load16_u (local.get $at)))
      (local.set $value (i32.load offset=4 (local.get $at)))
      (if (i32.eq (local.get $name) (i32.const 6)) (then
        (if (i32.and
              (i32.eq (i32.load offset=8 (local.get $at)) (i32.const 0x68732d78))
              (i32.eq (i32.load16_u offset=12 (local.get $at)) (i32.const 0x706f)))
          (then (return (i32.eq (i32.load8_u offset=14 (local.get $at)) (i32.const 110)))))))
      (local.set $at (i32.and
        (i32.add (i32.add (local.get $at) (i32.const 11))
                 (i32.add (local.get $name) (local.get $value)))
        (i32.const -4)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $next)))
    (i32.const 0))
  (func (export "forebay_process_v1") (param $at i32) (param $len i32) (result i64)
    (local $i i32) (local $n i32) (local $entry i32)
    (local.set $n (i32.load offset=12 (local.get $at)))
    (local.set $entry (i32.load offset=16 (local.get $at)))
    (block $end (loop $next
      (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
      (i32.store offset=48 (local.get $at) (local.get $i))
      (i32.store8 offset=8200 (local.get $i)
        (call $is_wanted (i32.load offset=32 (local.get $entry))))
      (local.set $entry (i32.add (local.get $entry) (i32.load offset=20 (local.get $at))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (i32.store (i32.const 8192) (i32.const 0x31564246))
    (i32.store (i32.const 8196) (local.get $n))
    (i64.or (i64.shl (i64.const 8192) (i64.const 32))
            (i64.extend_i32_u (i32.add (local.get $n) (i32.const 8))))))
