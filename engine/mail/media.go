package mail

import (
	"sort"
	"strconv"
	"strings"
)

// media is the value of a Content-Type or Content-Disposition field (RFC 2045
// section 5.1, RFC 2183), read as leniently as mail clients do.
type media struct {
	value  string // lower case
	end    int    // where the parameters begin in what was read
	typed  bool   // the value stood there, and was not put in by the scanner
	params []param
	capped bool // more parameters than the cap; the rest was not read
}

type param struct{ key, value string }

// parseMedia reads a field value. It never fails: what makes no sense is left
// out. It accepts missing semicolons, unquoted values with spaces, quotes inside
// quotes, and a missing type.
func parseMedia(v string, maxParams int) (m media) {
	end := strings.IndexAny(v, "; \t")
	if end < 0 {
		end = len(v)
	}
	if strings.Contains(v[:end], "=") {
		end = 0
	}
	m.value = strings.ToLower(strings.Trim(v[:end], `"'<>,`))
	m.end, m.typed = end, m.value != ""
	rest := v[end:]
	for {
		var p param
		if p, rest = nextParam(rest); p.key == "" && rest == "" {
			return m
		}
		if p.key == "" {
			continue
		}
		if len(m.params) == maxParams {
			m.capped = true
			return m
		}
		m.params = append(m.params, p)
	}
}

// nextParam reads one key=value. The key is empty when there was none before
// the next semicolon.
func nextParam(s string) (p param, rest string) {
	s = strings.TrimLeft(s, "; \t")
	end := strings.IndexAny(s, "=;")
	if end < 0 {
		return param{}, ""
	}
	if s[end] == ';' {
		return param{}, s[end+1:]
	}
	key := strings.TrimSpace(s[:end])
	if i := strings.LastIndexAny(key, " \t"); i >= 0 {
		key = key[i+1:] // a stray word before it
	}
	p.key = strings.ToLower(key)
	s = strings.TrimLeft(s[end+1:], " \t")
	if strings.HasPrefix(s, `"`) {
		p.value, rest = quoted(s[1:])
		return p, rest
	}
	p.value, rest = unquoted(s)
	return p, rest
}

// quoted reads up to the closing quote: the first that a semicolon, white space
// and a further parameter, or the end follow.
func quoted(s string) (value, rest string) {
	var b []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b = append(b, s[i])
		case c == '"' && closes(s[i+1:]):
			return string(b), s[i+1:]
		default:
			b = append(b, c)
		}
	}
	return string(b), ""
}

// closes says whether what follows a quote means that it was the closing one.
func closes(after string) bool {
	const far = 64
	t := strings.TrimLeft(after[:min(len(after), far)], " \t")
	return t == "" || t[0] == ';' || len(t) < len(after) && beginsParam(t)
}

// beginsParam says whether s reads as token=.
func beginsParam(s string) bool {
	i := strings.IndexAny(s[:min(len(s), 32)], "= \t;\"/?:")
	return i > 0 && s[i] == '='
}

// unquoted reads up to a semicolon, or white space before a further parameter.
func unquoted(s string) (value, rest string) {
	end := strings.IndexByte(s, ';')
	if end < 0 {
		end = len(s)
	}
	for i := 0; i < end; i++ {
		if (s[i] == ' ' || s[i] == '\t') && beginsParam(s[i+1:end]) {
			return s[:i], s[i+1:]
		}
	}
	return strings.TrimRight(s[:end], " \t"), s[min(end, len(s)):]
}

// get returns a parameter as it stands, "" if there is none. Of several the
// first counts.
func (m *media) get(key string) string {
	for i := range m.params {
		if m.params[i].key == key {
			return m.params[i].value
		}
	}
	return m.extended(key, nil)
}

// text returns a parameter meant for people: in the extended form of RFC 2231
// if there is one, else with encoded-words decoded, as most senders write it.
func (m *media) text(key string, w *words) string {
	if v := m.extended(key, w); v != "" {
		return v
	}
	for i := range m.params {
		if m.params[i].key == key {
			return w.decode(m.params[i].value)
		}
	}
	return ""
}

// into adds every parameter to a map, decoded; of several the first counts.
func (m *media) into(params map[string]string, w *words) {
	for i := range m.params {
		key, _, _ := strings.Cut(m.params[i].key, "*")
		if _, ok := params[key]; !ok {
			params[key] = m.text(key, w)
		}
	}
}

// names replaces the parameters that name a file.
func (m *media) names(params map[string]string, w *words) {
	for _, key := range [...]string{"filename", "name", "file"} {
		if v := m.text(key, w); v != "" {
			params[key] = v
		}
	}
}

// extended joins key*, key*0, key*1*, ... (RFC 2231 sections 3 and 4).
func (m *media) extended(key string, w *words) string {
	type segment struct {
		index   int
		encoded bool
		value   string
	}
	var segs []segment
	for _, p := range m.params {
		suffix, ok := strings.CutPrefix(p.key, key+"*")
		if !ok {
			continue
		}
		digits := strings.TrimSuffix(suffix, "*")
		n, err := strconv.Atoi(digits)
		if err != nil && digits != "" || n < 0 {
			continue
		}
		segs = append(segs, segment{n, digits == "" || digits != suffix, p.value})
	}
	if len(segs) == 0 {
		return ""
	}
	sort.SliceStable(segs, func(i, j int) bool { return segs[i].index < segs[j].index })
	var raw []byte
	charset, seen := "", -1
	for i, s := range segs {
		if s.index == seen {
			continue // a duplicate
		}
		seen = s.index
		if i == 0 && s.encoded {
			charset, s.value = cutCharset(s.value)
		}
		if s.encoded {
			raw = appendPercent(raw, s.value)
			continue
		}
		raw = append(raw, s.value...)
	}
	if w == nil {
		return string(raw)
	}
	return w.decode(w.toUTF8(charset, raw))
}

// cutCharset takes charset'language' off an extended value.
func cutCharset(v string) (charset, rest string) {
	parts := strings.SplitN(v, "'", 3)
	if len(parts) < 3 {
		return "", v
	}
	return parts[0], parts[2]
}

// appendPercent decodes %XX; anything else stands for itself.
func appendPercent(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex[s[i+1]], unhex[s[i+2]]; hi|lo < 16 {
				dst = append(dst, hi<<4|lo)
				i += 2
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst
}

// unhex maps hexadecimal digits to their value, all else to 0xff.
var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range "0123456789abcdef" {
		t[c] = byte(i)
	}
	for i, c := range "ABCDEF" {
		t[c] = byte(10 + i)
	}
	return t
}()
