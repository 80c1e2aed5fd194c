;; Has pages of one byte.
;; Expect: refused, custom page sizes
(module (memory (export "memory") 131072 (pagesize 1))
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
