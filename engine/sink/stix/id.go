package stix

import (
	"crypto/sha1" //nolint:gosec // RFC 9562 wants it for version 5
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// namespaces of identifiers.
var (
	// observables is that of section 2.9 of the standard.
	observables = mustUUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
	// ours is the name-based UUID of https://github.com/tqmailrules/tqmailrules/stix.
	ours = mustUUID("ade4746f-a578-519a-84c2-9702cdf4a423")
)

// identifier is a name-based identifier of an object of some type. Parts are kept
// apart, so that two lists of parts never make one name.
func identifier(kind string, namespace [16]byte, parts ...string) string {
	name := parts[0]
	if len(parts) > 1 {
		name = canonical(parts)
	}
	return kind + "--" + uuid5(namespace, name)
}

func uuid5(namespace [16]byte, name string) string {
	h := sha1.New()
	h.Write(namespace[:])
	h.Write([]byte(name))
	u := h.Sum(nil)[:16]
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	s := hex.EncodeToString(u)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func mustUUID(s string) (u [16]byte) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		panic("stix: not a UUID: " + s)
	}
	return [16]byte(b)
}

// canonical writes JSON in the one form of RFC 8785 (JCS), for the kinds of values
// that identify objects: strings, whole numbers, lists of strings, and objects of
// these. Names of properties are ASCII, so that their order is that of their bytes.
func canonical(v any) string {
	var out strings.Builder
	writeCanonical(&out, v)
	return out.String()
}

func writeCanonical(out *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		writeString(out, v)
	case int64:
		out.WriteString(strconv.FormatInt(v, 10))
	case []string:
		out.WriteByte('[')
		for i, s := range v {
			separate(out, i)
			writeString(out, s)
		}
		out.WriteByte(']')
	case hashes:
		writeMembers(out, v)
	case object:
		writeMembers(out, v)
	default:
		panic("stix: no canonical form of this kind of value")
	}
}

func writeMembers[V any](out *strings.Builder, members map[string]V) {
	out.WriteByte('{')
	for i, k := range slices.Sorted(maps.Keys(members)) {
		separate(out, i)
		writeString(out, k)
		out.WriteByte(':')
		writeCanonical(out, members[k])
	}
	out.WriteByte('}')
}

func separate(out *strings.Builder, i int) {
	if i > 0 {
		out.WriteByte(',')
	}
}

// short are the characters that have an escape of their own.
var short = map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func writeString(out *strings.Builder, s string) {
	out.WriteByte('"')
	for _, r := range s {
		switch escape, known := short[r]; {
		case known:
			out.WriteString(escape)
		case r < ' ':
			out.WriteString(`\u00`)
			out.WriteString(hex.EncodeToString([]byte{byte(r)}))
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}
