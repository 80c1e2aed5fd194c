;; Has nowhere to put a batch.
(module (memory (export "memory") 1))
