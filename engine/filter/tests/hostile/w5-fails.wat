;; Says at every event that it failed, in 64 KiB of control characters.
;; Expect: failed, \u{1b}
(module
  (import "forebay_v1" "fail" (func $fail (param i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 131072))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (memory.fill (i32.const 0) (i32.const 0x1b) (i32.const 65536))
    (drop (call $fail (i32.const 0) (i32.const 65536)))
    (i64.const -1)))
