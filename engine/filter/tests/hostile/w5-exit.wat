;; Ends the process that it takes itself to be in.
;; Expect: trap, proc_exit(3)
(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (call $exit (i32.const 3)) (i64.const 0)))
