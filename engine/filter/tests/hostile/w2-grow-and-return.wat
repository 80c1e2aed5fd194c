;; Grows to 31 MiB at each call and passes everything: it would keep what it took.
;; Expect: answered
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (if (i32.ge_s (memory.grow (i32.const 494)) (i32.const 0)) (then
      (memory.fill (i32.const 131072) (i32.const 1) (i32.const 32374784))))
    (i64.const 0)))
