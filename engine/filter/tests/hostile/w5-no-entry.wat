;; Has nothing to call.
;; Expect: refused, neither forebay_process_v1 nor forebay_filter_v1
(module (memory (export "memory") 1)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 16)))
