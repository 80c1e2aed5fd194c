;; Has 20,000 segments of elements, all of them empty.
;; Expect: refused, element segments, the limit is 10000
(module
  (elem func) ;; times 20000
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
