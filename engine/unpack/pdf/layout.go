package pdf

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"golang.org/x/text/unicode/norm"
)

// Where words and lines end, in parts of the size of the font.
const (
	wordGap  = 0.16 // between glyphs of different words: word spaces shrink to 0.2, kerning is below 0.1
	lineGap  = 0.5  // between baselines of different lines: subscripts and superscripts stay
	sameSpot = 0.15 // between glyphs drawn twice to look bold
)

// maxLine is how many glyphs of one line are held, eight bytes of text counting as
// one at least.
const maxLine = 20_000

// placed is a glyph and where it stands on the page.
type placed struct {
	x, y   float64
	dx, dy float64 // one em along the line
	width  float64 // in em
	height float64 // of an em
	text   string
}

// layout makes lines and words of placed glyphs. Glyphs come in any order; those
// of a line come one after another, and are sorted along it.
type layout struct {
	text *task.Text

	ux, uy float64 // direction of the line
	base   float64 // its distance from the origin
	height float64
	chunks []chunk
	n      int
	last   float64 // where the last glyph began
	end    float64 // where it ended
	accent string  // the text of the last glyph, which the next may complete
	soft   bool    // the line before ended in a soft hyphen

	areas []*area
}

// chunk is what stands between two gaps of a line.
type chunk struct {
	from, to, em float64
	text         []byte
}

// area collects the text that stands inside a rectangle, for links.
type area struct {
	x0, y0, x1, y1 float64
	text           strings.Builder
	end            placed // the last glyph in it
}

const maxArea = 300 // bytes of the text of one area

func (o *layout) add(p placed) {
	em := math.Hypot(p.dx, p.dy)
	if !(em > 1e-9 && em < 1e9) || !(math.Abs(p.x)+math.Abs(p.y) < 1e9) {
		em, p.dx, p.dy = 1, 1, 0 // a degenerate matrix shows nothing, but hides a text
		p.x, p.y = o.end, 0
	}
	if p.height == 0 {
		p.height = em
	}
	ux, uy := p.dx/em, p.dy/em
	along, across := p.x*ux+p.y*uy, p.y*ux-p.x*uy
	if len(o.chunks) == 0 || o.n > maxLine || ux*o.ux+uy*o.uy < 0.99 || math.Abs(across-o.base) > lineGap*o.height {
		o.flush()
		o.ux, o.uy, o.base, o.height = ux, uy, across, p.height
		o.start(along, em)
	}
	if o.compose(p, along, em) {
		return
	}
	gap := along - o.end
	if along < o.last-sameSpot*em || gap > wordGap*em {
		o.start(along, em)
	}
	o.put(p, along, em)
}

// accents are spacing accents and the combining ones that mean the same.
var accents = map[string]string{
	"`": "\u0300", "´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "¯": "\u0304", "˘": "\u0306", "˙": "\u0307", "¨": "\u0308", "˚": "\u030a", "˝": "\u030b", "ˇ": "\u030c", "¸": "\u0327",
}

// compose joins an accent, which TeX prints first, and the letter it stands over:
// ok is false when the glyph before is no accent, or stands elsewhere.
func (o *layout) compose(p placed, along, em float64) bool {
	mark := accents[o.accent]
	if mark == "" || !(math.Abs((along+p.width*em/2)-(o.last+o.end)/2) < 0.25*em) {
		return false
	}
	r := p.text
	if r == "ı" {
		r = "i"
	}
	c := &o.chunks[len(o.chunks)-1]
	c.text = append(bytes.TrimSuffix(c.text, []byte(o.accent)), norm.NFC.String(r+mark)...)
	o.last, o.end, o.accent = along, along+p.width*em, ""
	c.to = max(c.to, o.end)
	return true
}

func (o *layout) start(along, em float64) {
	if n := len(o.chunks); n > 0 && len(o.chunks[n-1].text) == 0 {
		o.chunks = o.chunks[:n-1]
	}
	o.chunks = append(o.chunks, chunk{from: along, to: along, em: em})
	o.last, o.end = along, along
}

func (o *layout) put(p placed, along, em float64) {
	c := &o.chunks[len(o.chunks)-1]
	c.text = append(c.text, p.text...)
	o.accent = p.text
	o.n += 1 + len(p.text)/8
	o.last, o.end = along, along+p.width*em
	c.to = max(c.to, o.end)
	for _, a := range o.areas {
		a.add(p)
	}
}

// flush ends the line.
func (o *layout) flush() {
	if len(o.chunks) == 0 {
		return
	}
	if !slices.IsSortedFunc(o.chunks, byStart) {
		slices.SortStableFunc(o.chunks, byStart)
	}
	line := strings.TrimRight(ligatures.Replace(visual(o.joined())), " ")
	clear(o.chunks)
	o.chunks, o.n = o.chunks[:0], 0
	if strings.TrimSpace(line) == "" {
		return
	}
	body, soft := strings.CutSuffix(line, "\u00ad")
	if !o.soft {
		o.text.Break()
	}
	o.text.Add(strings.ReplaceAll(body, "\u00ad", ""))
	o.soft = soft
}

func byStart(a, b chunk) int {
	switch {
	case a.from < b.from:
		return -1
	case a.from > b.from:
		return 1
	}
	return 0
}

// joined puts the chunks of the line behind each other, and spaces between words.
func (o *layout) joined() string {
	var b strings.Builder
	end, blank, lastText, lastFrom := 0.0, true, "", 0.0
	for i := range o.chunks {
		c := &o.chunks[i]
		s := string(c.text)
		if s == "" || s == lastText && math.Abs(c.from-lastFrom) < sameSpot*c.em {
			continue
		}
		if apart := c.from-end > wordGap*c.em || c.from < end-0.5*c.em; apart && !blank && s[0] != ' ' {
			b.WriteByte(' ')
		}
		b.WriteString(s)
		end, lastText, lastFrom = c.to, s, c.from
		blank = strings.HasSuffix(s, " ") || strings.HasSuffix(s, "\u00a0")
	}
	return b.String()
}

// done ends the page.
func (o *layout) done() {
	o.flush()
	o.soft = false
	o.text.Break()
}

// visual turns runs of letters that are written from right to left around: they
// stand in the order of the page.
func visual(s string) string {
	if !strings.ContainsFunc(s, rightToLeft) {
		return s
	}
	r := []rune(s)
	for i := 0; i < len(r); i++ {
		if !rightToLeft(r[i]) {
			continue
		}
		end := i + 1
		for k := i + 1; k < len(r) && !leftToRight(r[k]); k++ {
			if rightToLeft(r[k]) || unicode.Is(unicode.Mn, r[k]) {
				end = k + 1
			}
		}
		slices.Reverse(r[i:end])
		i = end
	}
	return string(r)
}

func rightToLeft(r rune) bool {
	return r >= 0x590 && r < 0x900 && !unicode.IsDigit(r) || r >= 0xfb1d && r < 0xfe00 || r >= 0xfe70 && r < 0xff00
}

func leftToRight(r rune) bool { return unicode.IsLetter(r) && !rightToLeft(r) || unicode.IsDigit(r) }

// add takes a glyph whose middle is inside.
func (a *area) add(p placed) {
	x, y := p.x+p.dx*p.width/2, p.y+p.dy*p.width/2
	if x < a.x0 || x > a.x1 || y < a.y0 || y > a.y1 || a.text.Len() > maxArea {
		return
	}
	if e := &a.end; a.text.Len() > 0 {
		em := math.Hypot(p.dx, p.dy)
		if math.Hypot(p.x-e.x-e.dx*e.width, p.y-e.y-e.dy*e.width) > wordGap*em {
			a.text.WriteByte(' ')
		}
	}
	a.text.WriteString(p.text)
	a.end = p
}

func (a *area) shown() string {
	return strings.Join(strings.Fields(ligatures.Replace(a.text.String())), " ")
}
