package extract

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// schemeURL reads the URL around the "://" at k; low is where the stretch
// begins. It returns where the URL begins and ends, end 0 when it is none.
func (s *scanner) schemeURL(low, k int) (begin, end int) {
	w := s.word
	begin, scheme := schemeBefore(w, low, k)
	switch {
	case k+3 >= len(w):
		return 0, 0
	case scheme == "" && begin-4 >= low && strings.EqualFold(w[begin-4:begin], "file"):
		return s.fileURL(begin-4, k)
	case scheme == "":
		return 0, 0
	}
	if !s.plausibleHost(scheme, k+3) {
		return 0, 0
	}
	end = s.anchorEnd(begin, unmarked(w, begin, names.URLEnd(w, begin)))
	if end <= k+3 {
		return 0, 0
	}
	raw := w[begin:end]
	if strings.Contains(raw, "&amp;") {
		raw = strings.ReplaceAll(raw, "&amp;", "&") // text that was made from HTML
	}
	flags := engine.Flags(0)
	if !strings.EqualFold(w[begin:k], scheme) {
		raw, flags = scheme+raw[k-begin:], engine.Defanged
	}
	u, ok := names.SplitURL(raw)
	if !ok || !shippable(&u) {
		return 0, 0
	}
	s.url(&u, raw, begin, end, flags)
	return begin, end
}

// unmarked takes off the end of a URL the signs of markup that stand before it:
// "++http://a.example/x++".
func unmarked(w string, begin, end int) int {
	if begin == 0 || strings.IndexByte("+*_~=", w[begin-1]) < 0 {
		return end
	}
	for i := begin; i > 0 && end > begin && w[i-1] == w[begin-1] && w[end-1] == w[begin-1]; i-- {
		end--
	}
	return end
}

// anchorEnd ends a URL where the link ends whose text begins with it: what stands
// behind that in a script without spaces is the sentence.
func (s *scanner) anchorEnd(begin, end int) int {
	if len(s.anchors) == 0 || end <= begin {
		return end
	}
	from, to := s.span(begin, end)
	i, ok := slices.BinarySearchFunc(s.anchors, from, func(l *engine.Link, at int) int { return l.Span.Start - at })
	for ok && end > begin+1 && to > s.anchors[i].Span.End && s.anchors[i].Span.End > from {
		end--
		_, to = s.span(begin, end)
	}
	return end
}

// fileURL reports the path of a file URL: "file:///C:/x", "file:///etc/x" or
// "file://server/share".
func (s *scanner) fileURL(begin, k int) (from, to int) {
	end := names.URLEnd(s.word, begin)
	if end < k+6 {
		return 0, 0
	}
	path := s.word[k+3 : end]
	switch {
	case path[0] != '/':
		path = `\\` + strings.ReplaceAll(path, "/", `\`)
	case len(path) > 3 && isLetter(path[1]) && path[2] == ':':
		path = strings.ReplaceAll(path[1:], "/", `\`)
	}
	if path, ok := canonicalPath(path); ok {
		s.emit(typeFilePath, path, begin, end, 0)
	}
	return begin, end
}

// plausibleHost reads the authority alone, before the path is: so that a run
// of broken URLs is not read to its end again and again.
func (s *scanner) plausibleHost(scheme string, i int) bool {
	w := s.word
	if len(w) < 256 {
		return true
	}
	end := i
	for end < len(w) && strings.IndexByte("/?#\\<>\"", w[end]) < 0 {
		end++
	}
	u, ok := names.SplitURL(scheme + "://" + w[i:end])
	return ok && shippable(&u)
}

// shippable tells whether a URL names a host that could exist: an address, or
// a name with a dot. Names under no listed suffix are flagged, not dropped.
func shippable(u *engine.URL) bool {
	return u.IP != "" || strings.IndexByte(u.Domain.Domain, '.') > 0
}

// schemeBefore walks back from the colon over what may be a scheme, defanged
// or not, and returns its canonical form.
func schemeBefore(w string, low, k int) (begin int, scheme string) {
	begin = k
	for begin > low && k-begin < maxScheme && schemeByte(w[begin-1]) {
		begin--
	}
	for ; begin < k; begin++ { // the longest that is one: what stands before is glued to it
		if scheme = canonicalScheme(w[begin:k]); scheme != "" {
			return begin, scheme
		}
	}
	return k, ""
}

func schemeByte(c byte) bool {
	return isAlnum(c) || c == '_' || c == '*' || c == '.' || c == '-' || c == '+'
}

// maxScheme is the length of the longest scheme that is known.
const maxScheme = len("mongodb+srv")

// canonicalScheme returns the scheme that a spelling stands for, "" if none.
func canonicalScheme(p string) string {
	if len(p) < 2 || len(p) > maxScheme {
		return ""
	}
	switch strings.ToLower(p) {
	case "http", "https", "ftp", "ftps", "sftp", "ws", "wss", "ldap", "ldaps", "tcp", "udp", "ssh", "smb", "rtsp", "irc", "ircs", "rmi", "telnet", "git",
		"socks", "socks4", "socks4a", "socks5", "socks5h", "stratum", "stratum+tcp", "stratum+ssl", "stratum+tls", "rdp", "vnc", "rtmp", "rtmps", "rsync",
		"svn", "svn+ssh", "git+ssh", "git+https", "mqtt", "mqtts", "amqp", "amqps", "mongodb", "mongodb+srv", "mysql", "postgres", "postgresql", "redis", "rediss", "nfs", "dns", "quic", "tls", "ssl":
		return strings.ToLower(p)
	case "meow", "ttp", "htp", "hxp":
		return "http"
	case "meows", "ttps", "htps", "hxps":
		return "https"
	case "fxp", "f_p", "f*p", "ffp", "fp":
		return "ftp"
	case "fxps":
		return "ftps"
	}
	return defangedHTTP(p)
}

// defangedHTTP accepts h??p and h??ps with two to four masked letters, the s
// where it belongs or, as in hxtps, masked like the rest.
func defangedHTTP(p string) string {
	if p[0]|0x20 != 'h' {
		return ""
	}
	rest := p[1:]
	n := 0
	for n < len(rest) && n < 5 && strings.IndexByte("tTxXzZ_*.-", rest[n]) >= 0 {
		n++
	}
	if n < 2 || n > 4 || n >= len(rest) || rest[n]|0x20 != 'p' {
		return ""
	}
	switch strings.ToLower(rest[n+1:]) {
	case "":
		return "http"
	case "s", "x":
		return "https"
	}
	return ""
}

// url reports a URL, or what it wraps, with its host.
func (s *scanner) url(u *engine.URL, raw string, begin, end int, flags engine.Flags) {
	from, to := s.span(begin, end)
	if s.at != nil && !s.mended && s.text[from:to] != s.word[begin:end] {
		flags |= engine.Defanged
	}
	if strings.ContainsAny(raw, "[](){}") || strings.HasSuffix(raw, "#") || !utf8.ValidString(raw) {
		u, raw = settled(u, raw)
	}
	s.urlSpan(u, raw, from, to, flags)
}

// urlSpan is url for bytes of the text.
func (s *scanner) urlSpan(u *engine.URL, raw string, from, to int, flags engine.Flags) {
	original := *u
	wrapper := ""
	encoders, target := names.Unwrap(original)
	if target != "" {
		inner, ok := names.SplitURL(target)
		if ok && shippable(&inner) {
			wrapper, raw = encoders[0], target
			u, flags = &inner, flags|engine.Wrapped
		}
	}
	if strings.IndexByte(u.URL, '\\') >= 0 {
		u, raw = settled(u, raw)
	}
	f := s.emitSpan(typeURL, urlValue(u, raw), from, to, flags|urlFlags(u))
	if wrapper != "" {
		f.Extra = map[string]string{"wrapper": strings.Join(encoders, " ")}
		f.Parent = original.URL
		f.Spot.Context = max(f.Spot.Context, engine.InURL)
	}
	s.deriveHost(*f, u)
}

// settled is a URL in which nothing is left to be refanged, so that it is the same
// when it stands by itself: what is a disguise there and was none in its word
// ("[." before another bracket), and the backslashes of a query, which are slashes or
// the ends of lines.
func settled(u *engine.URL, raw string) (*engine.URL, string) {
	if !strings.Contains(raw, "://") {
		raw = u.Scheme + "://" + raw
	}
	for range 3 { // what is escaped in one round may be a disguise in the next
		plain := alone(raw)
		mended, ok := names.SplitURL(plain)
		if !ok || !shippable(&mended) {
			break
		}
		u, raw = &mended, plain
		if alone(mended.URL) == mended.URL {
			break
		}
		raw = mended.URL
	}
	return u, raw
}

// alone is a URL as it is read when nothing else stands in the text.
func alone(raw string) string {
	raw = refanged(raw)
	return raw[:names.URLEnd(raw, 0)]
}

// urlValue is the canonical URL; an address in an unusual spelling keeps it,
// since the spelling is the indicator.
func urlValue(u *engine.URL, raw string) string {
	if u.IP == "" || strings.IndexByte(u.Domain.Domain, ':') >= 0 {
		return u.URL
	}
	at := strings.Index(raw, "://")
	if at < 0 {
		return u.URL
	}
	host := raw[at+3:]
	if i := strings.IndexAny(host, "/?#\\"); i >= 0 {
		host = host[:i]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.ToLower(host)
	if host == u.IP || host == "" || strings.IndexByte(host, '%') >= 0 || !allASCII(host) {
		return u.URL
	}
	return strings.Replace(u.URL, u.IP, host, 1)
}

func allASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func urlFlags(u *engine.URL) engine.Flags {
	var f engine.Flags
	if u.Username != "" || u.Password != "" {
		f |= engine.UserInfo
	}
	if names.Opaque(*u) {
		f |= engine.Opaque
	}
	if u.IP == "" {
		f |= domainFlags(&u.Domain)
	} else {
		f |= addressFlags(u.IP)
	}
	return f
}

// deriveHost reports the host of a URL.
func (s *scanner) deriveHost(parent engine.Finding, u *engine.URL) {
	switch {
	case u.IP != "":
		typ := typeIPv4
		if strings.IndexByte(u.IP, ':') >= 0 {
			typ = typeIPv6
		}
		if a, err := netip.ParseAddr(u.IP); err == nil && !(a.Is4() && mask(a)) { // as by itself
			s.derive(parent, typ, u.IP, addressFlags(u.IP))
		}
	case registered(&u.Domain) || documented(&u.Domain):
		s.derive(parent, typeFQDN, u.Domain.Domain, domainFlags(&u.Domain))
	}
}

// email reads the address around the "@" at k. It returns where it begins and
// ends. A masked or broken one is skipped without a finding; end is 0 when
// there is nothing before the sign, so that what follows is read by itself.
func (s *scanner) email(low, k int) (begin, end int) {
	w := s.word
	begin = localStart(w, low, k)
	end = hostEnd(w, k+1)
	if begin == k && k > low && w[k-1] == '*' {
		return k, end // masked: "joe***@"
	}
	if begin == k || end == k+1 {
		return 0, 0
	}
	begin = fieldEnd(w, queryEnd(w, begin, k), k)
	begin = apostrophe(w, begin, k)
	signs := ".-/=&?#~+%!$^"
	if begin > 0 && w[begin-1] == '<' {
		signs = ".-/=&?" // they are its own
	}
	for begin < k && strings.IndexByte(signs, w[begin]) >= 0 {
		begin++
	}
	host := strings.TrimRight(w[k+1:end], ".-_")
	if titleSuffix(host) { // the next sentence
		host = host[:strings.LastIndexByte(host, '.')]
	}
	if _, numeric := parseIPv4(host); numeric {
		return k, k + 1 // "root@192.0.2.7": the address by itself
	}
	if strings.IndexByte(host, '.') <= 0 {
		if allDigits(host) {
			return 0, 0 // "0x5aAe...@1": the number of a chain
		}
		return begin, end
	}
	d := *s.parseHost(host)
	masked := begin > 0 && (w[begin-1] == '*' || strings.HasSuffix(w[:begin], "…") || strings.HasSuffix(w[:begin], "•")) ||
		strings.Contains(w[begin:k], "..") || begin == k || w[k-1] == '.' || strings.IndexByte(w[begin:k], '/') >= 0
	if !registered(&d) && !documented(&d) || masked || k-begin > 64 || s.messageID(begin) {
		return begin, end
	}
	value := w[begin:k+1] + d.Domain
	if value == w[begin:k+1+len(host)] {
		value = w[begin : k+1+len(host)]
	}
	f := s.emit(typeEmail, value, begin, k+1+len(host), domainFlags(&d))
	s.derive(*f, typeFQDN, d.Domain, domainFlags(&d))
	return begin, k + 1 + len(host)
}

// queryEnd cuts off what stands before an address in the query of a target:
// "subject=Yes%20joe@", "?to=joe@".
func queryEnd(w string, i, k int) int {
	for at := k - 1; at > i; at-- {
		if w[at-1] == '?' || w[at-1] == '&' {
			return at
		}
		if at >= i+3 && w[at-3] == '%' && isHex(w[at-2]) && isHex(w[at-1]) {
			return at
		}
	}
	return i
}

// fieldEnd cuts off the name of a field before an address: "email=joe@",
// "cc=joe@". An equals sign elsewhere is part of it, as bounces have it.
func fieldEnd(w string, i, k int) int {
	cut := strings.IndexByte(w[i:k], '=')
	if cut < 2 || cut > 16 || i+cut+1 == k || !mailFields[lowerASCII(w[i:i+cut])] {
		return i
	}
	return i + cut + 1
}

var mailFields = stringSet("email", "e-mail", "mail", "user", "username", "login", "account", "address", "to", "cc", "bcc", "from", "sender", "rcpt", "recipient", "mailto", "reply-to", "contact", "id", "uid", "usr", "upn", "value",
	"smtp.mailfrom", "smtp.auth", "smtp.rcpttodomain", "header.from", "header.i", "header.sender", "envelope-from", "mailfrom", "x-sender")

// apostrophe cuts off what an apostrophe ends before an address, a quote or the
// article of "l'adresse", unless it is that of a name: "o'brien@", "m.d'angelo@".
func apostrophe(w string, i, k int) int {
	for at := k - 1; at >= i; at-- {
		if w[at] != '\'' {
			continue
		}
		initial := at > i && (w[at-1]|0x20 == 'o' || w[at-1]|0x20 == 'd' && at > i+1)
		if !initial || at-1 > i && isAlnum(w[at-2]) {
			return at + 1
		}
	}
	return i
}

// localStart walks back over a local part. Ideographs before ASCII are the
// sentence around it: "邮箱bob@".
func localStart(w string, low, k int) int {
	i := k
	for i > low && k-i < 320 {
		if c := w[i-1]; c < utf8.RuneSelf {
			if !localByte[c] {
				break
			}
			i--
			continue
		}
		r, n := utf8.DecodeLastRuneInString(w[low:i])
		if n == 1 || delimiterRune(r) || ideograph(r) {
			break
		}
		i -= n
	}
	return i
}

// hostEnd walks over a host.
func hostEnd(w string, i int) int {
	for i < len(w) {
		if c := w[i]; c < utf8.RuneSelf {
			if !hostByte[c] {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(w[i:])
		if n == 1 || delimiterRune(r) {
			break
		}
		i += n
	}
	return i
}

// messageID tells whether a field that holds message identifiers stands before
// the word: they look like addresses and are none.
func (s *scanner) messageID(i int) bool {
	if s.field != "" {
		return isIDField(s.field)
	}
	from, _ := s.span(i, i+1)
	if from == 0 || s.text[from-1] != '<' {
		return isIDField(s.wordBefore(from))
	}
	line := s.text[max(0, from-idLine):from]
	line = line[strings.LastIndexByte(line, '\n')+1:]
	name, _, _ := strings.Cut(line, ":")
	return isIDField(strings.TrimLeft(name, " >|"))
}

// idLine is how far back, in bytes, the name of a field is looked for that
// several identifiers follow.
const idLine = 512

func isIDField(name string) bool {
	switch strings.ToLower(name) {
	case "message-id", "in-reply-to", "references", "content-id", "resent-message-id", "x-message-id":
		return true
	}
	return false
}

// wordBefore is the word before offset i of the text, past at most four signs
// such as a colon or an opening bracket, and at most 24 bytes of it.
func (s *scanner) wordBefore(i int) string {
	t := s.text
	for n := 0; n < 4 && i > 0 && strings.IndexByte(" \t:=<([\"'", t[i-1]) >= 0; n++ {
		i--
	}
	end := i
	for i > 0 && end-i < 24 && class[t[i-1]] != space && strings.IndexByte("<>()[]\"'=:,;", t[i-1]) < 0 {
		i--
	}
	return t[i:end]
}
