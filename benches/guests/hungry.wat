;; Drops every event, after twenty million units of fuel, a few milliseconds, at each: a filter that
;; breaks no rule and takes all that it can get.
(module
  (memory (export "memory") 4)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 65536))
  (func (export "forebay_filter_v1") (param i32 i32) (result i32)
    (local $left i32)
    (local.set $left (i32.const 3333333))
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0)))
