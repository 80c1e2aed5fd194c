;; Has a memory for several threads.
;; Expect: refused, threads
(module (memory (export "memory") 2 4 shared)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
