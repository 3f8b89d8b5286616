;; want: trap
;; what: a command that traps
(module
  (memory (export "memory") 2)
  (func (export "_start") (unreachable)))
