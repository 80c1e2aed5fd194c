;; Multiplies to 128 bits: wide arithmetic is off.
;; Expect: refused, wide arithmetic
(module 
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.mul_wide_u (i64.const 1) (i64.const 1)) drop drop (i64.const 0)))
