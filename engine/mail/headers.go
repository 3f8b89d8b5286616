package mail

import (
	"net/netip"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// headers fills what the header block of the message says.
func (b *builder) headers() {
	raw := b.root.fields
	m := b.msg
	h := &m.Headers
	h.Fields = make([]engine.Field, len(raw))
	for i, f := range raw {
		h.Fields[i] = engine.Field{Name: f.name, Value: b.words.at(f.name).decode(unfold(f.value))}
	}
	m.Recipients = engine.Recipients{To: b.addressField("To"), Cc: b.addressField("Cc"), Bcc: b.addressField("Bcc")}
	h.ReplyTo = b.addressField("Reply-To")
	h.ReturnPath = first(b.addressField("Return-Path"))
	m.Sender = b.sender()
	h.MessageID = messageID(h.Get("Message-Id"))
	h.InReplyTo = first(messageIDs(h.Get("In-Reply-To")))
	h.References = messageIDs(h.Get("References"))
	h.Mailer = coalesce(h.Get("X-Mailer"), h.Get("User-Agent"))
	b.received()
	b.dates()
	b.subject(h.Get("Subject"))
	b.auth()
	b.gatherHosts()
}

// addressField reads all fields of that name: a second To is an error that
// clients forgive.
func (b *builder) addressField(name string) []engine.Address {
	var out []engine.Address
	for i := range b.root.fields {
		if f := &b.root.fields[i]; f.is(name) {
			out = append(out, b.words.at(name).addresses(f.value)...)
		}
	}
	return out
}

// sender is the first address of From, else of what stands in for it.
func (b *builder) sender() engine.Address {
	var named engine.Address
	for _, field := range [...]string{"From", "Sender", "X-Sender", "Resent-From"} {
		for _, a := range b.addressField(field) {
			if a.Email.Email != "" {
				if named.DisplayName != "" {
					a.DisplayName = named.DisplayName
				}
				return a
			}
			if named.DisplayName == "" {
				named = a
			}
		}
		if field == "From" && named.DisplayName != "" {
			b.defects.add(engine.DefectAddress, "From", "there is no address in it")
			return named
		}
	}
	a := b.msg.Headers.ReturnPath
	if named.DisplayName != "" {
		a.DisplayName = named.DisplayName
	}
	return a
}

// dates follow design section 7: the server's date, else the topmost Received,
// else Date.
func (b *builder) dates() {
	m := b.msg
	m.Headers.Date = m.Headers.Get("Date")
	b.zone = zoneOf(m.Headers.Date)
	if m.Headers.Date != "" {
		var ok bool
		if m.Meta.Date, ok = parseDate(m.Headers.Date); !ok {
			b.defects.add(engine.DefectDate, "Date", "the date has no reading")
		}
	}
	if b.nesting == 0 {
		m.Meta.Received = b.job.origin.Received.UTC()
	}
	for i := 0; i < len(m.Headers.Hops) && m.Meta.Received.IsZero(); i++ {
		m.Meta.Received = m.Headers.Hops[i].Date
	}
	m.Meta.Received = coalesceTime(m.Meta.Received, m.Meta.Date)
}

func coalesceTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func coalesce(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func first[T any](list []T) (v T) {
	if len(list) > 0 {
		v = list[0]
	}
	return v
}

// messageID takes the angle brackets off.
func messageID(s string) string {
	if ids := messageIDs(s); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// messageIDs reads a list of identifiers; ones without angle brackets are
// separated by white space.
func messageIDs(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, " \t,") {
		id := s
		if s[0] == '<' {
			end := strings.IndexByte(s, '>')
			if end < 0 {
				end = len(s)
			}
			id, s = s[1:end], s[min(end+1, len(s)):]
		} else {
			end := strings.IndexAny(s, " \t<")
			if end < 0 {
				end = len(s)
			}
			id, s = s[:end], s[end:]
		}
		if id = strings.TrimSpace(id); id != "" {
			out = append(out, id)
		}
	}
	return out
}

// subjectPrefixes are reply and forward marks of mail programs in their
// languages, lower case, without the colon.
var subjectPrefixes = map[string]prefixKind{
	"re": reply, "r": reply, "aw": reply, "antw": reply, "antwort": reply, "sv": reply, "ref": reply, "rif": reply,
	"res": reply, "vs": eitherWay, "odp": reply, "ynt": reply, "yan": reply, "vá": reply, "va": reply, "atb": reply, "bls": reply, "rép": reply,
	"rep": reply, "rv.": reply, "re.": reply, "απ": reply, "ατ": reply, "σχετ": reply, "отв": reply, "ответ": reply, "на": reply,
	"回复": reply, "回覆": reply, "答复": reply, "答覆": reply, "返信": reply, "회신": reply, "답장": reply, "ตอบ": reply, "ตอบกลับ": reply,
	"השב": reply, "תגובה": reply, "رد": reply, "پاسخ": reply, "tl": reply, "trả lời": reply, "hồi âm": reply, "bal": reply, "відп": reply, "одг": reply, "odg": reply, "svar": reply,
	"fw": forward, "fwd": forward, "wg": forward, "weiterl": forward, "tr": forward, "rv": forward, "enc": forward, "i": forward,
	"doorst": forward, "vb": forward, "vl": forward, "fs": forward, "pd": forward, "videresend": forward, "vidaresendt": forward,
	"továbbítás": forward, "tov": forward, "ilt": forward, "iletilen": forward, "πρθ": forward, "προώθ": forward,
	"пересл": forward, "пер": forward, "переслано": forward, "fwd.": forward, "转发": forward, "轉寄": forward, "轉發": forward, "転送": forward,
	"전달": forward, "ส่งต่อ": forward, "הועבר": forward, "إعادة توجيه": forward, "ارجاع": forward, "chuyển tiếp": forward, "trans": forward,
	"yl": forward, "yönl": forward, "redir": forward, "edasi": forward, "välj": forward, "prosl": forward, "posl": forward, "pre": forward, "προς": forward, "rtf": forward, "inoltra": forward, "inoltro": forward, "rvs": forward,
	"препр": forward, "пренасоч": forward, "persiųsta": forward, "pārs": forward, "mfwd": forward, "tf": forward, "hwd": forward, "ds": forward, "vbs": forward, "vid": forward, "přep": forward, "fyi": noPrefix,
}

type prefixKind int

const (
	noPrefix prefixKind = iota
	reply
	forward
	eitherWay // "VS:" is an answer in Finnish and a forward in Danish and Norwegian
)

// subject strips reply and forward marks: "AW: WG: [2] text". Tags in brackets
// that are not counters stay.
func (b *builder) subject(s string) {
	sub := engine.Subject{Subject: s}
	base := s
	for n := 0; n < 50; n++ {
		kind, rest := cutPrefix(base)
		if kind == noPrefix {
			break
		}
		if n == 0 || !sub.IsReply && !sub.IsForward {
			sub.IsReply, sub.IsForward = kind == reply, kind == forward
		}
		base = rest
	}
	if i := strings.LastIndex(base, "("); i > 0 && isForwardTail(base[i:]) {
		sub.IsForward, base = true, strings.TrimSpace(base[:i])
	}
	sub.Base = base
	b.msg.Subject = sub
}

// isForwardTail knows the mark that RFC 5256 section 2.1 strips from the end.
func isForwardTail(s string) bool {
	return strings.EqualFold(s, "(fwd)") || strings.EqualFold(s, "(fw)")
}

// baseOf is a subject without its marks.
func baseOf(s string) string {
	for n := 0; n < 50; n++ {
		kind, rest := cutPrefix(s)
		if kind == noPrefix {
			break
		}
		s = rest
	}
	return s
}

// cutPrefix takes one mark off: letters, an optional counter, a colon of any width.
func cutPrefix(s string) (kind prefixKind, rest string) {
	const far = 40
	i := strings.IndexAny(s[:min(len(s), far)], ":：")
	if i <= 0 {
		return noPrefix, s
	}
	word := strings.TrimSpace(s[:i])
	if j := strings.IndexAny(word, "[(^*"); j > 0 && isCounter(word[j:]) {
		word = strings.TrimSpace(word[:j])
	}
	word = strings.TrimRight(lowerText(word), "0123456789")
	if kind = subjectPrefixes[word]; kind == noPrefix {
		return noPrefix, s
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(s[i:], ":"), "：")
	return kind, strings.TrimSpace(rest)
}

func isCounter(s string) bool {
	return strings.Trim(s, "[]()^*0123456789") == ""
}

// gatherHosts collects the host names and addresses of the trace and address
// fields, each once, in order.
func (b *builder) gatherHosts() {
	h := &b.msg.Headers
	g := hostSet{seen: map[string]bool{}, names: map[string]bool{}}
	g.email(b.msg.Sender)
	g.email(h.ReturnPath)
	for _, a := range h.ReplyTo {
		g.email(a)
	}
	_, id, _ := strings.Cut(h.MessageID, "@")
	g.host(id)
	for _, hop := range h.Hops {
		g.host(hop.From)
		g.host(hop.By)
		g.ip(hop.IP)
	}
	for _, name := range [...]string{"X-Originating-Ip", "X-Sender-Ip", "X-Source-Ip", "X-Client-Ip", "X-Real-Ip", "X-Forwarded-For"} {
		g.ip(strings.Trim(h.Get(name), "[] "))
	}
	h.Domains, h.IPs = g.domains, g.ips
}

// hostSet keeps names and addresses in order of first appearance.
type hostSet struct {
	seen    map[string]bool // as written
	names   map[string]bool // as read
	domains []engine.Domain
	ips     []string
}

func (g *hostSet) email(a engine.Address) { g.domain(a.Email.Domain) }

func (g *hostSet) host(s string) {
	s = strings.Trim(s, "[]()<>,; ")
	if s == "" || g.seen[s] {
		return
	}
	g.seen[s] = true
	if maybeIP(s) {
		g.ip(s)
		return
	}
	g.domain(names.ParseHost(s))
}

func (g *hostSet) domain(d engine.Domain) {
	if !d.Valid || g.names[d.Domain] {
		return
	}
	g.names[d.Domain] = true
	g.domains = append(g.domains, d)
}

func (g *hostSet) ip(s string) {
	if !maybeIP(s) || g.names[s] {
		return
	}
	if _, err := netip.ParseAddr(s); err != nil {
		return
	}
	g.names[s] = true
	g.ips = append(g.ips, s)
}

// maybeIP is a cheap test that names fail: no label of a public suffix is a
// number, and none holds a colon.
func maybeIP(s string) bool {
	return s != "" && (s[len(s)-1] >= '0' && s[len(s)-1] <= '9' || strings.IndexByte(s, ':') >= 0)
}
