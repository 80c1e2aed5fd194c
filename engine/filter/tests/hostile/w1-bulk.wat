;; Fills its whole memory, again and again: few instructions, much work.
;; Expect: out_of_fuel
(module (memory (export "memory") 512)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (loop $ever (memory.fill (i32.const 8192) (i32.const 1) (i32.const 33546240)) (br $ever))
    (i64.const 0)))
