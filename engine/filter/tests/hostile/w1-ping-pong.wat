;; Does nothing but call the host.
;; Expect: out_of_fuel
(module (import "forebay_v1" "now_ns" (func $now (result i64)))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (loop $ever (drop (call $now)) (br $ever)) (i64.const 0)))
