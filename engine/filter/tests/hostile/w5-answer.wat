;; Answers in the single form with neither yes nor no.
;; Expect: broken, forebay_filter_v1 answered 2
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32) (i32.const 2)))
