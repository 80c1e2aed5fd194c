;; Drops everything. The tests put its machine code into the cache of compiled modules, where
;; another filter's should be: that one must be compiled anew.
;; Expect: answered
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32) (i32.const 0)))
