;; Answers with a result whose end, in 32 bits, is its beginning less 16.
;; Expect: broken, the result lies outside memory
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBR1\01\00\00\00\20\20\00\00\40\00\00\00") ;; FBR1, rows, where, stride
  (data (i32.const 8224) "\00\00\00\00\01\00\00\00") ;; source, verdict, mask, route
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x00002000fffffff0)))
