;; Keeps events whose body is a JSON object, drops all others: a whole filter, no toolchain.
(module
  (memory (export "memory") 17)
  (func (export "forebay_buffer") (param $len i32) (result i32)
    ;; The second page and what follows hold 1 MiB; 0 says that it does not fit.
    (select (i32.const 65536) (i32.const 0) (i32.le_u (local.get $len) (i32.const 1048576))))
  (func (export "forebay_filter_v1") (param $at i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $len)) (then (return (i32.const 0))))
    (i32.eq (i32.load8_u (local.get $at)) (i32.const 123))))  ;; {
