;; Starts with a table of 100,001 elements.
;; Expect: refused, elements in a table
(module (table 100001 funcref)
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
