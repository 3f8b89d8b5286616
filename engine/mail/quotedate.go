package mail

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// quotedDate reads the date of a quoted header, as a mail program wrote it for
// people: month names of about 25 languages, any order that is certain, a clock
// of 12 or 24 hours. It is zero where two readings are possible: "03/04/2022"
// without a hint which half is the day. A time without a zone is one of the given
// zone: programs write the clock of the person who forwards.
func quotedDate(s string, english bool, zone *time.Location) time.Time {
	if len(s) > 160 {
		return time.Time{}
	}
	if t, ok := parseDateIn(s, zone); ok {
		return t
	}
	d := dateParts{english: english, local: zone}
	for rest := strings.ToLower(s); rest != ""; {
		rest = d.take(rest)
	}
	return d.time()
}

// dateParts is what has been recognised so far.
type dateParts struct {
	english        bool
	local          *time.Location // of a time that names none
	numbers        []int          // that are not a clock or a zone
	seps           []byte         // what stood behind each
	month          int
	monthAt        int // numbers seen before the month
	hour, min, sec int
	clock          bool
	pm, am, zoned  bool
	offset         int // seconds
	failed         bool
	gmt            bool // an offset may follow
	weekday        bool // the next number is that of a day of the week (Vietnamese)
	croatian       bool // by a day of the week; three short months mean others in Polish
}

// take reads one token off the front.
func (d *dateParts) take(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r >= '0' && r <= '9':
		return d.number(s)
	case unicode.IsLetter(r) || unicode.Is(unicode.Mn, r):
		end := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) && r != '.' })
		if end < 0 {
			end = len(s)
		}
		d.word(strings.Trim(s[:end], "."))
		return s[end:]
	case (r == '+' || r == '-' || r == '−') && (d.clock || d.gmt) && !d.zoned && isDigit(s, n):
		return d.zone(s[n:], r == '+')
	}
	return s[n:]
}

func isDigit(s string, i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }

// number reads digits: a clock when a colon and digits follow, else a part of the date.
func (d *dateParts) number(s string) string {
	v, n := digits(s)
	if n > 4 {
		d.failed = true
		return s[n:]
	}
	sep := byte(0)
	if n < len(s) {
		sep = s[n]
	}
	isClock := sep == ':' && isDigit(s, n+1) || (sep == '.' || sep == 'h') && isDigit(s, n+1) && d.dateDone() && !d.clock
	if isClock && !d.clock {
		d.clock, d.hour = true, v
		var k int
		d.min, k = digits(s[n+1:])
		n += 1 + k
		if n < len(s) && (s[n] == ':' || s[n] == '.' && isDigit(s, n+1)) {
			d.sec, k = digits(s[n+1:])
			n += 1 + k
		}
		return s[n:]
	}
	if d.weekday {
		d.weekday = false
		return s[n:]
	}
	d.numbers = append(d.numbers, v)
	d.seps = append(d.seps, sep)
	return s[n:]
}

func (d *dateParts) dateDone() bool {
	return d.month > 0 && len(d.numbers) >= 2 || len(d.numbers) >= 3
}

func digits(s string) (v, n int) {
	for n < len(s) && n < 6 && s[n] >= '0' && s[n] <= '9' {
		v = v*10 + int(s[n]-'0')
		n++
	}
	return v, n
}

// word reads month names, halves of the day, zones; CJK units count as numbers'
// separators and need no reading.
func (d *dateParts) word(w string) {
	switch w {
	case "am", "a.m", "上午", "午前", "오전", "πμ", "π.μ", "öö", "dop", "ص":
		d.am = true
		return
	case "pm", "p.m", "下午", "午後", "오후", "μμ", "μ.μ", "ös", "odp", "م", "晚上":
		d.pm = true
		return
	case "gmt", "utc":
		d.gmt = true
		return
	case "th", "thứ":
		d.weekday = len(d.numbers) == 0
		return
	case "uto", "sri", "čet", "pet", "sub", "ned":
		d.croatian = true
	case "lip", "srp", "lis":
		if d.croatian {
			d.month, d.monthAt = map[string]int{"lip": 6, "srp": 7, "lis": 10}[w], len(d.numbers)
			return
		}
	case "mesz":
		w = "cest"
	case "mez":
		w = "cet"
	}
	if off, ok := zoneNames[strings.ToUpper(w)]; ok && d.clock && !d.zoned && len(w) > 1 {
		d.zoned, d.offset = true, offsetOf(off)
		return
	}
	if m := monthOf(w); m > 0 && d.month == 0 {
		d.month, d.monthAt = m, len(d.numbers)
	}
}

func offsetOf(s string) int {
	v, _ := digits(s[1:])
	sec := (v/100*60 + v%100) * 60
	if s[0] == '-' {
		return -sec
	}
	return sec
}

// zone reads the digits of an offset: 0200, 02:00, 2.
func (d *dateParts) zone(s string, east bool) string {
	v, n := digits(s)
	h, m := v, 0
	if n > 2 {
		h, m = v/100, v%100
	} else if n < len(s) && s[n] == ':' && isDigit(s, n+1) {
		var k int
		m, k = digits(s[n+1:])
		n += 1 + k
	}
	d.zoned, d.offset = true, (h*60+m)*60
	if !east {
		d.offset = -d.offset
	}
	return s[n:]
}

// time puts the parts together when they have exactly one reading.
func (d *dateParts) time() time.Time {
	y, m, day, ok := d.date()
	if !ok || d.failed || m < 1 || m > 12 || day < 1 || day > 31 || d.min > 59 || d.sec > 60 || d.hour > 24 {
		return time.Time{}
	}
	hour := d.hour
	if d.pm && hour < 12 {
		hour += 12
	} else if d.am && hour == 12 {
		hour = 0
	}
	if d.zoned || d.gmt {
		d.local = time.FixedZone("", d.offset)
	}
	t, _ := plausible(time.Date(y, time.Month(m), day, hour, d.min, d.sec, 0, d.local).UTC())
	return t
}

// date orders the numbers.
func (d *dateParts) date() (y, m, day int, ok bool) {
	n := d.numbers
	if d.month > 0 {
		if len(n) != 2 {
			return 0, 0, 0, false
		}
		if n[0] > 31 {
			return fullYear(n[0]), d.month, n[1], true
		}
		return fullYear(n[1]), d.month, n[0], n[1] > 31 || n[1] < 100 && d.monthAt == 1
	}
	if len(n) != 3 {
		return 0, 0, 0, false
	}
	switch {
	case n[0] > 31:
		return n[0], n[1], n[2], true
	case d.seps[0] == '.' || d.seps[0] == '-' || n[0] > 12:
		return fullYear(n[2]), n[1], n[0], true
	case n[1] > 12:
		return fullYear(n[2]), n[0], n[1], true
	case d.english && (d.am || d.pm):
		return fullYear(n[2]), n[0], n[1], true
	case !d.english:
		return fullYear(n[2]), n[1], n[0], true
	case n[0] == n[1]:
		return fullYear(n[2]), n[0], n[1], true
	}
	return 0, 0, 0, false
}

func fullYear(y int) int {
	if y < 100 {
		return 2000 + y
	}
	return y
}
