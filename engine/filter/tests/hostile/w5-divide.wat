;; Divides by zero.
;; Expect: trap, integer divide by zero
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param $a i32) (param i32) (result i64)
    (i64.extend_i32_u (i32.div_u (local.get $a) (i32.const 0)))))
