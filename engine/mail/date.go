package mail

import (
	netmail "net/mail"
	"strings"
	"time"
)

// dateLayouts are forms of a Date field that RFC 5322 does not allow and that
// senders use, tried in order after the standard ones.
var dateLayouts = []string{
	time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05",
	"Mon, 2 Jan 2006 15:04:05", "2 Jan 2006 15:04:05", "Mon, 2 Jan 2006 15:04", "Mon, 2 Jan 06 15:04:05 -0700",
	"Mon Jan 2 15:04:05 2006", "Mon Jan 2 15:04:05 -0700 2006", "Mon, Jan 2 2006 15:04:05 -0700",
	"Monday, January 2, 2006 3:04 PM", "Monday, 2 January 2006 15:04:05 -0700", "Mon, 2 January 2006 15:04:05 -0700",
	"1/2/2006 3:04:05 PM", "2 Jan 2006", "Mon, 2 Jan 2006",
}

// parseDate reads a Date field; ok is false when it has no reading. A date
// without a zone counts as UTC.
func parseDate(s string) (t time.Time, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < 6 || len(s) > 200 {
		return time.Time{}, false
	}
	if !endsInName(s) {
		if t, err := netmail.ParseDate(s); err == nil {
			return plausible(t.UTC())
		}
	}
	s = tidyDate(s)
	if t, err := netmail.ParseDate(s); err == nil {
		return plausible(t.UTC())
	}
	for _, layout := range dateLayouts {
		if len(s)+8 < len(layout) {
			continue
		}
		if t, err := time.Parse(layout, s); err == nil {
			return plausible(t.UTC())
		}
	}
	return time.Time{}, false
}

// endsInName is true when the zone is a name, which net/mail accepts and takes
// for UTC when it is not that of the machine.
func endsInName(s string) bool {
	c := s[len(s)-1]
	return c >= 'A' && c <= 'Z'
}

// plausible refuses years that cannot be written as four digits.
func plausible(t time.Time) (time.Time, bool) {
	if t.Year() < 1900 || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t, true
}

// zoneNames maps names that net/mail reads as offset zero (RFC 5322 section 4.3
// defines the North American ones).
var zoneNames = map[string]string{
	"UT": "+0000", "GMT": "+0000", "UTC": "+0000", "Z": "+0000", "EST": "-0500", "EDT": "-0400", "CST": "-0600",
	"CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700", "BST": "+0100", "WET": "+0000",
	"WEST": "+0100", "CET": "+0100", "CEST": "+0200", "MET": "+0100", "MEST": "+0200", "EET": "+0200", "EEST": "+0300",
	"MSK": "+0300", "IST": "+0530", "JST": "+0900", "KST": "+0900", "HKT": "+0800", "SGT": "+0800", "AEST": "+1000",
	"AEDT": "+1100",
}

// tidyDate drops comments and doubled blanks, undoes "GMT+0200" and "+02:00",
// and replaces a zone name by its offset.
func tidyDate(s string) string {
	if i := strings.IndexByte(s, '('); i > 0 {
		s = s[:i]
	}
	f := strings.Fields(s)
	for i, w := range f {
		for _, p := range [...]string{"GMT", "UTC"} {
			if rest, ok := strings.CutPrefix(w, p); ok && len(rest) > 1 && (rest[0] == '+' || rest[0] == '-') {
				w = rest
			}
		}
		if len(w) == 6 && (w[0] == '+' || w[0] == '-') && w[3] == ':' {
			w = w[:3] + w[4:]
		}
		if off, ok := zoneNames[strings.ToUpper(w)]; ok && i > 2 {
			w = off
		}
		f[i] = w
	}
	return strings.Join(f, " ")
}
