;; Has no room for any event.
;; Expect: too_large, too large for the filter
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 0))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
