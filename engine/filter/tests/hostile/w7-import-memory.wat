;; Imports its memory.
;; Expect: refused, the import env.memory is a memory
(module (import "env" "memory" (memory 1))
  (export "memory" (memory 0))
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
