// Package examples carries the example rules and mails inside the program, so
// that the demo needs nothing else. It holds no code of its own.
package examples

import "embed"

// Rules holds rules/desk, rules/vendor, rules/extractors, rules/lists and rules/corpus.
//
//go:embed rules/desk rules/vendor rules/lists rules/corpus rules/extractors/extractors.yaml
var Rules embed.FS
