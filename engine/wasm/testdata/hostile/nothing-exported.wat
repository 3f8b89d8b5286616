;; want: abi
;; what: a module with nothing in it but a memory
(module
  (memory (export "memory") 2))
