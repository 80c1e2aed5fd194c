;; Takes a reference to a function of one type: typed references are off.
;; Expect: refused, garbage collection or typed references
(module (type $f (func)) (func (param (ref null $f)))
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0)))
