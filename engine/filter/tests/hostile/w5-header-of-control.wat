;; Emits a header's value with a byte that HTTP does not carry, so that it could never be delivered.
;; Expect: broken, a header's value has CR, LF or another control character
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBR1\01\00\00\00\20\20\00\00\40\00\00\00") ;; FBR1, rows, where, stride
  (data (i32.const 8224) "\00\00\00\00\02\04\00\00") ;; source, verdict, mask, route
  (data (i32.const 8256) "\00\40\00\00\18\00\00\00") ;; headers: where, how long
  (data (i32.const 16384) "\01\00\00\00\03\00\00\00\09\00\00\00x-a1\7f2345678") ;; count; lengths, name, value
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x0000200000000020)))
