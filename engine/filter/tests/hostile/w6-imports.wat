;; Has 300 imports.
;; Expect: refused, imports, the limit is 256
(module
  (import "forebay_v1" "now_ns" (func (result i64))) ;; times 300
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
