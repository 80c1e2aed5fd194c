;; Makes of each event all that it may: 64 outputs, 8 MiB together, all of the same bytes.
;; Expect: answered
(module (memory (export "memory") 16)
  (data (i32.const 8192) "FBR1\40\00\00\00\20\20\00\00\40\00\00\00") ;; FBR1, rows, where, stride
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 262144))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (local $row i32)
    (local.set $row (i32.const 8224))
    (loop $next
      (i32.store offset=4 (local.get $row) (i32.const 0x0802)) ;; EMIT, with a body
      (i32.store offset=44 (local.get $row) (i32.const 131072)) ;; its length; it lies at 0
      (local.set $row (i32.add (local.get $row) (i32.const 64)))
      (br_if $next (i32.lt_u (local.get $row) (i32.const 12320))))
    (i64.const 0x0000200000000020)))
