;; Has nowhere to put a batch.
;; Expect: refused, does not export forebay_buffer
(module (memory (export "memory") 1))
