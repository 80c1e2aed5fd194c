;; Wants a member "branch" in its configuration, and fails with that as its message.
(module
  (import "forebay_v1" "config_get" (func $get (param i32 i32 i32 i32) (result i32)))
  (import "forebay_v1" "fail" (func $fail (param i32 i32) (result i32)))
  (memory (export "memory") 2) (data (i32.const 16) "branch")
  (global $len (mut i32) (i32.const 0))
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_init_v1") (param $at i32) (param $len i32) (result i32)
    (drop (call $fail (local.get $at) (local.get $len)))
    (global.set $len (call $get (i32.const 16) (i32.const 6) (i32.const 64) (i32.const 8)))
    (i32.eq (global.get $len) (i32.const -1)))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (drop (call $fail (i32.const 64) (global.get $len))) (i64.const -1)))
