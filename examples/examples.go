// Package examples carries the example rules and mails inside the program, so
// that the demo needs nothing else. It holds no code of its own.
package examples

import "embed"

// Rules holds rules/desk, rules/vendor, rules/lists and rules/corpus.
//
//go:embed rules/desk rules/vendor rules/lists rules/corpus
var Rules embed.FS
