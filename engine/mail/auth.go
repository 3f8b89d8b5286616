package mail

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// auth reads the verdicts of sender authentication: the Authentication-Results
// (RFC 8601) of the topmost trusted server, else those of the topmost server of
// all, which anybody may have written. A server may write one field per method;
// for each method its topmost field counts, since fields below may have come
// with the mail. SPF alone may come from Received-SPF (RFC 7208 section 9.1).
func (b *builder) auth() {
	a := &b.msg.Auth
	fields := b.authFields()
	if len(fields) > 0 {
		chosen := fields[0]
		for _, f := range fields {
			if f.trusted {
				chosen = f
				break
			}
		}
		*a = b.verdicts(&chosen)
		for i := range fields {
			if f := &fields[i]; f.server == chosen.server && f.server != "" {
				complete(a, b.verdicts(f))
			}
		}
	}
	if a.SPF.Result == "" {
		b.receivedSPF(a)
	}
}

// maxAuthFields bounds the fields that are read.
const maxAuthFields = 50

func (b *builder) authFields() []authResults {
	var out []authResults
	for _, f := range b.msg.Headers.Fields {
		if strings.EqualFold(f.Name, "Authentication-Results") && len(out) < maxAuthFields {
			r := parseAuthResults(f.Value)
			r.trusted = b.trusts(r.server)
			out = append(out, r)
		}
	}
	return out
}

func (b *builder) trusts(server string) bool {
	for _, t := range b.job.cfg.TrustedAuthServers {
		if strings.EqualFold(t, server) {
			return true
		}
	}
	return false
}

// authResults is one field, taken apart.
type authResults struct {
	server  string
	trusted bool
	methods []authMethod
}

// authMethod is one resinfo: method=result and its properties.
type authMethod struct {
	name, result string
	props        map[string]string // ptype.property, lower case
}

// maxMethods bounds the results of one field.
const maxMethods = 64

// parseAuthResults reads a field. The authserv-id may be missing, as Exchange
// Online leaves it out.
func parseAuthResults(v string) authResults {
	var r authResults
	for n := 0; v != "" && n < maxMethods; n++ {
		var item string
		item, v = cutSemicolon(v)
		words := strings.Fields(item)
		if len(words) == 0 {
			continue
		}
		name, result, ok := strings.Cut(words[0], "=")
		if !ok {
			if n == 0 {
				r.server = strings.ToLower(words[0])
			}
			continue
		}
		if i := strings.LastIndexByte(name, ';'); i >= 0 {
			name = name[i+1:]
		}
		name, _, _ = strings.Cut(name, "/") // version
		m := authMethod{name: strings.ToLower(name), result: authResult(result), props: map[string]string{}}
		for _, w := range words[1:] {
			if k, val, ok := strings.Cut(w, "="); ok && m.props[strings.ToLower(k)] == "" {
				m.props[strings.ToLower(k)] = strings.Trim(val, `"<>,`)
			}
		}
		r.methods = append(r.methods, m)
	}
	return r
}

// cutSemicolon takes the text up to a semicolon outside comments and quotes,
// comments removed.
func cutSemicolon(s string) (item, rest string) {
	var b strings.Builder
	depth, quote := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote:
			quote = c != '"'
			b.WriteByte(c)
		case c == '(':
			depth++
			b.WriteByte(' ')
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == ';':
			return b.String(), s[i+1:]
		default:
			quote = c == '"'
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// authResult maps the words servers use to those of RFC 8601 section 2.7.
func authResult(s string) string {
	switch s = strings.ToLower(strings.Trim(s, `"., `)); s {
	case "pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror":
		return s
	case "hardfail":
		return "fail"
	case "error":
		return "temperror"
	case "unknown":
		return "permerror"
	case "bestguesspass":
		return "none"
	case "":
		return ""
	}
	return "unknown"
}

// verdicts picks the result per method. Of several DKIM signatures an aligned
// one that passes counts, then any that passes, then the first.
func (b *builder) verdicts(r *authResults) engine.Auth {
	a := engine.Auth{Trusted: r.trusted}
	for _, m := range r.methods {
		v := engine.AuthResult{Result: m.result}
		switch m.name {
		case "spf":
			v.Domain = hostOf(firstProp(m.props, "smtp.mailfrom", "smtp.mail", "smtp.helo", "envelope-from"))
			b.keep(&a.SPF, v)
		case "dkim", "x-dkim":
			v.Domain = hostOf(firstProp(m.props, "header.d", "header.i", "header.from"))
			b.keep(&a.DKIM, v)
		case "dmarc":
			v.Domain = hostOf(firstProp(m.props, "header.from", "from"))
			b.keep(&a.DMARC, v)
		case "arc":
			v.Domain = hostOf(firstProp(m.props, "header.d", "smtp.remote-ip"))
			b.keep(&a.ARC, v)
		}
	}
	return a
}

// complete takes the methods that a field above did not tell of.
func complete(a *engine.Auth, v engine.Auth) {
	for _, p := range [...]struct{ have, more *engine.AuthResult }{{&a.SPF, &v.SPF}, {&a.DKIM, &v.DKIM}, {&a.DMARC, &v.DMARC}, {&a.ARC, &v.ARC}} {
		if p.have.Result == "" {
			*p.have = *p.more
		}
	}
}

func (b *builder) keep(have *engine.AuthResult, v engine.AuthResult) {
	if v.Domain == "none" {
		v.Domain = ""
	}
	v.Aligned = b.aligned(v.Domain)
	if have.Result == "" || rank(v) > rank(*have) {
		*have = v
	}
}

func rank(v engine.AuthResult) int {
	switch {
	case v.Result == "pass" && v.Aligned:
		return 2
	case v.Result == "pass":
		return 1
	}
	return 0
}

// aligned compares registrable domains, the relaxed mode of RFC 7489 section 3.1.
func (b *builder) aligned(domain string) bool {
	from := b.msg.Sender.Email.Domain
	if domain == "" || from.Domain == "" {
		return false
	}
	d := names.ParseHost(domain)
	return d.Domain == from.Domain || d.RootDomain != "" && d.RootDomain == from.RootDomain
}

func firstProp(props map[string]string, keys ...string) string {
	for _, k := range keys {
		if v := props[k]; v != "" {
			return v
		}
	}
	return ""
}

// hostOf is the domain of an address, a domain with "@" before it, or a host.
func hostOf(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	s = strings.Trim(s, "<>. ")
	if s == "" || strings.EqualFold(s, "none") {
		return ""
	}
	return names.ParseHost(s).Domain
}

// receivedSPF reads the result and the domain of the topmost Received-SPF field.
func (b *builder) receivedSPF(a *engine.Auth) {
	v := b.msg.Headers.Get("Received-SPF")
	if v == "" {
		return
	}
	result, rest, _ := strings.Cut(strings.TrimSpace(v), " ")
	domain := ""
	for _, w := range strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t;()", r) }) {
		if val, ok := cutFold(w, "envelope-from="); ok {
			domain = hostOf(strings.Trim(val, `"<>`))
		}
	}
	if _, after, ok := strings.Cut(rest, "domain of "); ok && domain == "" {
		w, _, _ := strings.Cut(after, " ")
		domain = hostOf(w)
	}
	a.SPF = engine.AuthResult{Result: authResult(result), Domain: domain, Aligned: b.aligned(domain)}
}
