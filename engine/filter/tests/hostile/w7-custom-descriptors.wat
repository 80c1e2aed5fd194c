;; Has types that describe types.
;; Expect: refused, custom descriptors
(module (rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct)))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
