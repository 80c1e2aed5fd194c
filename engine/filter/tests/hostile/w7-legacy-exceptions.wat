;; Catches in the old way: exceptions are off.
;; Expect: refused, exceptions (legacy)
(module
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    try
    catch_all
    end
    (i64.const 0)))
