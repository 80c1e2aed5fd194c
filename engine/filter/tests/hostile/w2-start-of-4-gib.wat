;; Starts with all memory that an address of 32 bits reaches.
;; Expect: refused, starts with 4096 MiB of memory
(module
  (memory (export "memory") 65536)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
