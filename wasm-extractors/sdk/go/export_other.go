//go:build !wasip1

package tqx

// Extract does nothing outside a module: tests call the extractor themselves.
func Extract(func(in *Input, out *Output)) {}

// Log writes a line to standard error.
func Log(line string) { println(line) }
