package stix

import "github.com/tqmailrules/tqmailrules/engine"

// What tests look at from inside: identifiers against the published ones, and the
// writer of patterns.
var (
	Encode    = encode
	Canonical = canonical
	EscapeURL = escapeURL
)

// Observable makes the object of a type with some identifying properties.
func Observable(kind string, contributing map[string]any) map[string]any {
	return observable(kind, contributing)
}

// Name is the name-based UUID of a URL (RFC 9562 appendix B).
func Name(name string) string {
	return uuid5(mustUUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"), name)
}

// Ours is the namespace of our own identifiers.
func Ours() [16]byte { return ours }

// UUID reads one.
func UUID(s string) [16]byte { return mustUUID(s) }

// Pattern is what finds an indicator; "" when nothing does.
func Pattern(kind, value string) string {
	what, _ := read(&engine.IndicatorRecord{Type: kind, Value: value})
	return what.pattern
}

// Equals is a pattern of one comparison.
func Equals(path, value string) string { return pattern(equals(path, value)) }
