;; want: fuel
;; what: a command that never ends
(module
  (memory (export "memory") 2)
  (func (export "_start") (loop (br 0))))
