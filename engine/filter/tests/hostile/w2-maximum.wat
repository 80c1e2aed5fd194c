;; Says that its memory may grow beyond 1 GiB.
;; Expect: refused, maximum of 1024 MiB
(module
  (memory (export "memory") 1 16385)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
