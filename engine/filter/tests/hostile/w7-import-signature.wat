;; Imports a function of the host with another signature.
;; Expect: refused, the import forebay_v1.log is declared as (i32, i64) -> nothing
(module (import "forebay_v1" "log" (func (param i32 i64)))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
