;; Has 50,000 blocks, each in the one before: as many as a host may have to stand.
;; Expect: answered
(module
  (func
    block ;; times 50000
    end ;; times 50000
  )
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
