;; Imports two functions by one entry, past who counts entries.
;; Expect: refused, compact imports
(module
  (import "forebay_v1" (item "now_ns" (func (result i64))) (item "random" (func (result i64))))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
