;; Answers each request for a buffer with what lies beyond its memory.
;; Expect: broken, forebay_buffer(
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const -16))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
