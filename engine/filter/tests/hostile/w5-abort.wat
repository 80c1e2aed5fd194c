;; As AssemblyScript ends: the message is UTF-16, its length before it.
;; Expect: trap, abort: no! (:3:4)
(module (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 60) "\06\00\00\00n\00o\00!\00")
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (call $abort (i32.const 64) (i32.const -2) (i32.const 3) (i32.const 4)) (i64.const 0)))
