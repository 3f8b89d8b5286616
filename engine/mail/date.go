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

const maxDate = 200 // bytes of a Date field that is read

// parseDate reads a Date field; ok is false when it has no reading. A date
// without a zone counts as UTC.
func parseDate(s string) (t time.Time, ok bool) { return parseDateIn(s, time.UTC) }

// parseDateIn is parseDate for a date that, without a zone, is one of the given
// zone.
func parseDateIn(s string, zone *time.Location) (t time.Time, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < 6 || len(s) > maxDate {
		return time.Time{}, false
	}
	if t, ok := standardDate(s); ok {
		return t, true
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
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return plausible(t.UTC())
		}
	}
	return time.Time{}, false
}

// standardDate reads "Wed, 1 Jun 2022 09:39:00 +0200 (CEST)" (RFC 5322 section
// 3.3) without allocating; the day of the week, the seconds and the comment may
// be missing. Every mail has a dozen of these.
func standardDate(s string) (time.Time, bool) {
	if i := strings.IndexByte(s, ','); i >= 0 && i < 10 {
		s = s[i+1:]
	}
	day, s, ok1 := dateNumber(s, ' ')
	word, s, ok2 := strings.Cut(strings.TrimLeft(s, " "), " ")
	year, s, ok3 := dateNumber(s, ' ')
	month := shortMonth(word)
	if !ok1 || !ok2 || !ok3 || month == 0 || year < 1900 || year > 9999 || day < 1 || day > 31 {
		return time.Time{}, false
	}
	clock, s, _ := strings.Cut(strings.TrimLeft(s, " "), " ")
	if len(clock) == 5 {
		clock += ":00"
	}
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	if len(clock) != 8 || clock[2] != ':' || clock[5] != ':' || len(s) != 5 || s[0] != '+' && s[0] != '-' {
		return time.Time{}, false
	}
	h, min, sec, zone := two(clock), two(clock[3:]), two(clock[6:]), two(s[1:])*60+two(s[3:])
	if h > 23 || min > 59 || sec > 60 || zone > 24*60 {
		return time.Time{}, false
	}
	if s[0] == '-' {
		zone = -zone
	}
	t := time.Date(year, month, day, h, min-zone, sec, 0, time.UTC)
	return t, true
}

// dateNumber reads digits up to a separator.
func dateNumber(s string, sep byte) (v int, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	v, n := digits(s)
	if n == 0 || n >= len(s) || s[n] != sep {
		return 0, "", false
	}
	return v, s[n+1:], true
}

// two reads two digits; the result is out of every range when they are none.
func two(s string) int {
	if len(s) < 2 || s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' {
		return 1 << 20
	}
	return int(s[0]-'0')*10 + int(s[1]-'0')
}

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

func shortMonth(s string) time.Month {
	if len(s) != 3 {
		return 0
	}
	i := strings.Index(monthNames, s)
	if i < 0 || i%3 != 0 {
		return 0
	}
	return time.Month(i/3 + 1)
}

// zoneOf is the zone that a Date field names, UTC if none.
func zoneOf(s string) *time.Location {
	if len(s) > maxDate {
		return time.UTC
	}
	for _, w := range strings.Fields(tidyDate(s)) {
		if len(w) != 5 || w[0] != '+' && w[0] != '-' {
			continue
		}
		if h, m := two(w[1:]), two(w[3:]); h <= 14 && m <= 59 {
			return time.FixedZone("", offsetOf(w))
		}
	}
	return time.UTC
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
