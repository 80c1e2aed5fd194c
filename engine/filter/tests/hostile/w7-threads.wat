;; Loads as threads do: they are off.
;; Expect: refused, threads
(module 
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (drop (i32.atomic.load (i32.const 0))) (i64.const 0)))
