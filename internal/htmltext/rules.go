package htmltext

import "strings"

// styleRules are the rules of style elements whose selector is a single class
// or identifier and whose declarations hide text. Rules inside @media are left
// out: they hold for some screens only. More is not worth the risk of hiding
// what is shown.
type styleRules struct {
	class, id map[string]style
}

// maxRules bounds what one document can define.
const maxRules = 2000

func (r *styleRules) any() bool { return len(r.class)+len(r.id) > 0 }

// parse reads a style sheet: selector { declarations }, comments left out.
func (r *styleRules) parse(css string) {
	css = stripComments(css)
	for css != "" {
		open := strings.IndexByte(css, '{')
		if open < 0 {
			return
		}
		selector := strings.TrimSpace(css[:open])
		css = css[open+1:]
		if i := strings.LastIndexByte(selector, ';'); i >= 0 {
			selector = strings.TrimSpace(selector[i+1:])
		}
		if strings.HasPrefix(selector, "@") {
			css = skipBlock(css)
			continue
		}
		end := strings.IndexByte(css, '}')
		if end < 0 {
			end = len(css)
		}
		r.add(selector, css[:end])
		css = css[min(end+1, len(css)):]
	}
}

// add stores a rule when it hides something. Most selectors are not of the
// kind that is kept, so they are looked at before the declarations.
func (r *styleRules) add(selector, declarations string) {
	var s style
	var hides, known bool
	for sel := range strings.SplitSeq(selector, ",") {
		sel = strings.TrimSpace(sel)
		if !single(sel) || len(r.class)+len(r.id) >= maxRules {
			continue
		}
		if !known {
			s.declare(declarations)
			hides, known = (look{}).child(&s).hidden(), true
		}
		switch {
		case !hides:
			return
		case sel[0] == '.':
			r.class = put(r.class, sel[1:], s)
		default:
			r.id = put(r.id, sel[1:], s)
		}
	}
}

// single tells whether a selector is one class or identifier.
func single(sel string) bool {
	return len(sel) >= 2 && (sel[0] == '.' || sel[0] == '#') && !strings.ContainsAny(sel[1:], " .#:>+~[*")
}

func put(m map[string]style, key string, s style) map[string]style {
	if m == nil {
		m = map[string]style{}
	}
	m[key] = s
	return m
}

// apply adds what the rules say about an element; its own style wins where it
// says something.
func (r *styleRules) apply(class, id string, s *style) {
	if id != "" {
		if rule, ok := r.id[id]; ok {
			s.merge(&rule)
		}
	}
	for n := 0; class != "" && n < 32; n++ {
		class = strings.TrimLeft(class, " \t\r\n\f")
		end := strings.IndexAny(class, " \t\r\n\f")
		if end < 0 {
			end = len(class)
		}
		name := class[:end]
		class = class[end:]
		if rule, ok := r.class[name]; ok {
			s.merge(&rule)
		}
	}
}

func (s *style) merge(rule *style) {
	s.none = s.none || rule.none || rule.overflow && rule.zero || rule.absolute && rule.away
	if !s.hasVis {
		s.hasVis, s.visible = rule.hasVis, rule.visible
	}
	if !s.hasFont {
		s.hasFont, s.fontZero = rule.hasFont, rule.fontZero
	}
	if !s.hasColor && rule.hasColor {
		s.hasColor, s.color = true, rule.color
	}
	if !s.hasBack && rule.hasBack {
		s.hasBack, s.back = true, rule.back
	}
}

func stripComments(css string) string {
	if !strings.Contains(css, "/*") {
		return css
	}
	var b strings.Builder
	for {
		i := strings.Index(css, "/*")
		if i < 0 {
			b.WriteString(css)
			return b.String()
		}
		b.WriteString(css[:i])
		css = css[i+2:]
		j := strings.Index(css, "*/")
		if j < 0 {
			return b.String()
		}
		css = css[j+2:]
	}
}

// skipBlock passes a block with the blocks in it.
func skipBlock(css string) string {
	depth := 1
	for i := 0; i < len(css); i++ {
		switch css[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return css[i+1:]
			}
		}
	}
	return ""
}
