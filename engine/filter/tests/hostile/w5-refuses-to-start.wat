;; Never takes its configuration.
;; Expect: start, refused its configuration
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_init_v1") (param i32 i32) (result i32) (i32.const -1))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
