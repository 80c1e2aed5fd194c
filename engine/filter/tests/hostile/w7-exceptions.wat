;; Throws: exceptions are off.
;; Expect: refused, exceptions
(module (tag $t)
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (throw $t) (i64.const 0)))
