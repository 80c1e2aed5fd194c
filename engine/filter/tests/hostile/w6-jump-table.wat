;; Has a jump to one of a million places.
;; Expect: refused, bytes in one function
(module
  (func (block (i32.const 0)
    br_table
    0 ;; times 1000000
    0))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
