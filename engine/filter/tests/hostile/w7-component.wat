;; Is a component, an empty one.
;; Expect: refused, this is a component
(module binary "\00asm\0d\00\01\00")
