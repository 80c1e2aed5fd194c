;; Waits for a clock that stands still.
;; Expect: trap, its clock stands still
(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (loop $ever (drop (call $yield)) (br $ever)) (i64.const 0)))
