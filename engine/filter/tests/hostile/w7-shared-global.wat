;; Has a global that threads share.
;; Expect: refused, threads
(module (global $g (shared mut i32) (i32.const 0))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (global.atomic.set seq_cst $g (i32.const 1))
    (i64.const 0)))
