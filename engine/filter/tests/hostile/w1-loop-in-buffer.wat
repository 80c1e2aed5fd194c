;; Loops when it is asked for its buffer.
;; Expect: out_of_fuel
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (loop $ever (br $ever)) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
