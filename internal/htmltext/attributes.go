package htmltext

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// attributes are what matters of one start tag.
type attributes struct {
	href  string
	label string // text that a form control shows
	style style
}

// attributes reads the attributes of a start tag. Of several attributes of one
// name the first counts.
func (p *projector) attributes(tag atom.Atom, at *attributes) {
	var m metaAttributes
	for _, a := range p.z.attrs {
		p.attribute(tag, p.z.part(a.key), p.z.part(a.val), at, &m)
	}
	if tag == atom.Meta && strings.EqualFold(strings.TrimSpace(m.equiv), "refresh") {
		p.refresh(m.content)
	}
	if tag == atom.Input && isButton(m.kind) {
		at.label = m.value
	}
	if p.rules.any() {
		p.rules.apply(m.class, m.id, &at.style)
	}
}

// metaAttributes are kept until all attributes of the tag have been read.
type metaAttributes struct {
	equiv, content, value, kind, class, id string
	style                                  bool
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' }

// attribute is a table of the attributes that matter.
func (p *projector) attribute(tag atom.Atom, key, val string, at *attributes, m *metaAttributes) {
	var buf [16]byte
	if len(key) > len(buf) {
		return
	}
	low := lowered(buf[:0], key)
	switch string(low) {
	case "style":
		if m.style {
			return
		}
		m.style = true
		val = decode(val)
		at.style.declare(val)
		if strings.IndexByte(val, '(') >= 0 {
			p.cssRefs(label(tag), "style", val)
		}
	case "href":
		if at.href == "" {
			at.href = p.href(tag, decode(val))
		}
	case "hidden":
		at.style.none = true
	case "class":
		setOnce(&m.class, val)
	case "id":
		setOnce(&m.id, val)
	case "src", "action", "poster", "data", "formaction", "ping", "cite", "manifest", "background", "lowsrc", "dynsrc", "longdesc", "xlink:href", "codebase", "classid":
		p.ref(label(tag), string(low), decode(val))
	case "srcdoc": // a page in an attribute; as a data URL it is read like one
		p.ref(label(tag), "srcdoc", "data:text/html,"+strings.ReplaceAll(decode(val), "%", "%25"))
	case "srcset":
		p.srcset(label(tag), decode(val))
	case "http-equiv":
		setOnce(&m.equiv, val)
	case "content":
		setOnce(&m.content, val)
	case "value":
		setOnce(&m.value, val)
	case "type":
		setOnce(&m.kind, val)
	case "bgcolor":
		if c, ok := parseColor(val); ok {
			at.style.back, at.style.hasBack = c, true
		}
	case "color":
		if c, ok := parseColor(val); ok && tag == atom.Font {
			at.style.color, at.style.hasColor = c, true
		}
	default:
		if isHandler(low) {
			p.handlerRefs(label(tag), string(low), decode(val))
		}
	}
}

func setOnce(p *string, val string) {
	if *p == "" {
		*p = decode(val)
	}
}

// href tells links from other targets. It returns the target of a link.
func (p *projector) href(tag atom.Atom, val string) string {
	switch tag {
	case atom.A, atom.Area:
		return val
	case atom.Base:
		if p.base == "" {
			p.base = strings.TrimSpace(val)
		}
		fallthrough
	default:
		p.ref(label(tag), "href", val)
	}
	return ""
}

func label(tag atom.Atom) string {
	if tag&(1<<31) != 0 {
		return "other"
	}
	return tag.String()
}

func isButton(kind string) bool {
	switch strings.ToLower(kind) {
	case "submit", "button", "reset":
		return true
	}
	return false
}

// srcset lists candidates: a URL and a descriptor, separated by commas.
func (p *projector) srcset(tag, val string) {
	for n := 0; n < 16 && val != ""; n++ {
		val = strings.TrimLeft(val, " \t\r\n,")
		end := strings.IndexAny(val, " \t\r\n")
		if end < 0 {
			end = len(val)
		}
		p.ref(tag, "srcset", strings.TrimRight(val[:end], ","))
		_, val, _ = strings.Cut(val[end:], ",")
	}
}

// refresh reads "5; url=..." of a meta element.
func (p *projector) refresh(content string) {
	i := strings.IndexAny(content, ";,")
	if i < 0 {
		return
	}
	url := strings.TrimSpace(content[i+1:])
	if hasPrefixFold(url, "url") {
		url = strings.TrimLeft(strings.TrimLeft(url[3:], " \t"), "=")
	}
	p.ref("meta", "refresh", strings.Trim(strings.TrimSpace(url), `'"`))
}

// cssRefs takes the URLs out of a style.
func (p *projector) cssRefs(tag, attr, css string) {
	for {
		i := strings.IndexByte(css, '(')
		if i < 0 {
			return
		}
		isURL := i >= 3 && strings.EqualFold(css[i-3:i], "url")
		css = css[i+1:]
		if !isURL {
			continue
		}
		end := strings.IndexByte(css, ')')
		if end < 0 {
			return
		}
		p.ref(tag, attr, strings.Trim(strings.TrimSpace(css[:end]), `"'`))
		css = css[end:]
	}
}
