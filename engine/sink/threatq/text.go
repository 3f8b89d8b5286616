package threatq

import (
	"strings"
	"time"
	"unicode/utf8"
)

// cutMark ends a text that was cut.
const cutMark = " [cut]"

// tidy makes a text that the platform's database takes: valid UTF-8 without NUL,
// of at most n bytes. What is cut ends with cutMark.
func tidy(s string, n int) (text string, cut bool) {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= n {
		return s, false
	}
	keep := max(0, n-len(cutMark))
	for keep > 0 && !utf8.RuneStart(s[keep]) {
		keep--
	}
	return s[:keep] + cutMark, true
}

// line is a text of one line, for titles and names.
func line(s string, n int) string {
	text, _ := tidy(strings.Join(strings.Fields(s), " "), n)
	return text
}

// storable tells whether a database's timestamp holds a time. Dates come from
// headers that anybody writes.
func storable(t time.Time) bool {
	return !t.IsZero() && t.Year() >= 1971 && t.Year() < 2038
}

// stamp is the first storable time, to the second. Without any it is a fixed
// one, since an event must have a time, and the same at each attempt.
func stamp(times ...time.Time) time.Time {
	for _, t := range times {
		if storable(t.UTC()) {
			return t.UTC().Truncate(time.Second)
		}
	}
	return time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
}
