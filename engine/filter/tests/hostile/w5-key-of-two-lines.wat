;; Emits a key with a line of its own, for who reads it in a log.
;; Expect: broken, the key has control characters
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBR1\01\00\00\00\20\20\00\00\40\00\00\00") ;; FBR1, rows, where, stride
  (data (i32.const 8224) "\00\00\00\00\02\01\00\00") ;; source, verdict, mask, route
  (data (i32.const 8240) "\00\40\00\00\08\00\00\00") ;; key: where, how long
  (data (i32.const 16384) "paid\r\nx:")
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x0000200000000020)))
