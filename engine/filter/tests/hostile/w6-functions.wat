;; Has a hundred thousand functions, two bytes each.
;; Expect: refused, functions, the limit is 50000
(module
  (func) ;; times 100000
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
