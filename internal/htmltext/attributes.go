package htmltext

import (
	"bytes"
	"strings"

	"golang.org/x/net/html/atom"
)

// attributes are what matters of one start tag.
type attributes struct {
	href  string
	label string // text that a form control shows
	style style
}

// attributes reads the attributes of the current tag.
func (p *projector) attributes(tag atom.Atom, at *attributes) {
	var equiv, content, value, kind string
	var class, id string
	for more := true; more; {
		var key, val []byte
		key, val, more = p.z.TagAttr()
		switch a := atom.Lookup(key); a {
		case atom.Style:
			at.style.declare(val)
			if bytes.IndexByte(val, '(') >= 0 {
				p.cssRefs(tagName(tag), "style", string(val))
			}
		case atom.Href:
			at.href = p.href(tag, string(val))
		case atom.Hidden:
			at.style.none = true
		case atom.Class:
			class = string(val)
		case atom.Id:
			id = string(val)
		case atom.Src, atom.Action, atom.Poster, atom.Data, atom.Formaction, atom.Ping, atom.Cite, atom.Manifest:
			p.ref(tagName(tag), string(key), string(val))
		case atom.Srcset:
			p.srcset(tagName(tag), string(val))
		case atom.HttpEquiv:
			equiv = string(val)
		case atom.Content:
			content = string(val)
		case atom.Value:
			value = string(val)
		case atom.Type:
			kind = string(val)
		case atom.Color, atom.Width, atom.Height, 0:
			p.presentation(tag, string(key), val, at)
		}
	}
	if tag == atom.Meta && strings.EqualFold(strings.TrimSpace(equiv), "refresh") {
		p.refresh(content)
	}
	if tag == atom.Input && isButton(kind) {
		at.label = value
	}
	if tag == atom.Template {
		at.style.none = true
	}
	if p.rules.any() {
		p.rules.apply(class, id, &at.style)
	}
}

// presentation reads the attributes of old that colour and size things.
func (p *projector) presentation(tag atom.Atom, key string, val []byte, at *attributes) {
	switch key {
	case "bgcolor":
		if c, ok := parseColor(val); ok {
			at.style.back, at.style.hasBack = c, true
		}
	case "color":
		if c, ok := parseColor(val); ok && tag == atom.Font {
			at.style.color, at.style.hasColor = c, true
		}
	case "background", "lowsrc", "longdesc", "dynsrc", "xlink:href", "codebase", "classid":
		p.ref(tagName(tag), key, string(val))
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
	default:
		p.ref(tagName(tag), "href", val)
	}
	return ""
}

func tagName(tag atom.Atom) string {
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
