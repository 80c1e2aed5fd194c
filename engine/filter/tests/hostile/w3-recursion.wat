;; Calls itself for ever.
;; Expect: trap, call stack exhausted
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func $deep (param i64 i64) (result i64)
    (i64.add (call $deep (local.get 1) (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (call $deep (i64.const 1) (i64.const 2))))
