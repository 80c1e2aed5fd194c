;; Calls the host from as deep in its stack as it can get.
;; Expect: trap, call stack exhausted
(module (import "forebay_v1" "log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func $deep (param i32) (result i32)
    (drop (call $log (i32.const 1) (i32.const 0) (i32.const 64)))
    (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (i64.extend_i32_u (call $deep (i32.const 0)))))
