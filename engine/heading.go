package engine

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cutMark is where a section of a text begins, and its title.
type cutMark struct {
	at    int
	title string
}

// maxTitle is the length of the longest line that is taken for a heading, in
// characters.
const maxTitle = 150

// line is one line of a text: text[start:end], less the white space around it.
type line struct {
	text       string
	start, end int  // of the whole line, without its end
	apart      bool // a blank line or the beginning stands before it
}

// linesOf lists the lines of a text that are neither blank nor in a cut.
func linesOf(text string, cuts []Span) []line {
	gone := mergeSpans(cuts)
	var all []line
	blank := true
	for at := 0; at < len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i
		}
		l := line{text: strings.TrimSpace(text[at:end]), start: at, end: end, apart: blank}
		switch {
		case covers(gone, at) || covers(gone, max(at, end-1)):
		case l.text == "":
			blank = true
		default:
			all = append(all, l)
			blank = false
		}
		at = end + 1
	}
	return all
}

// textStyles are the ways in which people set headings in plain text, the surest
// first. Each gives the marks that it sees in the lines of a text.
var textStyles = []func([]line) []cutMark{hashed, underlined, framed, numbered, ruled, capitals}

// textHeadings finds the headings of a text: those of the first style that sets
// off at least two sections which have something in them.
func textHeadings(text string, cuts []Span) []cutMark {
	lines := linesOf(text, cuts)
	for _, style := range textStyles {
		if marks := withContent(text, style(lines)); len(marks) >= 2 {
			return marks
		}
	}
	return nil
}

// pageHeadings are those of the highest level of which a page has two with
// something below them; then lines that are bold; then those of its text. What is
// hidden is among the cuts.
func pageHeadings(p *Page, cuts []Span) []cutMark {
	gone := mergeSpans(cuts)
	for level := uint8(1); level <= BoldLine; level++ {
		var marks []cutMark
		for _, h := range p.Headings {
			if h.Level == level && !covers(gone, h.Span.Start) {
				marks = append(marks, cutMark{h.Span.Start, tidyTitle(p.InnerText[h.Span.Start:h.Span.End])})
			}
		}
		if marks = withContent(p.InnerText, marks); len(marks) >= 2 {
			return marks
		}
	}
	return textHeadings(p.InnerText, cuts)
}

// withContent leaves out marks without a title, and headings below which the next
// one stands: entries of a table of contents.
func withContent(text string, marks []cutMark) []cutMark {
	var out []cutMark
	for i, m := range marks {
		end := len(text)
		if i+1 < len(marks) {
			end = marks[i+1].at
		}
		if m.title != "" && strings.ContainsRune(strings.Trim(text[m.at:end], " \t\n"), '\n') {
			out = append(out, m)
		}
	}
	return out
}

// patternMarks are the lines that a pattern fits. The title is its first group,
// else the line; where that is no more than a ruler, the line below it.
func patternMarks(text string, cuts []Span, at *regexp.Regexp) []cutMark {
	lines := linesOf(text, cuts)
	var marks []cutMark
	for i, l := range lines {
		m := at.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		title := l.text
		if len(m) > 1 && m[1] != "" {
			title = m[1]
		}
		if !hasLetters(title) && i+1 < len(lines) {
			title = lines[i+1].text
		}
		marks = append(marks, cutMark{l.start, tidyTitle(title)})
	}
	return marks
}

// tidyTitle is a heading without what sets it off, on one line.
func tidyTitle(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = strings.TrimSpace(strings.Trim(s, "#*=_~-|<>"))
	if utf8.RuneCountInString(s) > maxTitle {
		s = string([]rune(s)[:maxTitle])
	}
	return s
}

func hasLetters(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

// isTitle tells whether a line may be a heading by itself.
func (l *line) isTitle() bool {
	return hasLetters(l.text) && utf8.RuneCountInString(l.text) <= maxTitle
}

// ruler is the character of which a line consists, 0 when it is no ruler.
func (l *line) ruler() byte {
	s := strings.ReplaceAll(l.text, " ", "")
	if len(s) < 3 || strings.IndexByte("-=_*~#+", s[0]) < 0 || strings.Trim(s, s[:1]) != "" {
		return 0
	}
	return s[0]
}

// hashed headings are those of Markdown, of the highest level that has two.
func hashed(lines []line) []cutMark {
	var levels [7][]cutMark
	for _, l := range lines {
		n := len(l.text) - len(strings.TrimLeft(l.text, "#"))
		if n >= 1 && n <= 6 && l.isTitle() && l.text[n] == ' ' {
			levels[n] = append(levels[n], cutMark{l.start, tidyTitle(l.text)})
		}
	}
	return firstOfTwo(levels[:]...)
}

// underlined headings stand apart and have a ruler below them, or stand between
// two rulers.
func underlined(lines []line) []cutMark {
	byRuler := map[byte][]cutMark{}
	used := -1 // the last ruler below a heading
	for i := 0; i+1 < len(lines); i++ {
		l, below := &lines[i], &lines[i+1]
		c := below.ruler()
		over := i > 0 && i-1 != used && c != 0 && lines[i-1].ruler() == c
		if c == 0 || below.apart || !l.isTitle() || !over && (!l.apart || isBoxed(lines[i+1:])) || len(below.text) < min(4, len(l.text)) {
			continue
		}
		at := l.start
		if over {
			at = lines[i-1].start
		}
		byRuler[c] = append(byRuler[c], cutMark{at, tidyTitle(l.text)})
		used = i + 1
	}
	return firstOfTwo(byRuler['='], byRuler['#'], byRuler['*'], byRuler['-'], byRuler['~'], byRuler['_'], byRuler['+'])
}

// isBoxed tells whether the second of some lines is a heading between rulers.
func isBoxed(lines []line) bool {
	return len(lines) >= 3 && lines[1].isTitle() && !lines[1].apart && !lines[2].apart && lines[2].ruler() == lines[0].ruler()
}

// framed headings have signs on both sides: "*** Title ***", "== Title ==".
func framed(lines []line) []cutMark {
	var marks []cutMark
	for _, l := range lines {
		c := l.text[0]
		if strings.IndexByte("*=-#~+_<[", c) < 0 || !l.isTitle() {
			continue
		}
		closing := c
		switch c {
		case '<':
			closing = '>'
		case '[':
			closing = ']'
		}
		if len(l.text) > 5 && l.text[1] == c && strings.HasSuffix(l.text, string([]byte{closing, closing})) {
			marks = append(marks, cutMark{l.start, tidyTitle(strings.Trim(l.text, "[]"))})
		}
	}
	return marks
}

// numbered headings stand apart and count from one. Where a text counts twice,
// the second time counts: the first was its table of contents.
func numbered(lines []line) []cutMark {
	var run []cutMark
	for _, l := range lines {
		n, title, ok := cutNumber(l.text)
		if !ok || !l.apart || !l.isTitle() {
			continue
		}
		switch n {
		case 1:
			run = []cutMark{{l.start, tidyTitle(title)}}
		case len(run) + 1:
			run = append(run, cutMark{l.start, tidyTitle(title)})
		}
	}
	return run
}

// cutNumber takes the number off a numbered heading: "3. Title", "(3) Title",
// "3 - Title".
func cutNumber(s string) (n int, rest string, ok bool) {
	s = strings.TrimPrefix(s, "(")
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits == 0 || digits > 3 || digits == len(s) {
		return 0, "", false
	}
	for _, d := range s[:digits] {
		n = 10*n + int(d-'0')
	}
	rest = s[digits:]
	if strings.IndexByte(".):", rest[0]) >= 0 {
		rest = rest[1:]
	} else if rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "-"); !ok {
		if rest, ok = strings.CutPrefix(rest, "\u2013"); !ok {
			return 0, "", false
		}
	}
	title := strings.TrimLeft(rest, " \t")
	return n, title, title != "" && title != rest
}

// ruled sections are parted by lines of one sign; the first line of one is its
// title.
func ruled(lines []line) []cutMark {
	var marks []cutMark
	for i := 1; i < len(lines); i++ {
		r := &lines[i-1]
		if r.ruler() != 0 && len(r.text) >= 5 && lines[i].isTitle() {
			marks = append(marks, cutMark{r.start, tidyTitle(lines[i].text)})
		}
	}
	return marks
}

// capitals are headings of capital letters that stand apart.
func capitals(lines []line) []cutMark {
	var marks []cutMark
	for _, l := range lines {
		if !l.apart || !l.isTitle() || strings.ContainsFunc(l.text, unicode.IsLower) {
			continue
		}
		letters := 0
		for _, r := range l.text {
			if unicode.IsUpper(r) {
				letters++
			}
		}
		if letters >= 5 && 2*letters > utf8.RuneCountInString(l.text) {
			marks = append(marks, cutMark{l.start, tidyTitle(l.text)})
		}
	}
	return marks
}

// firstOfTwo is the first list with two marks or more.
func firstOfTwo(lists ...[]cutMark) []cutMark {
	for _, marks := range lists {
		if len(marks) >= 2 {
			return marks
		}
	}
	return nil
}
