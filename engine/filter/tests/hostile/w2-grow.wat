;; Takes all memory that it gets, touches it, and goes on asking.
;; Expect: out_of_fuel
(module (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (local $page i32)
    (loop $more
      (local.set $page (memory.grow (i32.const 1)))
      (if (i32.ge_s (local.get $page) (i32.const 0)) (then
        (memory.fill (i32.shl (local.get $page) (i32.const 16)) (i32.const 1) (i32.const 65536))
        (br $more))))
    (loop $ever (drop (memory.grow (i32.const 65535))) (br $ever))
    (i64.const 0)))
