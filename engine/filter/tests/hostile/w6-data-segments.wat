;; Has 60,000 segments of data, all of them empty.
;; Expect: refused, data segments, the limit is 50000
(module
  (data "") ;; times 60000
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
