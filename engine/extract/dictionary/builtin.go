package dictionary

import (
	"bytes"
	_ "embed"
)

//go:embed builtin.jsonl
var builtin []byte

// Builtin returns the dictionary that ships with the program: well-known names, so
// that it knows something before a dictionary is imported. It is the project's own
// work, and does not keep up with the world.
func Builtin() []Entry {
	entries, problems, err := Read(bytes.NewReader(builtin), "builtin")
	if err != nil || len(problems) > 0 {
		panic("the built-in dictionary is broken") // its test reads it
	}
	return entries
}
