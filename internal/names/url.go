package names

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// maxParams is how many query parameters are decoded; the rest is left out.
const maxParams = 1000

// ParseURL reads a link target as a browser would (WHATWG URL 4.4): tabs and
// line ends inside do not count, backslashes are slashes, missing or extra
// slashes after the scheme are mended, the host is percent-decoded, an IPv4
// address may be written in octal, hexadecimal or as one number, the default
// port goes. Unlike a browser it keeps dot segments, since they are evidence.
//
// Without a scheme, "www.name.tld/..", "name.tld/path", "//host/..", a bare
// registrable name and a dotted-quad address are read as http, which is what
// mail programs make of them; they must not hold white space, and a bare name
// such as "invoice.zip" is a file. A scheme that
// names no host (mailto, tel, cid, javascript, data and the like) gives a URL
// of which only URL and Scheme are filled, and true. Any other "word:rest"
// without slashes is false.
//
// Rewrite tells what link-protection services did to it, three layers deep.
func ParseURL(s string) (engine.URL, bool) {
	u, ok := SplitURL(s)
	if !ok {
		return u, false
	}
	u.QueryParamsDecoded = decodeQuery(u.QueryParams)
	u.Rewrite.Encoders, u.Rewrite.Original = Unwrap(u)
	return u, true
}

// SplitURL is ParseURL without what costs memory: the query is not decoded and
// wrappers are not opened. On canonical input it allocates nothing but URL.
func SplitURL(s string) (engine.URL, bool) {
	s = cleanURL(s)
	scheme, rest := cutScheme(s)
	if scheme == "" {
		return splitBare(s)
	}
	special := isSpecial(scheme)
	slashes := countSlashes(rest, special)
	switch {
	case scheme == "file":
		return splitFile(rest[min(slashes, 2):], s)
	case special:
		return splitAuthority(scheme, rest[slashes:], true)
	case hostless(scheme):
		return engine.URL{URL: s, Scheme: scheme}, true
	case slashes >= 2:
		return splitAuthority(scheme, rest[2:], false)
	}
	return splitBare(s)
}

// cleanURL removes white space and control bytes around, and tabs and line ends inside.
func cleanURL(s string) string {
	for s != "" && s[0] <= ' ' {
		s = s[1:]
	}
	for s != "" && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	if strings.IndexByte(s, '\t') < 0 && strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, s)
}

// maxScheme is the longest scheme looked for, in bytes.
const maxScheme = 40

// cutScheme returns the lower-case scheme and what follows its colon.
func cutScheme(s string) (scheme, rest string) {
	for i := 0; i < len(s) && i < maxScheme; i++ {
		switch c := s[i]; {
		case isLetter(c):
		case i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return lowerScheme(s[:i]), s[i+1:]
		default:
			return "", s
		}
	}
	return "", s
}

// lowerScheme avoids an allocation for the two schemes that nearly all links have.
func lowerScheme(s string) string {
	switch {
	case strings.EqualFold(s, "https"):
		return "https"
	case strings.EqualFold(s, "http"):
		return "http"
	}
	return strings.ToLower(s)
}

func isSpecial(scheme string) bool {
	switch scheme {
	case "http", "https", "ftp", "ws", "wss":
		return true
	}
	return false
}

// hostless are schemes after which no host stands, even where slashes do.
func hostless(scheme string) bool {
	switch scheme {
	case "mailto", "tel", "sms", "callto", "cid", "mid", "javascript", "vbscript", "data", "blob", "about",
		"view-source", "urn", "news", "xmpp", "sip", "sips", "skype", "magnet",
		"facetime", "geo", "webcal", "intent", "ms-word", "ms-excel", "ms-powerpoint", "search-ms", "ms-msdt":
		return true
	}
	return WalletScheme(scheme)
}

// WalletScheme tells the schemes of BIP 21 and its kin: behind them stands an
// address of a ledger, with an amount and a label.
func WalletScheme(scheme string) bool {
	switch scheme {
	case "bitcoin", "ethereum", "monero", "litecoin", "bitcoincash", "dogecoin", "dash", "zcash", "tron", "ripple", "xrpl",
		"cardano", "web+cardano", "stellar", "web+stellar", "algorand", "ton", "tezos", "web+tezos", "cosmos", "lightning":
		return true
	}
	return false
}

func countSlashes(s string, backslash bool) int {
	n := 0
	for n < len(s) && (s[n] == '/' || backslash && s[n] == '\\') {
		n++
	}
	return n
}

func splitFile(rest, whole string) (engine.URL, bool) {
	u := engine.URL{URL: "file" + whole[4:], Scheme: "file"}
	end := strings.IndexAny(rest, `/\`)
	if end < 0 {
		end = len(rest)
	}
	if end > 0 {
		u.Domain = ParseHost(rest[:end])
	}
	u.Path = rest[end:]
	return u, true
}

// splitBare reads a target without a scheme.
func splitBare(s string) (engine.URL, bool) {
	if strings.ContainsAny(s, " \"<>") {
		return engine.URL{}, false
	}
	n := countSlashes(s, true)
	if n == 1 || n > 2 {
		return engine.URL{}, false
	}
	u, ok := splitAuthority("http", s[n:], true)
	if ok && n == 0 && fileSuffix(u.Domain.TLD) && s == u.Domain.RootDomain {
		return engine.URL{}, false
	}
	if !ok || u.Username != "" || !u.Domain.Valid && !(n == 2 && u.IP == "") && !dottedQuad(s) {
		return engine.URL{}, false
	}
	return u, true
}

// fileSuffix tells suffixes that are far commoner as extensions of files.
func fileSuffix(tld string) bool {
	switch tld {
	case "zip", "mov", "md", "py", "sh", "rs", "so", "ps":
		return true
	}
	return false
}

// dottedQuad tells whether s starts with a plain IPv4 address that ends there,
// at a port or at a path.
func dottedQuad(s string) bool {
	end := 0
	for end < len(s) && (isDigit(s[end]) || s[end] == '.') {
		end++
	}
	if end > 15 || end < len(s) && s[end] != '/' && s[end] != ':' {
		return false
	}
	_, err := netip.ParseAddr(s[:end])
	return err == nil
}

// splitAuthority reads what follows the slashes.
func splitAuthority(scheme, s string, special bool) (engine.URL, bool) {
	u := engine.URL{Scheme: scheme}
	authority, rest := cutAuthority(s, special)
	hostport := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		u.Username, u.Password, _ = strings.Cut(authority[:at], ":")
		hostport = authority[at+1:]
	}
	host, port, ok := cutPort(hostport)
	if !ok || host == "" || !readHost(&u, host, special) {
		return engine.URL{}, false
	}
	if port != defaultPort(scheme) {
		u.Port = port
	}
	u.Path, u.QueryParams, u.Fragment = cutPath(rest, special)
	u.URL = canonical(&u, s, authority)
	return u, true
}

func cutAuthority(s string, special bool) (authority, rest string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '/', '?', '#':
			return s[:i], s[i:]
		case '\\':
			if special {
				return s[:i], s[i:]
			}
		}
	}
	return s, ""
}

// cutPort splits host and port; an empty port is none.
func cutPort(s string) (host string, port int, ok bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || strings.IndexByte(s[colon:], ']') >= 0 {
		return s, 0, true
	}
	host, digits := s[:colon], s[colon+1:]
	if digits == "" {
		return host, 0, true
	}
	for i := 0; i < len(digits); i++ {
		if !isDigit(digits[i]) {
			return "", 0, false
		}
	}
	port, err := strconv.Atoi(digits)
	return host, port, err == nil && port <= 65535
}

func defaultPort(scheme string) int {
	switch scheme {
	case "http", "ws":
		return 80
	case "https", "wss":
		return 443
	case "ftp":
		return 21
	}
	return -1
}

// readHost fills Domain and IP.
func readHost(u *engine.URL, host string, special bool) bool {
	if host[0] == '[' {
		return readIPv6(u, host)
	}
	if len(host) > 3*maxHost {
		return false
	}
	if strings.IndexByte(host, '%') >= 0 {
		host = unescape(host, false)
	}
	name, ok := ToASCII(host)
	if !ok || strings.IndexByte(name, ':') >= 0 {
		return false
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" || strings.Contains(name, "..") || name[0] == '.' || name[len(name)-1] == '.' {
		return false
	}
	if special && endsInNumber(name) {
		ip, ok := parseIPv4(name)
		u.IP, u.Domain.Domain = ip, ip
		return ok
	}
	u.Domain = ParseHost(name)
	if isAddress(name) { // of a scheme that browsers leave alone
		u.IP = name
	}
	return true
}

func readIPv6(u *engine.URL, host string) bool {
	if len(host) < 4 || len(host) > 60 || host[len(host)-1] != ']' {
		return false
	}
	a, err := netip.ParseAddr(host[1 : len(host)-1])
	if err != nil || !a.Is6() || a.Zone() != "" {
		return false
	}
	u.IP, u.Domain.Domain = a.Unmap().String(), a.String()
	return true
}

// endsInNumber is the browser's test for an IPv4 address (WHATWG URL 3.5).
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" || !isDigit(last[0]) {
		return false
	}
	if _, ok := parseNumber(last); ok {
		return true
	}
	for i := 0; i < len(last); i++ {
		if !isDigit(last[i]) {
			return false
		}
	}
	return true
}

// parseIPv4 reads one to four numbers, of which the last fills what is left.
func parseIPv4(host string) (string, bool) {
	var sum uint64
	for i, rest := 0, host; ; i++ {
		if i == 4 {
			return "", false
		}
		part, more, found := strings.Cut(rest, ".")
		n, ok := parseNumber(part)
		if !ok || found && n > 255 {
			return "", false
		}
		if !found {
			if n >= 1<<(8*(4-i)) {
				return "", false
			}
			return ipv4String(uint32(sum<<(8*(4-i)) + n)), true
		}
		sum, rest = sum<<8+n, more
	}
}

func ipv4String(n uint32) string {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

// parseNumber reads a decimal, octal (0 before) or hexadecimal (0x before) number below 2^32.
func parseNumber(s string) (uint64, bool) {
	base := 10
	switch {
	case len(s) >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'):
		s, base = s[2:], 16
		if s == "" {
			return 0, true
		}
	case len(s) >= 2 && s[0] == '0':
		s, base = s[1:], 8
	}
	if len(s) > 0 && (s[0] == '+' || s[0] == '-' || strings.IndexByte(s, '_') >= 0) {
		return 0, false
	}
	n, err := strconv.ParseUint(s, base, 33)
	return n, err == nil
}

func cutPath(s string, special bool) (path, query, fragment string) {
	if i := strings.IndexByte(s, '#'); i >= 0 {
		s, fragment = s[:i], escape(s[i+1:])
	}
	if i := strings.IndexByte(s, '?'); i >= 0 {
		s, query = s[:i], escape(s[i+1:])
	}
	if special {
		if strings.IndexByte(s, '\\') >= 0 {
			s = strings.ReplaceAll(s, `\`, "/")
		}
		if s == "" {
			s = "/"
		}
	}
	return escape(s), query, fragment
}

// escape encodes what a browser encodes in paths, queries and fragments:
// white space, controls, quotes, angle brackets, backticks and non-ASCII.
func escape(s string) string {
	n := 0
	for i := 0; i < len(s); i++ {
		if mustEscape(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := 0; i < len(s); i++ {
		if c := s[i]; mustEscape(c) {
			b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

func mustEscape(c byte) bool {
	return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '`'
}

// canonical joins the parts.
func canonical(u *engine.URL, s, authority string) string {
	var b strings.Builder
	b.Grow(len(u.Scheme) + 3 + len(s) + 2)
	b.WriteString(u.Scheme)
	b.WriteString("://")
	if at := strings.LastIndexByte(authority, '@'); at > 0 {
		b.WriteString(escape(authority[:at]))
		b.WriteByte('@')
	}
	if strings.IndexByte(u.Domain.Domain, ':') >= 0 {
		b.WriteByte('[')
		b.WriteString(u.Domain.Domain)
		b.WriteByte(']')
	} else {
		b.WriteString(u.Domain.Domain)
	}
	if u.Port > 0 {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(u.Port))
	}
	b.WriteString(u.Path)
	if u.QueryParams != "" {
		b.WriteByte('?')
		b.WriteString(u.QueryParams)
	}
	if u.Fragment != "" {
		b.WriteByte('#')
		b.WriteString(u.Fragment)
	}
	return b.String()
}

// decodeQuery decodes name=value pairs as a form does (plus is a space).
func decodeQuery(query string) map[string][]string {
	if query == "" {
		return nil
	}
	m := map[string][]string{}
	for n := 0; query != "" && n < maxParams; n++ {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		k = unescape(k, true)
		m[k] = append(m[k], unescape(v, true))
	}
	return m
}

// unescape decodes percent escapes, leaving malformed ones as they are.
func unescape(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		case plus && s[i] == '+':
			b = append(b, ' ')
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
