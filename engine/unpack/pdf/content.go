package pdf

import (
	"bytes"
	"math"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Limits of the content of one file.
const (
	maxOperators = 4_000_000
	maxContent   = 64 << 20 // bytes of streams that are run
	maxForms     = 20_000   // forms drawn
	maxNested    = 16       // forms inside each other
	maxStates    = 256      // saved graphics states
	maxOperands  = 64       // of one operator; the last ones count
	maxSpacing   = 0.6      // em between letters of one word
	// QUIRK: Ghostscript moves from word to word by the spacing of two letters, "f" and "f" of
	// "staff found"; see testdata/ghostscript.pdf.
	minSpaced = 2
	// QUIRK: tools that set a page anew put a space between any two letters, and take its width
	// back by word spacing.
	minSpace = 0.08
)

// matrix maps (x, y) to (a*x+c*y+e, b*x+d*y+f).
type matrix [6]float64

var identity = matrix{1, 0, 0, 1, 0, 0}

// mul applies m, then n.
func (m matrix) mul(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

func (m matrix) shift(x, y float64) matrix { return matrix{1, 0, 0, 1, x, y}.mul(m) }

// graphics is the part of the graphics state that matters for text (8.4, 9.3).
type graphics struct {
	ctm                    matrix
	font                   *font
	size, char, word       float64
	stretch, leading, rise float64
	mode                   int
}

// interpreter runs content streams.
type interpreter struct {
	r    *reading
	page int
	out  *layout
	graphics
	saved    []graphics
	tm, line matrix
	res      dict
	forms    []ref // that are being drawn
	marks    []mark
}

// mark is a marked-content sequence; one with ActualText shows that in place of
// its glyphs.
type mark struct {
	actual      string
	has, showed bool
}

func newInterpreter(r *reading, page int, out *layout) *interpreter {
	return &interpreter{r: r, page: page, out: out, graphics: graphics{ctm: identity, font: plainFont, stretch: 1}, tm: identity, line: identity}
}

// run executes a stream. It ends at what is no content any more.
func (in *interpreter) run(b []byte, res dict) {
	outer, depth := in.res, len(in.saved)
	in.res = res
	l := &lexer{b: b, flat: true}
	args, steps := make([]any, 0, maxOperands), 0
	for {
		v, err := l.object()
		if err != nil {
			break
		}
		op, isWord := v.(keyword)
		if !isWord {
			if len(args) == maxOperands {
				args = args[:copy(args, args[1:])]
			}
			args = append(args, v)
			continue
		}
		if in.r.operators++; in.r.operators > maxOperators {
			in.r.f.capped(engine.DefectItems, "more than %d operators", maxOperators)
			break
		}
		if steps++; steps%1024 == 0 && in.r.f.stopped() || in.r.t.Text.Full() {
			break
		}
		if op == "BI" {
			skipInline(l)
		} else {
			in.do(op, args)
		}
		args = args[:0]
	}
	if len(in.saved) > depth {
		in.graphics, in.saved = in.saved[depth], in.saved[:depth]
	}
	in.res = outer
}

// do executes the operators that matter for text (Annex A). It is a table.
func (in *interpreter) do(op keyword, a []any) {
	switch op {
	case "q":
		in.save()
	case "Q":
		in.restore()
	case "cm":
		if m, ok := matrixOf(a); ok {
			in.ctm = m.mul(in.ctm)
		}
	case "BT":
		in.tm, in.line = identity, identity
	case "Tf":
		in.setFont(a)
	case "Tc":
		in.char = last(a)
	case "Tw":
		in.word = last(a)
	case "Tz":
		in.stretch = last(a) / 100
	case "TL":
		in.leading = last(a)
	case "Ts":
		in.rise = last(a)
	case "Tr":
		in.mode = int(last(a))
	case "Td":
		in.move(a)
	case "TD":
		in.leading = -last(a)
		in.move(a)
	case "Tm":
		if m, ok := matrixOf(a); ok {
			in.tm, in.line = m, m
		}
	case "T*":
		in.nextLine()
	case "Tj":
		in.showLast(a)
	case "'":
		in.nextLine()
		in.showLast(a)
	case "\"":
		if n := len(a); n > 2 {
			in.word, in.char = number(a[n-3]), number(a[n-2])
		}
		in.nextLine()
		in.showLast(a)
	case "TJ":
		in.showArray(a)
	case "Do":
		in.draw(a)
	case "gs":
		in.external(a)
	case "BDC", "BMC":
		in.begin(a)
	case "EMC":
		in.end()
	}
}

// last is the last operand as a number, 0 when there is none.
func last(a []any) float64 {
	if len(a) == 0 {
		return 0
	}
	return number(a[len(a)-1])
}

func matrixOf(a []any) (m matrix, ok bool) {
	if len(a) < 6 {
		return m, false
	}
	for i, v := range a[len(a)-6:] {
		m[i] = number(v)
	}
	return m, true
}

func (in *interpreter) save() {
	if len(in.saved) < maxStates {
		in.saved = append(in.saved, in.graphics)
	}
}

func (in *interpreter) restore() {
	if n := len(in.saved); n > 0 {
		in.graphics, in.saved = in.saved[n-1], in.saved[:n-1]
	}
}

func (in *interpreter) setFont(a []any) {
	if len(a) < 2 {
		return
	}
	n, _ := a[len(a)-2].(name)
	in.size = number(a[len(a)-1])
	in.font = in.r.font(in.resource("Font", n))
}

// resource is an entry of the resources as it stands there, a reference mostly.
func (in *interpreter) resource(kind, n name) any {
	return in.r.f.dict(in.res[kind])[n]
}

// external sets the font of an ExtGState.
func (in *interpreter) external(a []any) {
	if len(a) == 0 {
		return
	}
	n, _ := a[0].(name)
	if f := in.r.f.array(in.r.f.dict(in.resource("ExtGState", n))["Font"]); len(f) == 2 {
		in.font, in.size = in.r.font(f[0]), in.r.f.number(f[1])
	}
}

func (in *interpreter) move(a []any) {
	if len(a) > 1 {
		in.line = in.line.shift(number(a[len(a)-2]), number(a[len(a)-1]))
		in.tm = in.line
	}
}

func (in *interpreter) nextLine() {
	in.line = in.line.shift(0, -in.leading)
	in.tm = in.line
}

func (in *interpreter) showLast(a []any) {
	if len(a) > 0 {
		if s, ok := a[len(a)-1].(str); ok {
			in.show(string(s))
		}
	}
}

func (in *interpreter) showArray(a []any) {
	if len(a) == 0 {
		return
	}
	list, _ := a[len(a)-1].(array)
	for _, v := range list {
		if s, ok := v.(str); ok {
			in.show(string(s))
			continue
		}
		in.advance(-number(v) / 1000 * in.size)
	}
}

// advance moves along the line; stretch is for horizontal ones only.
func (in *interpreter) advance(d float64) {
	if in.font.vertical {
		in.tm = in.tm.shift(0, -math.Abs(d))
		return
	}
	in.tm = in.tm.shift(d*in.stretch, 0)
}

// show places the glyphs of a string (9.4.4).
func (in *interpreter) show(s string) {
	m := matrix{in.size * in.stretch, 0, 0, in.size, 0, in.rise}
	if in.mode == 3 || in.mode == 7 {
		in.r.hidden = in.r.hidden || len(s) > 0
	}
	in.font.each(s, func(g glyph) {
		d := g.width*in.size + in.char
		if g.space {
			d += in.word
		}
		if g.text == " " && d/in.size < minSpace {
			g.text = ""
		}
		if apart := in.char / in.size; apart > 0 && apart < maxSpacing && !g.last && len(s) > minSpaced {
			g.width += apart // letters that stand apart are one word
		}
		in.place(m.mul(in.tm).mul(in.ctm), g)
		in.advance(d)
	})
}

// place hands a glyph to the layout. at maps the square of the font to the page.
func (in *interpreter) place(at matrix, g glyph) {
	text := g.text
	if m := in.actual(); m != nil {
		if text = ""; !m.showed {
			text, m.showed = m.actual, true
		}
	}
	if text == "" && g.text == "" {
		in.r.unmapped++
	}
	p := placed{x: at[4], y: at[5], dx: at[0], dy: at[1], text: text, width: g.width, height: math.Hypot(at[2], at[3]) * in.font.scale}
	if in.font.vertical {
		p.dx, p.dy = -at[2], -at[3]
	}
	in.out.add(p)
}

// actual is the outermost mark that replaces text.
func (in *interpreter) actual() *mark {
	for i := range in.marks {
		if in.marks[i].has {
			return &in.marks[i]
		}
	}
	return nil
}

func (in *interpreter) begin(a []any) {
	if len(in.marks) >= maxStates {
		return
	}
	var m mark
	if len(a) > 1 {
		props := in.r.f.dict(a[1])
		if n, ok := a[1].(name); ok {
			props = in.r.f.dict(in.resource("Properties", n))
		}
		if s, ok := in.r.f.get(props["ActualText"]).(str); ok && in.actual() == nil {
			in.r.operators += len(s) / 16
			m = mark{actual: textString(s), has: true}
		}
	}
	in.marks = append(in.marks, m)
}

// end closes a mark. One that had no glyphs shows its text where it ends.
func (in *interpreter) end() {
	n := len(in.marks)
	if n == 0 {
		return
	}
	m := in.marks[n-1]
	if in.actual() == &in.marks[n-1] && !m.showed && m.actual != "" {
		in.place(matrix{in.size, 0, 0, in.size, 0, in.rise}.mul(in.tm).mul(in.ctm), glyph{text: m.actual})
	}
	in.marks = in.marks[:n-1]
}

// draw paints a form or looks at a picture.
func (in *interpreter) draw(a []any) {
	if len(a) == 0 {
		return
	}
	n, _ := a[len(a)-1].(name)
	v := in.resource("XObject", n)
	s := in.r.f.stream(v)
	switch {
	case s == nil:
	case in.r.f.name(s.dict["Subtype"]) == "Image":
		in.r.picture(in.page, s)
	default:
		in.form(s)
	}
}

// form runs the stream of a form in a state of its own (8.10).
func (in *interpreter) form(s *stream) {
	in.r.forms++
	if len(in.forms) >= maxNested || slices.Contains(in.forms, s.id) {
		in.r.f.capped(engine.DefectNesting, "forms draw themselves, or nest deeper than %d", maxNested)
		return
	}
	if in.r.forms > maxForms {
		in.r.f.capped(engine.DefectItems, "more than %d forms are drawn", maxForms)
		return
	}
	state, tm, line, marks := in.graphics, in.tm, in.line, len(in.marks)
	if m, ok := matrixOf(in.r.f.resolved(s.dict["Matrix"])); ok {
		in.ctm = m.mul(in.ctm)
	}
	res := in.r.f.dict(s.dict["Resources"])
	if res == nil {
		res = in.res
	}
	in.forms = append(in.forms, s.id)
	in.run(in.r.f.script(s), res)
	in.forms = in.forms[:len(in.forms)-1]
	in.graphics, in.tm, in.line, in.marks = state, tm, line, in.marks[:min(marks, len(in.marks))]
}

// resolved is an array with its references followed.
func (f *file) resolved(v any) array {
	a := slices.Clone(f.array(v))
	for i := range a[:min(len(a), maxOperands)] {
		a[i] = f.get(a[i])
	}
	return a
}

// skipInline goes over an inline image (8.9.7): to an "EI" that stands alone and
// is followed by what looks like content.
func skipInline(l *lexer) {
	for {
		v, err := l.object()
		if err != nil || v == keyword("EI") {
			return
		}
		if v == keyword("ID") {
			break
		}
	}
	for at := l.pos; ; {
		i := bytes.Index(l.b[min(at, len(l.b)):], []byte("EI"))
		if i < 0 {
			l.pos = len(l.b)
			return
		}
		at += i + 2
		if class[l.b[max(0, at-3)]] == space && (at == len(l.b) || class[l.b[at]] == space && plainText(l.b[at:min(at+12, len(l.b))])) {
			l.pos = at
			return
		}
	}
}

func plainText(b []byte) bool {
	for _, c := range b {
		if c >= 0x7f || c < ' ' && class[c] != space || c == 0 {
			return false
		}
	}
	return true
}
