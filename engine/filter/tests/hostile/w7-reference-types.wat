;; Grows a table: reference types are off.
;; Expect: refused, reference types
(module (table 1 funcref)
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (drop (table.grow (ref.null func) (i32.const 1))) (i64.const 0)))
