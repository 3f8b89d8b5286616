package mail

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// addresses reads the value of an address field (RFC 5322 section 3.4) as it was
// sent, before decoding: an encoded display name may hold a comma. It is linear
// and never fails: what is no address keeps its text as the display name.
func (w *words) addresses(v string) []engine.Address {
	v = unfold(v)
	lastQuote := len(v) - strings.LastIndexByte(v, '"')
	var out []engine.Address
	for v != "" {
		var item string
		item, v = cutAddress(v, lastQuote)
		if strings.TrimSpace(item) == "" {
			continue
		}
		if a, ok := w.address(item, true); ok {
			out = append(out, a)
		}
	}
	return out
}

// cutAddress takes the first mailbox off a list: up to a comma or semicolon
// that is not quoted, or behind an angle bracket that another name follows. The
// name of a group is dropped. The last quote of the field, counted from its end,
// cannot open anything.
func cutAddress(s string, lastQuote int) (item, rest string) {
	quote, comment, angle := false, 0, false
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && (quote || comment > 0):
			i++
		case quote:
			quote = c != '"'
		case comment > 0:
			comment += depthOf(c)
		case c == '"' && !angle:
			quote = i < len(s)-lastQuote
		case c == '(' && !angle:
			comment++
		case c == '<':
			angle = true
		case c == '>':
			angle = false
			if next := strings.TrimLeft(s[i+1:min(len(s), i+64)], " \t"); next != "" && strings.IndexByte(",;(<>", next[0]) < 0 {
				return s[start : i+1], s[i+1:]
			}
		case c == ',' || c == ';':
			if !angle || strings.IndexByte(s[i:min(len(s), i+1024)], '>') < 0 {
				return s[start:i], s[i+1:]
			}
		case c == ':' && !angle && strings.IndexByte(s[start:i], '@') < 0 && !strings.EqualFold(strings.TrimSpace(s[start:i]), "mailto"):
			start = i + 1
		}
	}
	return s[start:], ""
}

func depthOf(c byte) int {
	switch c {
	case '(':
		return 1
	case ')':
		return -1
	}
	return 0
}

// address reads one mailbox. An item whose address was itself encoded is
// decoded and read once more.
func (w *words) address(item string, again bool) (engine.Address, bool) {
	name, spec := splitMailbox(item)
	if spec == "" && again && strings.Contains(item, "=?") {
		return w.address(w.decode(item), false)
	}
	a := engine.Address{DisplayName: w.decode(unquoteName(name))}
	if spec == "" {
		return a, a.DisplayName != ""
	}
	a.Email = w.email(spec)
	return a, true
}

// email reads an addr-spec; a broken one keeps its text.
func (w *words) email(spec string) engine.Email {
	if e, ok := names.ParseEmail(spec); ok {
		return e
	}
	spec = w.decode(spec)
	if e, ok := names.ParseEmail(spec); ok {
		return e
	}
	if spec == "" {
		return engine.Email{}
	}
	w.defects.add(engine.DefectAddress, w.where, "an address cannot be read")
	e := engine.Email{Email: strings.ToLower(spec), LocalPart: spec}
	if i := strings.LastIndexByte(spec, '@'); i >= 0 {
		e.LocalPart, e.Domain = spec[:i], names.ParseHost(strings.TrimSpace(spec[i+1:]))
	}
	return e
}

// splitMailbox separates the display name from the addr-spec. The last angle
// bracket counts: what stands in earlier ones is part of a deceptive name.
func splitMailbox(item string) (name, spec string) {
	item = strings.TrimSpace(item)
	if open := strings.LastIndexByte(item, '<'); open >= 0 {
		spec = item[open+1:]
		tail := ""
		if i := strings.IndexByte(spec, '>'); i >= 0 {
			spec, tail = spec[:i], spec[i+1:]
		}
		name = strings.TrimSpace(item[:open])
		if name == "" {
			name = commentOf(tail)
		}
		return name, cleanSpec(spec)
	}
	if open := strings.IndexByte(item, '('); open > 0 && strings.IndexByte(item[:open], '@') >= 0 {
		return commentOf(item[open:]), cleanSpec(item[:open])
	}
	if at := strings.LastIndexByte(item, '@'); at >= 0 && !strings.HasPrefix(item, `"`) {
		if i := strings.LastIndexAny(item[:at], " \t"); i >= 0 {
			return strings.TrimSpace(item[:i]), cleanSpec(item[i+1:]) // name without angle brackets
		}
		return "", cleanSpec(item)
	}
	if strings.HasPrefix(item, `"`) && strings.Contains(item, `"@`) {
		return "", cleanSpec(item)
	}
	return item, ""
}

func cleanSpec(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.HasPrefix(s, "@") {
		s = s[i+1:] // a source route (RFC 5322 section 4.4)
	}
	return strings.Trim(s, " \t'")
}

func commentOf(s string) string {
	s = strings.TrimSpace(s)
	s = strings.TrimPrefix(s, "(")
	return strings.TrimSuffix(s, ")")
}

// unquoteName removes the quotes of a quoted-string, also around a part of it.
func unquoteName(s string) string {
	if !strings.ContainsAny(s, `"\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b = append(b, s[i])
		case s[i] != '"':
			b = append(b, s[i])
		}
	}
	return string(b)
}
