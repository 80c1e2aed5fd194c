;; Gives a page back to the system: memory control is off.
;; Expect: refused, memory control
(module
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (memory.discard (i32.const 0) (i32.const 65536))
    (i64.const 0)))
