;; Imports a function of an exact type.
;; Expect: refused, the import forebay_v1.now_ns is of an exact type
(module
  (import "forebay_v1" "now_ns" (func (exact (result i64))))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
