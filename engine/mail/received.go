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
	key, from := "", ""
	for clauses != "" {
		var tok string
		var comment bool
		tok, comment, clauses = hopToken(clauses)
		switch lower := strings.ToLower(tok); {
		case comment:
			if key == "from" {
				from += " " + tok
			}
		case isHopKey(lower):
			key = lower
		default:
			setHop(&hop, key, tok)
			if key == "from" {
				from += " " + tok
			}
		}
	}
	hop.IP = findIP(from)
	return hop
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

func isHopKey(s string) bool {
	switch s {
	case "from", "by", "with", "id", "for", "via":
		return true
	}
	return false
}

// hopToken takes a word or a comment, nested ones included, off the front.
func hopToken(s string) (tok string, comment bool, rest string) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] != '(' {
		end := strings.IndexAny(s, " \t(")
		if end < 0 {
			end = len(s)
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
