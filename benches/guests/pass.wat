;; Lets every event pass and looks at none: what is left is the way into a guest and back.
(module
  (memory (export "memory") 4)
  (func (export "forebay_buffer") (param $len i32) (result i32)
    (local $pages i32)
    (local.set $pages (i32.sub
      (i32.shr_u (i32.add (local.get $len) (i32.const 131071)) (i32.const 16))
      (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0)) (then
      (if (i32.lt_s (memory.grow (local.get $pages)) (i32.const 0))
        (then (return (i32.const 0))))))
    (i32.const 65536))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (i64.const 0)))
