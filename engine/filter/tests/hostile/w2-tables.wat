;; Has a thousand tables.
;; Expect: refused, 1000 tables, the limit is 1
(module
  (table 1 funcref) ;; times 1000
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
