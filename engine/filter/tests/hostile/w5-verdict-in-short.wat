;; Answers in the compact form with a verdict that this form has not.
;; Expect: broken, the compact form has no verdict 2
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBV1\01\00\00\00\02") ;; FBV1, verdicts
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x0000200000000009)))
