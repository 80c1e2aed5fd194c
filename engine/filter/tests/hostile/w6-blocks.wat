;; Has 200,000 blocks, each in the one before.
;; Expect: refused, bytes in one function
(module
  (func
    block ;; times 200000
    end ;; times 200000
  )
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
