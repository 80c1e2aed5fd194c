;; Has 9,000 variables in each of 300 functions, which five bytes say each time. In bytes, for in
;; text each of the variables would stand there.
;; Expect: refused, locals in all functions
(module binary
  "\00asm\01\00\00\00"
  "\01\04\01\60\00\00" ;; a type: nothing to nothing
  "\03\ae\02\ac\02" ;; functions of it
    "\00" ;; times 300
  "\0a\8a\0e\ac\02" ;; their bodies: so many times i32, and the end
    "\05\01\a8\46\7f\0b" ;; times 300
)
