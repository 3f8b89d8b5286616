package mail

import (
	"net/netip"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// maxHops bounds the trace: a hundred relays is a mail loop.
const maxHops = 200

// received reads the trace (RFC 5321 section 4.4), topmost field first.
func (b *builder) received() {
	h := &b.msg.Headers
	for _, f := range h.Fields {
		if !strings.EqualFold(f.Name, "Received") {
			continue
		}
		if len(h.Hops) == maxHops {
			b.defects.limit(engine.DefectHeader, "Received", "more than %d Received fields", maxHops)
			return
		}
		hop := parseHop(f.Value)
		hop.Index = len(h.Hops)
		h.Hops = append(h.Hops, hop)
	}
}

// parseHop reads one Received field: clauses of a keyword and a value, comments
// anywhere, the date behind the last semicolon. The address of the client stands
// in a comment or in brackets after "from", in a dozen forms; the first that is
// an address counts.
func parseHop(v string) engine.Hop {
	hop := engine.Hop{Received: v}
	clauses := v
	if i := strings.LastIndexByte(v, ';'); i >= 0 {
		clauses = v[:i]
		hop.Date, _ = parseDate(strings.TrimSpace(v[i+1:]))
	}
	key, from := "", span{}
	for rest := clauses; rest != ""; {
		var tok string
		var comment bool
		at := len(clauses) - len(rest)
		tok, comment, rest = hopToken(rest)
		switch {
		case !comment && isHopKey(tok):
			key = strings.ToLower(tok)
			continue
		case !comment:
			setHop(&hop, key, tok)
		}
		if key == "from" {
			from.extend(at, len(clauses)-len(rest))
		}
	}
	hop.IP = findIP(clauses[from.start:from.end])
	return hop
}

// span is a part of a text.
type span struct{ start, end int }

// extend makes an empty span begin at start, and ends it at end.
func (s *span) extend(start, end int) {
	if s.end == 0 {
		s.start = start
	}
	s.end = end
}

// setHop stores the first word of a clause.
func setHop(h *engine.Hop, key, v string) {
	var p *string
	switch key {
	case "from":
		p, v = &h.From, strings.Trim(v, "[]")
	case "by":
		p = &h.By
	case "with":
		p = &h.With
	case "id":
		p, v = &h.ID, strings.Trim(v, "<>")
	case "for":
		p, v = &h.For, strings.Trim(v, "<>")
	default:
		return
	}
	if *p == "" {
		*p = v
	}
}

// isHopKey knows the words that begin a clause, in any case.
func isHopKey(s string) bool {
	for _, key := range [...]string{"from", "by", "with", "id", "for", "via"} {
		if len(s) == len(key) && strings.EqualFold(s, key) {
			return true
		}
	}
	return false
}

// hopToken takes a word or a comment, nested ones included, off the front.
func hopToken(s string) (tok string, comment bool, rest string) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] != '(' {
		end := 0
		for end < len(s) && s[end] != ' ' && s[end] != '\t' && s[end] != '(' {
			end++
		}
		return s[:end], false, s[end:]
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		if depth += depthOf(s[i]); depth == 0 {
			return s[1:i], true, s[i+1:]
		}
	}
	return s[1:], true, ""
}

// findIP returns the first address among the words of s.
func findIP(s string) string {
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t[](),;=<>", r) }) {
		if !maybeIP(w) {
			continue
		}
		w, _ = cutFold(w, "ipv6:")
		if a, err := netip.ParseAddr(w); err == nil {
			return a.WithZone("").Unmap().String()
		}
		if host, port, ok := strings.Cut(w, ":"); ok && len(port) < 6 {
			if a, err := netip.ParseAddr(host); err == nil {
				return a.String()
			}
		}
	}
	return ""
}
