;; Starts with a page more than the 32 MiB that a filter has.
;; Expect: refused, starts with 32 MiB of memory
(module
  (memory (export "memory") 513)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
