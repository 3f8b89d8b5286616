package mail

import (
	"strings"
	"unicode/utf8"
)

// markKind says what kind of line parts a mail from the mail it quotes.
type markKind uint8

const (
	markForward  markKind = iota + 1 // "---------- Forwarded message ---------"
	markOriginal                     // "-----Original Message-----"
	markBlock                        // From/Sent/To/Subject without a line above
	markWrote                        // "On ..., X wrote:"
	markQuote                        // a line that begins with ">"
)

// mark is one place where a quoted mail begins.
type mark struct {
	kind       markKind
	client     string
	start, end int   // of the mark in the text, label block included; the quoted mail begins at end
	depth      int   // ">" before the mark
	block      block // when there is one
}

// block is a quoted header.
type block struct {
	values  [labelOther + 1]string
	english bool
	seen    int // different labels
}

// cursor walks over the lines of a text.
type cursor struct {
	text string
	off  int
}

// line returns the line at the cursor without its end, and where the next one
// begins.
func (c cursor) line() (s string, next int) {
	rest := c.text[c.off:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		return rest[:i], c.off + i + 1
	}
	return rest, len(c.text)
}

func (c cursor) done() bool { return c.off >= len(c.text) }

// unquote takes the quote marks off a line.
func unquote(line string) (s string, depth int) {
	for {
		t := strings.TrimLeft(line, " \t")
		if !strings.HasPrefix(t, ">") {
			break
		}
		line = t[1:]
		depth++
	}
	return strings.TrimSpace(line), depth
}

// firstMark remembers the first mark of a text: threads and forwards both ask.
type firstMark struct {
	text string
	mark mark
	ok   bool
}

// nextMark is nextMark with a memory for the beginnings of the bodies.
func (b *builder) nextMark(text string, from int) (mark, bool) {
	if from > 0 || text == "" {
		return nextMark(text, from)
	}
	for i := range b.marks {
		f := &b.marks[i]
		if f.text == "" {
			f.text = text
			f.mark, f.ok = nextMark(text, 0)
		}
		if f.text == text {
			return f.mark, f.ok
		}
	}
	return nextMark(text, 0)
}

// nextMark finds the first mark at or behind from. It looks at each line once,
// and at the lines of a block once more.
func nextMark(text string, from int) (m mark, ok bool) {
	prevDepth := -1 // behind a mark a quotation is the quoted mail, not another
	if from == 0 {
		prevDepth = 0
	}
	for c := (cursor{text, from}); !c.done(); {
		line, next := c.line()
		s, depth := unquote(line)
		if m, ok := markAt(c, s, next); ok {
			m.depth = depth
			return m, true
		}
		if depth > 0 && prevDepth == 0 && s != "" {
			return mark{kind: markQuote, start: c.off, end: c.off, depth: depth}, true
		}
		if s != "" || depth > 0 {
			prevDepth = depth
		} else if prevDepth < 0 {
			prevDepth = 0
		}
		c.off = next
	}
	return mark{}, false
}

// markAt reads the mark that begins at the line s, if one does.
func markAt(c cursor, s string, next int) (m mark, ok bool) {
	if s == "" {
		return mark{}, false
	}
	m = mark{start: c.off, end: next}
	switch kind, client := separator(s); kind {
	case markForward, markOriginal:
		b, end, ok := blockBelow(cursor{c.text, next}, 3)
		if ok {
			m.block, m.end = b, end
		}
		m.kind, m.client = kind, client
		return m, ok || kind == markOriginal || client != "mailmate"
	}
	if kind, _ := readLabel(s); kind != noLabel && senderSoon(c) {
		if b, end, ok := blockBelow(c, 0); ok {
			m.kind, m.client, m.block, m.end = markBlock, "outlook", b, end
			return m, true
		}
	}
	if end, ok := wroteLine(c, s, next); ok {
		m.kind, m.end = markWrote, end
		return m, true
	}
	return mark{}, false
}

// separator knows the lines above a forwarded or quoted mail. What remains of a
// line without its dashes, stars and colon is looked up; dashes, a colon or both
// must have been there.
func separator(s string) (kind markKind, client string) {
	if len(s) > 160 || len(s) < 6 {
		return 0, ""
	}
	core := strings.Trim(s, "-–—_*=<> \t~")
	lead := len(s) - len(strings.TrimLeft(s, "-–—_*= \t"))
	tail := len(s) - len(strings.TrimRight(s, "-–—_*= \t"))
	colon := strings.HasSuffix(core, ":") || strings.HasSuffix(core, "：")
	if lead < 2 && !colon && !strings.HasPrefix(s, "*") {
		return 0, ""
	}
	phrase := strings.TrimRight(core, ":： \t")
	if len(phrase) < 3 {
		return 0, ""
	}
	phrase = strings.Join(strings.Fields(lowerText(phrase)), " ")
	switch {
	case forwardWords[phrase], strings.HasPrefix(phrase, "forwarded by "), strings.HasPrefix(phrase, "forwarded message from "):
		return markForward, forwardClient(phrase, lead, tail, colon)
	case originalWords[phrase] && lead >= 2:
		if strings.Contains(s, "- ") && lead >= 8 {
			return markOriginal, "ionos"
		}
		return markOriginal, "outlook"
	}
	return 0, ""
}

// forwardClient tells clients apart by how many dashes they draw.
func forwardClient(phrase string, lead, tail int, colon bool) string {
	switch {
	case lead < 2 && phrase == "forwarded message":
		return "mailmate"
	case lead < 2 && colon:
		return "apple"
	case lead <= 7 && lead > 0:
		return "yahoo"
	case lead <= 9:
		return "thunderbird"
	case tail == lead-1 || tail < lead:
		return "gmail"
	}
	return "gmail"
}

// maxBlock bounds the lines of a label block, wrapped recipients included.
const maxBlock = 60

// maxValue bounds one value of a block, a list of recipients in most cases.
const maxValue = 16 << 10

// blockBelow reads a label block that begins at the cursor, after at most skip
// empty lines. A block has a sender and one of date, recipients and subject.
func blockBelow(c cursor, skip int) (b block, end int, ok bool) {
	last, lastLine := noLabel, ""
	blanks := 0
	for n := 0; n < maxBlock && !c.done(); n++ {
		line, next := c.line()
		s, _ := unquote(line)
		kind, value := readLabel(s)
		switch {
		case s == "" && b.seen == 0 && n < skip:
		case s == "":
			if blanks++; blanks > 1 || !labelFollows(cursor{c.text, next}, &b) {
				return b, end, b.valid()
			}
		case kind != noLabel && (kind == labelOther || b.values[kind] == "" || kind == labelTo):
			b.set(kind, value, s)
			last, lastLine, blanks, end = kind, s, 0, next
		case b.seen > 0 && last != noLabel && blanks == 0 && continues(last, b.values[last], lastLine, s):
			if len(b.values[last])+len(s) < maxValue {
				b.values[last] = strings.TrimSpace(b.values[last] + " " + s)
			}
			lastLine, end = s, next
		case n < skip && b.seen == 0 && strings.Trim(s, "-_=* ") == "":
		default:
			return b, end, b.valid()
		}
		c.off = next
	}
	return b, end, b.valid()
}

// nearby is how many lines of a block may stand before its sender.
const nearby = 10

// senderSoon is a cheap look ahead: without a sender there is no block.
func senderSoon(c cursor) bool {
	for n := 0; n < nearby && !c.done(); n++ {
		line, next := c.line()
		s, _ := unquote(line)
		if kind, _ := readLabel(s); kind == labelFrom {
			return true
		}
		c.off = next
	}
	return false
}

// labelFollows says whether, behind an empty line, the block goes on.
func labelFollows(c cursor, b *block) bool {
	if c.done() {
		return false
	}
	line, _ := c.line()
	s, _ := unquote(line)
	kind, _ := readLabel(s)
	return kind != noLabel && kind != labelOther && b.values[kind] == "" && b.seen < 5
}

// continues says whether a line belongs to the value above it: nothing stood
// behind the label, a list of recipients goes on, or a long line was wrapped.
func continues(kind label, value, prev, s string) bool {
	switch {
	case value == "":
		return true
	case kind == labelTo || kind == labelCc || kind == labelBcc:
		return strings.HasSuffix(value, ",") || strings.HasSuffix(value, ";") || strings.Contains(s, "@") && strings.Contains(s, ">") ||
			strings.Count(value, "<") > strings.Count(value, ">")
	case kind == labelSubject || kind == labelFrom:
		return len(prev) >= 66
	}
	return false
}

func (b *block) set(kind label, value, line string) {
	if b.values[kind] == "" {
		b.seen++
	}
	if have := b.values[kind]; kind == labelTo && have != "" {
		if len(have)+len(value) > maxValue {
			return
		}
		value = have + ", " + value
	}
	b.values[kind] = value
	if kind == labelFrom {
		_, b.english = cutFold(strings.TrimLeft(line, "* "), "from")
	}
}

// valid asks for a sender, or for a subject and a date, and one label more.
func (b *block) valid() bool {
	if b.seen < 2 {
		return false
	}
	from := b.values[labelFrom] != ""
	others := b.values[labelSubject] != "" || b.values[labelDate] != "" || b.values[labelTo] != ""
	return from && others
}

// maxLabel is the length in bytes of the longest label, decoration included.
const maxLabel = 60

// readLabel reads "Label: value", with the stars of bold text and with colons of
// any width, or a tab between the two.
func readLabel(s string) (kind label, value string) {
	head := s[:min(len(s), maxLabel)]
	i, width := indexColon(head)
	if i <= 0 {
		return noLabel, ""
	}
	word := lowerText(strings.TrimFunc(head[:i], func(r rune) bool { return strings.ContainsRune("*_|• \t\u00a0\u202a\u200f\u200e", r) }))
	kind, ok := labels[word]
	if !ok {
		return noLabel, ""
	}
	value = strings.TrimFunc(s[i+width:], func(r rune) bool { return strings.ContainsRune("*_ \t\u00a0\u202a\u202c\u200f\u200e", r) })
	return kind, value
}

func indexColon(s string) (i, width int) {
	i = strings.IndexByte(s, ':')
	if j := strings.Index(s, "："); j >= 0 && (i < 0 || j < i) {
		return j, len("：")
	}
	return i, 1
}

// wroteLine reads "On <date>, <name> wrote:", which may be wrapped over three
// lines.
func wroteLine(c cursor, s string, next int) (end int, ok bool) {
	if len(s) > 300 || !startsWrote(s) {
		return 0, false
	}
	joined := s
	for n := 0; n < 3; n++ {
		if endsWrote(joined) {
			return next, true
		}
		if strings.HasSuffix(joined, ":") {
			return 0, false // it ends here, and is something else
		}
		d := cursor{c.text, next}
		if d.done() {
			return 0, false
		}
		var line string
		line, next = d.line()
		t, _ := unquote(line)
		if t == "" || len(joined) > 400 {
			return 0, false
		}
		joined += " " + t
	}
	return 0, false
}

// startsWrote is a cheap test that most lines fail.
func startsWrote(s string) bool {
	if strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：") {
		return true
	}
	hasDigit := strings.ContainsAny(s, "0123456789")
	r, _ := utf8.DecodeRuneInString(s)
	return hasDigit && (strings.ContainsAny(s, "<@,") || r > 0x2000)
}

// endsWrote says whether a line with a date or an address ends in a colon and
// holds the word for "wrote".
func endsWrote(s string) bool {
	t := strings.TrimRight(s, ":： \t*_")
	if len(t) == len(s) || len(t) < 8 || !strings.ContainsAny(t, "0123456789@") {
		return false
	}
	t = lowerText(t)
	for _, w := range strings.Fields(t) {
		if wroteWords[w] {
			return true
		}
	}
	for _, w := range wroteEndings {
		if strings.HasSuffix(t, w) {
			return true
		}
	}
	return false
}

// stripQuotes takes one level of quote marks off every line.
func stripQuotes(text string, depth int) string {
	if depth == 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for c := (cursor{text, 0}); !c.done(); {
		line, next := c.line()
		for n := 0; n < depth; n++ {
			t := strings.TrimLeft(line, " ")
			if !strings.HasPrefix(t, ">") {
				break
			}
			line = strings.TrimPrefix(t[1:], " ")
		}
		b.WriteString(line)
		if next > c.off+len(line) || next < len(text) {
			b.WriteByte('\n')
		}
		c.off = next
	}
	return b.String()
}
