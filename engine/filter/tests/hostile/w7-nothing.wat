;; Is no bytes at all.
;; Expect: refused, not WebAssembly
(module binary "")
