;; Answers with a result that begins in its memory and ends outside.
;; Expect: broken, the result lies outside memory
(module (memory (export "memory") 16)
  (data (i32.const 1048572) "FBR1")
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x000ffffc00000020)))
