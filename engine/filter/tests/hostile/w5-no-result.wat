;; Answers with bytes that are no result.
;; Expect: broken, the result begins with neither FBR1 nor FBV1
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBB1\01\00\00\00\20\20\00\00\40\00\00\00")
  (data (i32.const 8224) "\00\00\00\00\01\00\00\00") ;; source, verdict, mask, route
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x0000200000000020)))
