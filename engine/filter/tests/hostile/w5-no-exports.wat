;; Exports nothing.
;; Expect: refused, does not export memory
(module)
