;; Looks the same key up for ever.
;; Expect: out_of_fuel
(module
  (import "forebay_v1" "table_get" (func $get (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "colours") (data (i32.const 16) "red")
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32)
    (loop $again
      (drop (call $get (i32.const 0) (i32.const 7) (i32.const 16) (i32.const 3)
        (i32.const 64) (i32.const 64)))
      (br $again))
    (i32.const 1)))
