;; Says of the last 16 bytes of its memory that they are a buffer of whatever length.
;; Expect: broken, forebay_buffer(
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 131056))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
