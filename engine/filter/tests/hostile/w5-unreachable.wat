;; Comes to what its compiler took for unreachable, in a function that has a name.
;; Expect: trap, `unreachable`
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func $parse_order (result i64) unreachable)
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (call $parse_order)))
