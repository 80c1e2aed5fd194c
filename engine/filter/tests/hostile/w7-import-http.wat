;; Imports a function from the host that the host does not have.
;; Expect: refused, unknown import forebay_v1.http
(module (import "forebay_v1" "http" (func))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
