;; Ends in the length of its first section.
;; Expect: refused, not a valid module
(module binary "\00asm\01\00\00\00\01\ff")
