;; Remembers the first event's body in a global, and emits it at every later event.
;; Expect: answered
(module (memory (export "memory") 2) (global $seen (mut i32) (i32.const 0))
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 65536))
  (func (export "forebay_filter_v1") (param $at i32) (param $len i32) (result i32)
    ;; 0 (drop) tells that an event came before.
    (if (global.get $seen) (then (return (i32.const 0))))
    (global.set $seen (i32.const 1)) (i32.const 1)))
