;; The level 0 form: the first byte of the body says what it does. d drop · f fail · x trap ·
;; 7 a wrong answer · else keep.
(module
  (memory (export "memory") 1)
  (func (export "forebay_buffer") (param $len i32) (result i32)
    (if (result i32) (i32.gt_u (local.get $len) (i32.const 60000))
      (then (i32.const 0)) (else (i32.const 1024))))
  (func (export "forebay_filter_v1") (param $ptr i32) (param $len i32) (result i32)
    (local $c i32)
    (if (i32.eqz (local.get $len)) (then (return (i32.const 1))))
    (local.set $c (i32.load8_u (local.get $ptr)))
    (if (i32.eq (local.get $c) (i32.const 100)) (then (return (i32.const 0))))
    (if (i32.eq (local.get $c) (i32.const 102)) (then (return (i32.const -5))))
    (if (i32.eq (local.get $c) (i32.const 55)) (then (return (i32.const 7))))
    (if (i32.eq (local.get $c) (i32.const 120)) (then unreachable))
    (i32.const 1)))
