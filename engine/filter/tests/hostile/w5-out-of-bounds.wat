;; Reads beyond its memory.
;; Expect: trap, out of bounds memory access
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.load (i32.const -9))))
