;; Says in the compact form that a verdict follows, and ends before it.
;; Expect: broken, the result is shorter than its verdicts
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBV1\01\00\00\00\01") ;; FBV1, verdicts
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x0000200000000008)))
