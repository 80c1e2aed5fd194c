;; Makes a NaN out of two whose bits machines differ in, and keeps the event if it is the one NaN.
;; Expect: answered
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32)
    (i64.eq (i64.const 0x7ff8000000000000)
      (i64.reinterpret_f64 (f64.add (f64.const -nan:0x4000000000001)
        (f64.load (i32.const 0)))))))
