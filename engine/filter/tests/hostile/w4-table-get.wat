;; The body is a list of (table, tlen, k, klen, dst, cap), six words each; makes those look-ups and
;; emits the first 4 KiB of its memory: the statuses, a word each, stand from 2048 on.
;; Expect: answered
(module
  (import "forebay_v1" "table_get" (func $get (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (data (i32.const 0) "colours") (data (i32.const 16) "red") (data (i32.const 32) "nothing")
  (global $start (mut i32) (i32.const 0))
  (func (export "_initialize")
    (global.set $start (call $get (i32.const 0) (i32.const 7) (i32.const 16) (i32.const 3)
      (i32.const 64) (i32.const 64))))
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 65536))
  (func (export "forebay_process_v1") (param $batch i32) (param $len i32) (result i64)
    (local $at i32) (local $end i32) (local $status i32)
    ;; What stood there after the batch before is not this one's.
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 4032))
    (i32.store (i32.const 2044) (global.get $start))
    (local.set $at (i32.load offset=40 (i32.load offset=16 (local.get $batch))))
    (local.set $end (i32.add (local.get $at)
      (i32.load offset=44 (i32.load offset=16 (local.get $batch)))))
    (local.set $status (i32.const 2048))
    (block $done (loop $next
      (br_if $done (i32.gt_u (i32.add (local.get $at) (i32.const 24)) (local.get $end)))
      (i32.store (local.get $status) (call $get
        (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))
        (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at))
        (i32.load offset=16 (local.get $at)) (i32.load offset=20 (local.get $at))))
      (local.set $status (i32.add (local.get $status) (i32.const 4)))
      (local.set $at (i32.add (local.get $at) (i32.const 24)))
      (br $next)))
    ;; One row: EMIT with a body.
    (i32.store (i32.const 8192) (i32.const 0x31524246)) (i32.store (i32.const 8196) (i32.const 1))
    (i32.store (i32.const 8200) (i32.const 8224)) (i32.store (i32.const 8204) (i32.const 64))
    (memory.fill (i32.const 8224) (i32.const 0) (i32.const 64))
    (i32.store offset=4 (i32.const 8224) (i32.const 0x802))
    (i32.store offset=44 (i32.const 8224) (i32.const 4096))
    (i64.or (i64.shl (i64.const 8192) (i64.const 32)) (i64.const 32))))
