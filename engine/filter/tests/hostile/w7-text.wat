;; Is the text of a module, and not a module.
;; Expect: refused, not WebAssembly
(module binary "(module)")
