;; Runs a function on a stack of its own: stack switching is off.
;; Expect: refused, stack switching
(module (type $f (func)) (type $c (cont $f))
  (func $run) (elem declare func $run)
  (memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64)
    (resume $c (cont.new $c (ref.func $run)))
    (i64.const 0)))
