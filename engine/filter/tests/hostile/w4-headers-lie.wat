;; Says that 128 headers follow, and gives the bytes of one.
;; Expect: broken, the headers are shorter than they say
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBR1\01\00\00\00\20\20\00\00\40\00\00\00") ;; FBR1, rows, where, stride
  (data (i32.const 8224) "\00\00\00\00\02\04\00\00") ;; source, verdict, mask, route
  (data (i32.const 8256) "\00\40\00\00\0e\00\00\00") ;; headers: where, how long
  (data (i32.const 16384) "\80\00\00\00\01\00\00\00\01\00\00\00ab") ;; count; lengths, name, value
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0x0000200000000020)))
