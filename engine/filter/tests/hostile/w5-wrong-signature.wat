;; Takes and answers less than it has to.
;; Expect: refused, the export forebay_filter_v1 is (i32) -> nothing
(module (memory (export "memory") 1)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 16))
  (func (export "forebay_filter_v1") (param i32)))
