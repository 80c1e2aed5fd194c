;; Is of a contract to come.
;; Expect: refused, forebay_process_v2 is of a contract later than forebay_process_v1
(module (memory (export "memory") 1)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 16))
  (func (export "forebay_process_v2")))
