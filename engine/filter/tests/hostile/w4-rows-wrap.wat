;; Has 64 rows so wide that in 32 bits they have no length together.
;; Expect: broken, the rows lie outside memory
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBR1\40\00\00\00\20\20\00\00\00\00\00\04") ;; FBR1, rows, where, stride
  (data (i32.const 8224) "\00\00\00\00\01\00\00\00") ;; source, verdict, mask, route
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x0000200000000020)))
