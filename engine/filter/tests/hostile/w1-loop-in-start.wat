;; Loops in its start function, before the host knows any of its exports.
;; Expect: start, out of fuel
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0))
  (func $start (loop $ever (br $ever))) (start $start))
