;; Is machine code for the host to load: the header that wasmtime 48 writes on x86-64, with
;; no sections behind it.
;; Expect: refused, this is a precompiled module
(module binary
  "\7fELF\02\01\01\c8\00\00\00\00\00\00\00\00"
  "\01\00\3e\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"
  "\40\00\00\00\00\00\00\00\01\00\00\00\40\00\00\00\00\00\40\00\00\00\00\00")
