package stix

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tqmailrules/tqmailrules/engine"
)

// clean makes text of a mail into text of a bundle: valid UTF-8, and no NUL, which
// JSON can say and many databases cannot hold.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// labels are tags, each once, sorted; nil when there are none.
func labels(tags []string) []string {
	var all []string
	for _, t := range tags {
		if t = clean(t); strings.TrimSpace(t) != "" {
			all = append(all, t)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// timestamp writes a time as the standard wants it.
func timestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// known tells whether a time can be written: RFC 3339 has years of four digits.
func known(t time.Time) bool {
	return !t.IsZero() && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999
}

var (
	addressForm = regexp.MustCompile(`^[^\s@<>"(),;:\\]+@[^\s@<>"(),;:\\]+$`)
	mediaForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9.+_-]*/[a-z0-9][a-z0-9.+_-]*$`)
	hexForm     = regexp.MustCompile(`^[0-9a-f]+$`)
)

// line is a name and a value of a note.
type line struct{ name, value string }

// lines adds values under a name, leaving out empty ones.
func lines(all []line, name string, values ...string) []line {
	for _, v := range values {
		if v != "" {
			all = append(all, line{name, v})
		}
	}
	return all
}

func attributeLines(all []line, attributes []engine.AttributeRecord) []line {
	for _, a := range attributes {
		all = lines(all, a.Name, a.Value)
	}
	return all
}

// contentOf writes lines so that no value can look like a line of its own.
func contentOf(all []line) string {
	var out strings.Builder
	for i, l := range all {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(oneLine(l.name) + ": " + oneLine(l.value))
	}
	return out.String()
}

// oneLine shows what would end a line as a space.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, clean(s))
}
