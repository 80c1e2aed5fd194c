;; Has one function of 900 KB.
;; Expect: refused, bytes in one function
(module
  (func
    i32.const 0 drop ;; times 300000
  )
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
