package htmltext

import (
	"strconv"
	"strings"
)

// style is what the declarations of one element say about visibility.
type style struct {
	none     bool // not shown, whatever the children say
	hasVis   bool
	visible  bool
	hasFont  bool
	fontZero bool
	hasColor bool
	hasBack  bool
	image    bool // a background picture: its colour is not known
	color    rgb
	back     rgb

	overflow, zero, absolute, away bool // combine to none

	level   uint8 // of the heading that begins here, 0 for none
	hasBold bool
	bold    bool
}

type rgb struct{ r, g, b uint8 }

// look is the state that an element inherits and hands on.
type look struct {
	none     bool
	unseen   bool // visibility: hidden
	fontZero bool
	hasColor bool
	hasBack  bool
	color    rgb
	back     rgb
	level    uint8 // of the heading that the text is in, 0 for none
	bold     bool
}

// child is the state inside an element with that style.
func (l look) child(s *style) look {
	l.none = l.none || s.none || s.overflow && s.zero || s.absolute && s.away
	if s.hasVis {
		l.unseen = !s.visible
	}
	if s.hasFont {
		l.fontZero = s.fontZero
	}
	if s.hasColor {
		l.color, l.hasColor = s.color, true
	}
	if s.hasBack {
		l.back, l.hasBack = s.back, true
	}
	if s.image {
		l.hasBack = false
	}
	if s.level != 0 {
		l.level = s.level
	}
	if s.hasBold {
		l.bold = s.bold
	}
	return l
}

// hidden says that a reader does not see text in this state.
func (l look) hidden() bool {
	return l.none || l.unseen || l.fontZero || l.hasColor && l.hasBack && near(l.color, l.back)
}

// near is true for colours that an eye cannot tell apart.
func near(a, b rgb) bool {
	const step = 10
	d := func(x, y uint8) bool { return max(x, y)-min(x, y) <= step }
	return d(a.r, b.r) && d(a.g, b.g) && d(a.b, b.b)
}

// declare reads "name: value; ..." of a style attribute or rule.
func (s *style) declare(css string) {
	for len(css) > 0 {
		decl := css
		if i := strings.IndexByte(css, ';'); i >= 0 {
			decl, css = css[:i], css[i+1:]
		} else {
			css = ""
		}
		i := strings.IndexByte(decl, ':')
		if i <= 0 || i > 40 {
			continue
		}
		var low [40]byte
		s.property(lowered(low[:0], trim(decl[:i])), trim(decl[i+1:]))
	}
}

// lowered appends s in lower case to buf.
func lowered(buf []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		buf = append(buf, c)
	}
	return buf
}

// property is a table of the properties that can hide text or make it bold.
func (s *style) property(name []byte, v string) {
	switch string(name) {
	case "display":
		s.none = s.none || is(v, "none")
	case "visibility":
		s.hasVis, s.visible = true, !is(v, "hidden") && !is(v, "collapse")
	case "opacity":
		if f, ok := number(v); ok && f <= 0.02 {
			s.none = true
		}
	case "font-size":
		f, ok := number(v)
		s.hasFont, s.fontZero = true, ok && (f == 0 || f <= 1 && hasUnit(v, "px", "pt"))
	case "font":
		s.font(v)
	case "font-weight":
		s.weight(v)
	case "color":
		s.colour(v)
	case "background", "background-color":
		s.background(v)
	case "background-image":
		s.image = s.image || !is(v, "none")
	case "mso-hide":
		s.none = s.none || is(v, "all")
	case "overflow", "overflow-x", "overflow-y":
		s.overflow = s.overflow || is(v, "hidden") || is(v, "clip")
	case "width", "height", "max-height", "max-width":
		if f, ok := number(v); ok && f == 0 {
			s.zero = true
		}
	case "position":
		s.absolute = s.absolute || is(v, "absolute") || is(v, "fixed")
	case "left", "top", "right", "bottom":
		s.away = s.away || isFar(v)
	case "clip":
		s.away = s.away || strings.Contains(v, "rect(0") || strings.Contains(v, "rect(1px")
	case "text-indent", "margin-left", "margin-top", "margin":
		s.none = s.none || isFar(v)
	case "transform":
		s.none = s.none || strings.HasPrefix(v, "scale(0)")
	}
}

// font looks for a size of zero in the shorthand.
func (s *style) font(v string) {
	for _, w := range strings.Fields(v) {
		size, _, _ := strings.Cut(w, "/")
		if f, ok := number(size); ok && hasUnit(size, "px", "pt", "em", "rem", "%") {
			s.hasFont, s.fontZero = true, f == 0 || f <= 1 && hasUnit(size, "px", "pt")
			return
		}
	}
}

func (s *style) colour(v string) {
	if is(v, "transparent") || strings.HasPrefix(v, "rgba(") && zeroAlpha(v) {
		s.none = true
		return
	}
	if c, ok := parseColor(v); ok {
		s.color, s.hasColor = c, true
	}
}

func zeroAlpha(v string) bool {
	i := strings.LastIndexAny(v, ",/")
	if i < 0 {
		return false
	}
	f, ok := number(strings.TrimRight(trim(v[i+1:]), ") "))
	return ok && f == 0
}

func (s *style) background(v string) {
	if strings.Contains(v, "(") && !strings.HasPrefix(v, "rgb") {
		s.image = true
		return
	}
	first := v
	if !strings.HasPrefix(v, "rgb") {
		first, _, _ = strings.Cut(v, " ")
	}
	if c, ok := parseColor(first); ok {
		s.back, s.hasBack = c, true
	}
}

// isFar is true for a length that moves text out of every window.
func isFar(v string) bool {
	if len(v) < 4 {
		return false
	}
	for _, w := range strings.Fields(v) {
		if f, ok := number(w); ok && (f <= -500 || f >= 9000) {
			return true
		}
	}
	return false
}

func trim(b string) string {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// is compares a value, "!important" left out.
func is(v string, word string) bool {
	if i := strings.IndexByte(v, '!'); i >= 0 {
		v = trim(v[:i])
	}
	return len(v) == len(word) && strings.EqualFold(v, word)
}

// number reads the number at the start of a value.
func number(v string) (float64, bool) {
	n := 0
	for n < len(v) && n < 24 && (v[n] >= '0' && v[n] <= '9' || v[n] == '.' || n == 0 && (v[n] == '-' || v[n] == '+')) {
		n++
	}
	if n == 0 {
		return 0, false
	}
	if n <= 4 {
		return smallNumber(v[:n])
	}
	f, err := strconv.ParseFloat(v[:n], 64)
	return f, err == nil
}

// smallNumber reads what almost every value is, without allocating.
func smallNumber(v string) (float64, bool) {
	f, frac, neg, digits := 0.0, 0.0, false, 0
	for i, c := range []byte(v) {
		switch {
		case i == 0 && (c == '-' || c == '+'):
			neg = c == '-'
		case c == '.':
			if frac != 0 {
				return 0, false
			}
			frac = 1
		default:
			digits++
			f = f*10 + float64(c-'0')
			if frac != 0 {
				frac *= 10
			}
		}
	}
	if frac != 0 {
		f /= frac
	}
	if neg {
		f = -f
	}
	return f, digits > 0
}

func hasUnit(v string, units ...string) bool {
	if i := strings.IndexByte(v, '!'); i >= 0 {
		v = trim(v[:i])
	}
	for _, u := range units {
		if len(v) > len(u) && strings.EqualFold(v[len(v)-len(u):], u) {
			return true
		}
	}
	return false
}

// colorNames are the names that mail uses to hide text with.
var colorNames = map[string]rgb{
	"white": {255, 255, 255}, "black": {0, 0, 0}, "red": {255, 0, 0}, "green": {0, 128, 0}, "blue": {0, 0, 255},
	"yellow": {255, 255, 0}, "gray": {128, 128, 128}, "grey": {128, 128, 128}, "silver": {192, 192, 192},
	"snow": {255, 250, 250}, "ivory": {255, 255, 240}, "whitesmoke": {245, 245, 245}, "ghostwhite": {248, 248, 255},
	"floralwhite": {255, 250, 240}, "azure": {240, 255, 255}, "mintcream": {245, 255, 250}, "gainsboro": {220, 220, 220},
	"lightgray": {211, 211, 211}, "lightgrey": {211, 211, 211}, "navy": {0, 0, 128}, "maroon": {128, 0, 0},
	"purple": {128, 0, 128}, "orange": {255, 165, 0}, "teal": {0, 128, 128}, "aqua": {0, 255, 255}, "lime": {0, 255, 0},
	"fuchsia": {255, 0, 255}, "olive": {128, 128, 0},
}

// parseColor reads #rgb, #rrggbb, rrggbb, rgb(r,g,b) and names.
func parseColor(v string) (c rgb, ok bool) {
	if i := strings.IndexByte(v, '!'); i >= 0 {
		v = v[:i]
	}
	v = trim(v)
	switch {
	case len(v) == 0 || len(v) > 32:
		return rgb{}, false
	case v[0] == '#':
		return hexColor(v[1:])
	case len(v) > 4 && strings.EqualFold(v[:3], "rgb"):
		return rgbColor(v)
	}
	if c, ok = colorNames[strings.ToLower(v)]; ok {
		return c, true
	}
	if len(v) == 6 {
		return hexColor(v)
	}
	return rgb{}, false
}

func hexColor(v string) (c rgb, ok bool) {
	if len(v) != 3 && len(v) != 6 && len(v) != 8 {
		return rgb{}, false
	}
	n, err := strconv.ParseUint(v, 16, 32)
	if err != nil {
		return rgb{}, false
	}
	switch len(v) {
	case 3:
		return rgb{uint8(n >> 8 & 15 * 17), uint8(n >> 4 & 15 * 17), uint8(n & 15 * 17)}, true
	case 8:
		n >>= 8
	}
	return rgb{uint8(n >> 16), uint8(n >> 8), uint8(n)}, true
}

func rgbColor(v string) (c rgb, ok bool) {
	i, j := strings.IndexByte(v, '('), strings.IndexByte(v, ')')
	if i < 0 || j < i {
		return rgb{}, false
	}
	var ch [3]uint8
	parts := strings.FieldsFunc(v[i+1:j], func(r rune) bool { return r == ',' || r == ' ' || r == '/' })
	if len(parts) < 3 {
		return rgb{}, false
	}
	for k := range ch {
		f, ok := number(parts[k])
		if !ok || f < 0 || f > 255 {
			return rgb{}, false
		}
		ch[k] = uint8(f)
	}
	return rgb{ch[0], ch[1], ch[2]}, true
}
