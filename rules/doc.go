// Package rules turns rule files into plans.
//
// Load reads YAML with places (internal/yamlfile), checks every word of it
// against the tables of this package, and compiles conditions and templates
// with expr. What comes out is a Set: immutable, pure, safe for concurrent use.
// It looks at a message and says what should be done; it does nothing.
//
// Between expr's parser and expr's compiler stands our checker. It knows the
// environment as types with words for people, so that it can tell every
// mistake at once, where it stands and what was meant; it finds the phase of a
// condition from the paths it reads; and it rewrites the tree so that it is
// total (a list is read past its end, nothing is nil) and metered (each round
// of a predicate and each function spends fuel, in steps that are the same on
// every machine). Macros and lists are expanded there, and patterns compiled.
//
// Failure comes in two kinds. A mistake of the author is a Diagnostic, and with
// one the file is not used. A condition that fails on a message is the third
// outcome beside match and no match: it is reported with its place, and
// on_error says how the rule then counts.
//
// The package never opens anything but list files, at load and through
// Options.Open; it has no clock, no state, no network, and never panics on what
// an author or a mail says.
package rules
