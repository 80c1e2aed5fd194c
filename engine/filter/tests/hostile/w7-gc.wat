;; Has the host keep its objects: garbage collection is off.
;; Expect: refused, garbage collection
(module (type $s (struct (field i32)))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (drop (struct.new $s (i32.const 1))) (i64.const 0)))
