package extract

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// colons reads an atom with a colon: an IPv6 address, a fuzzy hash, a host
// with its port, or pairs such as "sha1:..." whose pieces are read by themselves.
func (s *scanner) colons(i, j int) int {
	w := s.word
	if j-i >= 17 && s.mac(j-17, j) || s.ipv6(i, j) || s.ssdeep(i, j) {
		return 0
	}
	end := 0
	for i < j {
		k := strings.IndexByte(w[i:j], ':')
		if k < 0 {
			k = j - i
		}
		piece := i + k
		port := piece+1 < j && isDigit(w[piece+1]) && !s.lineNumber(i, piece)
		if port && i < piece {
			if end = s.bareURL(i, piece); end > 0 {
				return end
			}
		}
		end = max(end, s.piece(i, piece, port))
		i = piece + 1
		if i < j && s.ipv6(i, j) {
			return end
		}
		if end > i {
			return end
		}
	}
	return end
}

// lineNumber tells whether what a colon and digits follow is the source file of a
// program: in brackets, or named as classes are.
func (s *scanner) lineNumber(i, j int) bool {
	w := s.word[i:j]
	dot := strings.IndexByte(w, '.')
	return dot > 0 && sourceFiles[w[dot+1:]] && (w[0] >= 'A' && w[0] <= 'Z' || i > 0 && s.word[i-1] == '(')
}

// piece reads one stretch without a colon.
func (s *scanner) piece(i, j int, port bool) int {
	i, j = s.trim(i, j)
	w := s.word
	switch {
	case i >= j:
	case strings.IndexByte(w[i:j], '/') >= 0:
		return s.slashes(i, j)
	case strings.IndexByte(w[i:j], '.') >= 0:
		s.dotted(i, j, port)
	default:
		s.plain(i, j)
	}
	return 0
}

// slashes reads an atom with a slash: a network, a target without a scheme, a
// path, or alternatives that are read by themselves.
func (s *scanner) slashes(i, j int) int {
	w := s.word
	if s.cidr(i, j) || s.unixPath(i, j) {
		return 0
	}
	cut := i + strings.IndexByte(w[i:j], '/')
	if end := s.bareURL(i, cut); end > 0 {
		return end
	}
	for i <= j {
		k := strings.IndexByte(w[i:j], '/')
		if k < 0 {
			k = j - i
		}
		if a, b := s.trim(i, i+k); a < b {
			if strings.IndexByte(w[a:b], '.') >= 0 {
				s.dotted(a, b, false)
			} else {
				s.plain(a, b)
			}
		}
		i += k + 1
	}
	return 0
}

// bareURL reads "host.tld/path", "host.tld:port/path" and "192.0.2.7/path"
// whose host is w[i:cut]. It returns the end of the URL, 0 if it is none.
func (s *scanner) bareURL(i, cut int) int {
	w := s.word
	host := w[i:cut]
	if strings.IndexByte(host, '.') < 0 || len(host) > 253 {
		return 0
	}
	_, numeric := parseIPv4(host)
	if !numeric && (!s.hostLike(i, cut, true) || w[cut] == '/' && s.fileInPath(i, cut)) {
		return 0
	}
	if !pathFollows(w[cut:]) || numeric && prefixLength(w[cut:]) {
		return 0
	}
	end := names.URLEnd(w, i)
	if end <= cut+1 {
		return 0
	}
	u, ok := names.SplitURL(w[i:end])
	if !ok || !shippable(&u) || u.Scheme != "http" {
		return 0
	}
	s.url(&u, w[i:end], i, end, 0)
	return end
}

// fileInPath tells whether what stands before a slash is a file that could be
// a host, and what follows is one, too: "setup.py/install.sh" are alternatives.
func (s *scanner) fileInPath(i, cut int) bool {
	w := s.word[i:cut]
	ext := lowerASCII(w[strings.LastIndexByte(w, '.')+1:])
	if !extensions[ext] || notClash[ext] || ext == "pl" || ext == "app" || strings.Count(w, ".") > 1 || s.defanged(i, cut) {
		return false
	}
	next := s.word[cut+1:]
	return innerDot(next[:min(len(next), 64)])
}

// prefixLength tells whether what follows an address is that of a network, in
// range or not, or the port that firewalls write there: "outside:192.0.2.7/40122".
func prefixLength(w string) bool {
	n := 1
	for n < len(w) && isDigit(w[n]) {
		n++
	}
	return n > 1 && n <= 6 && (n == len(w) || !isAlnum(w[n]) && w[n] != '/' && w[n] != '?')
}

// pathFollows tells whether a path of more than its slash comes next, after a
// port or not.
func pathFollows(w string) bool {
	k := 0
	if w != "" && w[0] == ':' {
		for k = 1; k < len(w) && k < 7 && isDigit(w[k]); k++ {
		}
	}
	return k+1 < len(w) && w[k] == '/' && w[k+1] != '/'
}

// dotted reads an atom with dots and neither colon nor slash.
func (s *scanner) dotted(i, j int, port bool) int {
	w := s.word
	if j-i == 14 && s.mac(i, j) || isDigit(w[i]) && s.numbers(i, j) {
		return 0
	}
	switch {
	case s.attack(i, j):
	case s.hostLike(i, j, port):
		s.host(i, j)
	case s.fileLike(i, j):
		s.file(i, j)
	default:
		s.runs(i, j)
	}
	return 0
}

// runs reads the ASCII runs of an atom in which ideographs stand, as in
// "访问evil.example谢谢".
func (s *scanner) runs(i, j int) {
	w := s.word
	if allASCII(w[i:j]) {
		return
	}
	for i < j {
		k := i
		for k < j && w[k] < utf8.RuneSelf {
			k++
		}
		if a, b := s.trim(i, k); a < b && strings.IndexByte(w[a:b], '.') > 0 {
			s.dotted(a, b, false)
		} else if a < b && (ideographEnds(w[:a]) || ideographStarts(w[b:])) {
			s.plain(a, b)
		}
		for k < j && w[k] >= utf8.RuneSelf {
			k++
		}
		i = k
	}
}

// numbers reads what is made of digits and dots: addresses, ranges of them,
// versions. It is false when letters are in it.
func (s *scanner) numbers(i, j int) bool {
	w := s.word
	for k := i; k < j; k++ {
		switch {
		case w[k] == '-' && k > i:
			if allNumeric(w[k+1 : j]) {
				s.ipv4(i, k)
				s.ipv4(k+1, j)
				return true
			}
			return false
		case !isDigit(w[k]) && w[k] != '.':
			return false
		}
	}
	s.ipv4(i, j)
	return true
}

func allNumeric(s string) bool { return s != "" && strings.Trim(s, "0123456789.") == "" }

// ipv4 reports a dotted quad unless the words around make it a version.
func (s *scanner) ipv4(i, j int) {
	a, ok := parseIPv4(s.word[i:j])
	if !ok || mask(a) || s.versionContext(i, j) {
		return
	}
	s.emit(typeIPv4, s.word[i:j], i, j, ipFlags(a))
}

// mask tells what is written like an address and addresses nothing: network
// masks, the broadcast address, and wildcard masks, which start with the zero
// of "this network" (RFC 1122 3.2.1.3).
func mask(a netip.Addr) bool {
	b := a.As4()
	return b[0] == 255 || b[0] == 0
}

// parseIPv4 is strict: four decimal numbers without leading zeros.
func parseIPv4(w string) (netip.Addr, bool) {
	if len(w) < 7 || len(w) > 15 || strings.Count(w, ".") != 3 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(w)
	return a, err == nil
}

func (s *scanner) versionContext(i, j int) bool {
	w := s.word
	if i > 0 && (isAlnum(w[i-1]) || w[i-1] == '.' || w[i-1] == '-' || w[i-1] == '_' && i > 1 && isAlnum(w[i-2]) || w[i-1] == '/' && i > 1 && isLetter(w[i-2]) && !namesRoute(w[:i-1])) {
		return w[i-1] != '-' || i < 2 || !isDigit(w[i-2])
	}
	if j < len(w) && (isAlnum(w[j]) || w[j] == '.' && j+1 < len(w) && isDigit(w[j+1])) {
		return true
	}
	from, _ := s.span(i, i+1)
	return versionWord(strings.ToLower(s.wordBefore(from))) || s.sectionNumber(from, i, j) || s.versionTalk(from, i, j)
}

// namesRoute tells whether what stands before "/192.0.2.7" says how a proxy came to
// that address, and is not a program of that version.
func namesRoute(w string) bool {
	w = w[strings.LastIndexFunc(w, func(r rune) bool { return r != '_' && (r < 'A' || r > 'z' || r > 'Z' && r < 'a') })+1:]
	for _, route := range [...]string{"DIRECT", "PARENT", "_HIT", "_PEER", "_NONE"} {
		if strings.HasSuffix(w, route) {
			return true
		}
	}
	switch strings.ToLower(w) {
	case "tcp", "udp", "icmp", "ip", "src", "dst", "host":
		return true
	}
	return false
}

// maxVersionPart is the largest number that the parts of a version have, when only
// the line around it says that it is one.
const maxVersionPart = 40

// versionTalk tells whether four small numbers stand in a line that tells of versions
// or of object identifiers, and not of addresses, or behind a sign that compares
// versions.
func (s *scanner) versionTalk(from, i, j int) bool {
	a, _ := parseIPv4(s.word[i:j])
	b := a.As4()
	if max(b[0], b[1], b[2], b[3]) > maxVersionPart || b[0] == b[1] && b[1] == b[2] {
		return false
	}
	before := s.text[max(0, from-maxTalk):from]
	if strings.HasSuffix(strings.TrimRight(before, " "), "~>") || strings.HasSuffix(before, "^") || (before == "" || strings.HasSuffix(before, "\n")) && dated(s.text[from+j-i:]) {
		return true
	}
	before = before[strings.LastIndexByte(before, '\n')+1:]
	talk := 0
	for word := range strings.FieldsFuncSeq(before, notWord) {
		switch word = strings.ToLower(word); {
		case addressTalk[word]:
			return false
		case versionTalk[word], (word == "oid" || word == "oids") && b[0] <= 2:
			talk++
		}
	}
	return talk > 0
}

// dated tells whether " - 2024-03-08" or " (2024-03-08)" comes next, as behind the
// version in a list of changes.
func dated(t string) bool {
	t = strings.TrimLeft(t[:min(len(t), 24)], " -(\u2013\u2014:[")
	return len(t) >= 10 && t[4] == '-' && t[7] == '-' && allDigits(t[:4]) && (t[:2] == "20" || t[:2] == "19")
}

// maxTalk is how far back, in bytes, a line is looked at.
const maxTalk = 160

// notWord is what separates the words of a line.
func notWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '&'
}

// sectionNumber tells whether four small numbers at the start of a line number a
// heading: "12.1.4.2 Scope of work".
func (s *scanner) sectionNumber(from, i, j int) bool {
	t := s.text
	a, _ := parseIPv4(s.word[i:j])
	b := a.As4()
	if b[0] == b[1] && b[1] == b[2] || max(b[0], b[1], b[2], b[3]) > 30 || from > 0 && t[from-1] != '\n' {
		return false
	}
	to := from + j - i
	return to+2 < len(t) && t[to] == ' ' && t[to+1] >= 'A' && t[to+1] <= 'Z' && t[to+2] >= 'a' && t[to+2] <= 'z'
}

// versionWord tells whether a word announces a version. Where words are written
// without spaces, what stands before it counts for nothing.
func versionWord(w string) bool {
	if versionWords[w] || strings.HasSuffix(w, "version") {
		return true
	}
	for _, glued := range [...]string{"版本", "版本号", "バージョン", "バージョンは", "버전", "버전은", "第"} {
		if strings.HasSuffix(w, glued) {
			return true
		}
	}
	return false
}

// cidr reports a network in prefix notation.
func (s *scanner) cidr(i, j int) bool {
	w := s.word[i:j]
	cut := strings.IndexByte(w, '/')
	if cut < 2 || len(w)-cut > 4 || !allDigits(w[cut+1:]) {
		return false
	}
	p, err := netip.ParsePrefix(w)
	if err != nil {
		return false
	}
	value := w
	if p.Masked().String() != w {
		if p.Addr().Is4() && i > 1 && s.word[i-1] == ':' && isLetter(s.word[i-2]) { // "dmz:10.9.8.7/25": a port
			s.ipv4(i, i+cut)
			return true
		}
		value = p.Masked().String()
	}
	s.emit(typeCIDR, value, i, j, ipFlags(p.Addr()))
	return true
}

// ipv6 reports an address or network, with "IPv6:" before it and a zone or
// prefix behind it.
func (s *scanner) ipv6(i, j int) bool {
	w := s.word
	if j-i > 5 && strings.EqualFold(w[i:i+5], "IPv6:") {
		i += 5
	}
	end := i
	colons := 0
	for end < j && end-i < 50 && (isHex(w[end]) || w[end] == ':' || w[end] == '.') {
		if w[end] == ':' {
			colons++
		}
		end++
	}
	for end > i && (w[end-1] == '.' || w[end-1] == ':' && (end < i+2 || w[end-2] != ':')) {
		end--
	}
	if i > 1 && w[i-1] == ':' && isHex(w[i-2]) && hexGroup(w[:i-1]) {
		return false // the tail of a longer run: a fingerprint
	}
	if colons < 2 || end-i > 45 || end-i < 3 || end < j && w[end] != '/' && w[end] != '%' {
		return false
	}
	if end < j && w[end] == '/' && s.cidr(i, j) {
		return true
	}
	a, err := netip.ParseAddr(w[i:end])
	if err != nil || !a.Is6() || !plausibleIPv6(w[i:end], a) || i > 0 && isAlnum(w[i-1]) {
		return false
	}
	if a.Is4In6() {
		if mask(a.Unmap()) {
			return false
		}
		s.emit(typeIPv4, a.Unmap().String(), i, end, ipFlags(a.Unmap()))
		return true
	}
	value := w[i:end]
	if canonical := a.String(); canonical != value {
		value = canonical
	}
	s.emit(typeIPv6, value, i, end, ipFlags(a))
	return true
}

// plausibleIPv6 tells an address from the scope operator of programs
// ("face::add") and from an empty one.
func plausibleIPv6(w string, a netip.Addr) bool {
	if a.IsUnspecified() {
		return false
	}
	if a.IsLoopback() {
		return true
	}
	var digits, group, longest int
	for i := 0; i < len(w); i++ {
		if isDigit(w[i]) {
			digits++
		}
		if group++; w[i] == ':' {
			group = 0
		}
		longest = max(longest, group)
	}
	if longest <= 2 && (!strings.Contains(w, "::") || strings.Count(w, ":") < 5) {
		return false // eight pairs of digits are a serial number; "10::20" is anything
	}
	return digits > 0 && len(w) >= 5 || strings.Count(w, ":") >= 4
}

// hexGroup tells whether w ends in one to four hexadecimal digits that stand
// at its start or behind a colon.
func hexGroup(w string) bool {
	n := 0
	for n < len(w) && n < 5 && isHex(w[len(w)-1-n]) {
		n++
	}
	return n > 0 && n < 5 && (n == len(w) || w[len(w)-1-n] == ':')
}

func addressFlags(ip string) engine.Flags {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return 0
	}
	return ipFlags(a)
}

var (
	sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
	reserved    = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("224.0.0.0/3"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("3fff::/20"),
		netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("ff00::/8"),
	}
)

// ipFlags follows the special-purpose registries (RFC 6890).
func ipFlags(a netip.Addr) engine.Flags {
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || sharedSpace.Contains(a) {
		return engine.Private
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return engine.Reserved
		}
	}
	return 0
}

// hostLike tells whether an atom reads as a host rather than as a file, a
// piece of a program, or two sentences. strong says that a port, a path or the
// like follows, which files and sentences do not have.
func (s *scanner) hostLike(i, j int, strong bool) bool {
	w := s.word[i:j]
	last := w[strings.LastIndexByte(w, '.')+1:]
	if len(w) > 253 || len(last) < 2 || isDigit(last[0]) || !allASCII(w) && ideographGlue(w) {
		return false
	}
	if !strong && s.member(i) {
		return false
	}
	d := s.parseHost(w)
	strong = strong || s.defanged(i, j) || len(w) > 4 && strings.EqualFold(w[:4], "www.")
	if !registered(d) && !(strong && documented(d)) || strings.IndexByte(d.SLD, '_') >= 0 || d.TLD == "xxx" && d.SLD == "xxx" {
		return false
	}
	labels := strings.Count(w, ".") + 1
	ext := lowerASCII(last)
	if !strong && extensions[ext] && !notClash[ext] && (labels == 2 || extensions[lowerASCII(secondLast(w))] || versioned(w)) {
		return false
	}
	return strong || !s.code(i, j, w, ext, labels) && !sentence(w, ext, labels) && !products[w]
}

// registered tells whether a name stands under a listed suffix or under
// .example, which stands for one in documentation (RFC 2606).
func registered(d *engine.Domain) bool {
	return d.Valid || d.TLD == "example" && d.RootDomain != ""
}

// documented tells names under the other reserved suffixes: they are words, so
// more than a dot must say that they are names.
func documented(d *engine.Domain) bool {
	return (d.TLD == "test" || d.TLD == "invalid") && d.RootDomain != ""
}

func (s *scanner) defanged(i, j int) bool {
	if s.at == nil {
		return false
	}
	from, to := s.span(i, j)
	return s.text[from:to] != s.word[i:j]
}

// versioned tells whether a name has an underscore, or a label of digits behind
// its first: files have ("lib-1.2.so", "a_b.tmpl.pl"), hosts hardly.
func versioned(w string) bool {
	_, rest, _ := strings.Cut(w, ".")
	for label := range strings.SplitSeq(rest, ".") {
		if allDigits(label) {
			return true
		}
	}
	return strings.IndexByte(w, '_') >= 0
}

func secondLast(w string) string {
	w = w[:strings.LastIndexByte(w, '.')]
	return w[strings.LastIndexByte(w, '.')+1:]
}

// member tells whether an atom is a member of what stands before it, as in
// "getElementById("x").style.top" and "rows[0].map".
func (s *scanner) member(i int) bool {
	return i > 1 && s.word[i-1] == '.' && (s.word[i-2] == ')' || s.word[i-2] == ']')
}

// code tells whether an atom is an expression of a program, a selector of a
// style sheet, or the reversed name of a package.
func (s *scanner) code(i, j int, w, ext string, labels int) bool {
	head := lowerASCII(w[:strings.IndexByte(w, '.')])
	switch {
	case objects[head] && (codeTails[ext] || labels > 2 || ext != "com" && ext != "net" && ext != "org"):
		return true
	case nouns[head] && (labels == 2 && ext != "com" && ext != "net" && ext != "org" || codeTails[ext] && members(w)):
		return true
	case (htmlTags[head] || len(head) == 1) && codeTails[ext] && labels == 2 && w != "t.me":
		return true
	case detectionHeads[head] && detectionPlatforms[lowerASCII(second(w))]:
		return true
	case elements[head] && codeTails[ext] && labels == 3:
		return true
	case labels > 2 && (head == "com" || head == "org" || head == "net") && ext != "com" && ext != "net" && ext != "org":
		return true
	}
	if s.placeholder(i, j, ext) || ext != "com" && ext != "net" && ext != "org" && (s.selector(i, j) || s.program(i, j, ext)) || labels > 2 && fields(w) || s.declared(i, j, ext) {
		return true
	}
	next := byte(0)
	if j < len(s.word) {
		next = s.word[j]
	}
	if next == '{' && i > 0 && s.word[i-1] == '.' {
		return true // a selector of a style sheet
	}
	if next == '(' && (codeTails[ext] || j+1 < len(s.word) && (s.word[j+1] == ')' || s.word[j+1] == '"' || s.word[j+1] == '\'')) {
		return true
	}
	if i > 0 && (s.word[i-1] == '$' || s.word[i-1] == '#' && ext != "com") {
		return true
	}
	return codeTails[ext] && (camel(w) || !strings.ContainsAny(w, "-0123456789") && s.operatorFollows(j))
}

// placeholder tells whether an atom is what a template fills in: "{{order.id}}",
// "${cart.total}", "{% if user.name %}", "%unsub.link%". A name under a common suffix
// may stand in such brackets by itself.
func (s *scanner) placeholder(i, j int, ext string) bool {
	if i > 0 && j < len(s.word) && s.word[i-1] == '%' && s.word[j] == '%' {
		return true
	}
	from, _ := s.span(i, i+1)
	before := s.text[max(0, from-maxTag):from]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	if strings.LastIndex(before, "${") > strings.LastIndexByte(before, '}') {
		return true
	}
	if ext == "com" || ext == "net" || ext == "org" || len(ext) == 2 && !codeTails[ext] {
		return false
	}
	for _, tag := range [...]struct{ open, close string }{{"{{", "}}"}, {"#{", "}"}, {"<%", "%>"}, {"{%", "%}"}, {"[[", "]]"}} {
		if strings.LastIndex(before, tag.open) > strings.LastIndex(before, tag.close) {
			return true
		}
	}
	return false
}

// maxTag is how far back, in bytes, the opening of a template's tag is looked for.
const maxTag = 64

// fields tells whether all labels of a name are words for fields of data.
func fields(w string) bool {
	for label := range strings.SplitSeq(w, ".") {
		if label = lowerASCII(label); !fieldWords[label] && !codeTails[label] {
			return false
		}
	}
	return true
}

// declared tells whether an atom is a package that a program names: "package
// com.acme.billing.service;", "using System.Net;".
func (s *scanner) declared(i, j int, ext string) bool {
	from, to := s.span(i, j)
	before := s.wordBefore(from)
	if from == 0 || s.text[from-1] != ' ' {
		return false
	}
	return declarations[before] && ext != "com" || before == "using" && to < len(s.text) && s.text[to] == ';'
}

// selector tells whether an atom is one of a style sheet: ".btn.info:hover".
func (s *scanner) selector(i, j int) bool {
	w := s.word
	if i == 0 || w[i-1] != '.' || j >= len(w) || w[j] != ':' {
		return false
	}
	k := j + 1
	for k < len(w) && (isLetter(w[k]) || w[k] == '-' || w[k] == ':' && k == j+1) {
		k++
	}
	return pseudoClasses[lowerASCII(strings.TrimPrefix(w[j+1:k], ":"))]
}

// programSigns make a line that of a program: one of weight 2 with a member's name,
// two with any. In quotes a name is a text even there.
var programSigns = [...]struct {
	sign   string
	weight int
}{
	{"=> ", 2},
	{" == ", 2},
	{"===", 2},
	{" += ", 2},
	{"){", 2},
	{") {", 2},
	{"return ", 1},
	{"const ", 2},
	{"let ", 1},
	{"var ", 2},
	{"function ", 1},
	{"function(", 2},
	{"SELECT ", 2},
	{" FROM ", 1},
	{" JOIN ", 2},
	{" WHERE ", 1},
	{"->", 1},
	{"};", 2},
	{"if (", 1},
	{"for (", 1},
	{"this.", 1},
	{"self.", 1},
	{"());", 2},
	{"++;", 2},
	{"&& ", 1},
	{"|| ", 1},
	{" = ", 1},
	{" + ", 1},
	{" * ", 1},
	{"[0]", 1},
	{"[i]", 1},
	{"::", 1},
	{"();", 2},
}

// maxStatement is how much of a line, in bytes, is looked at on each side.
const maxStatement = 160

// program tells whether an atom stands in a line of a program, and in no quotes.
func (s *scanner) program(i, j int, ext string) bool {
	w := s.word[i:j]
	if strings.ContainsAny(w, "-0123456789") || len(ext) > 2 && !codeTails[ext] && ext != "info" && ext != "read" && w[1] != '.' {
		return false
	}
	from, to := s.span(i, j)
	if from > 0 && strings.IndexByte("\"'`", s.text[from-1]) >= 0 {
		return false
	}
	line := s.text[max(0, from-maxStatement):min(len(s.text), to+maxStatement)]
	at := min(from, maxStatement)
	if k := strings.LastIndexByte(line[:at], '\n'); k >= 0 {
		line, at = line[k+1:], at-k-1
	}
	if k := strings.IndexByte(line[at:], '\n'); k >= 0 {
		line = line[:at+k]
	}
	weight := 0
	for _, p := range programSigns {
		if strings.Contains(line, p.sign) {
			weight += p.weight
		}
	}
	return weight >= 3 || weight == 2 && codeTails[ext]
}

// members tells whether every label between the first and the last is the name of
// a member: "event.target.id".
func members(w string) bool {
	_, rest, _ := strings.Cut(w, ".")
	for {
		label, more, ok := strings.Cut(rest, ".")
		if !ok {
			return true
		}
		if label = lowerASCII(label); !objects[label] && !nouns[label] && !codeTails[label] && label != "info" {
			return false
		}
		rest = more
	}
}

// operatorFollows tells whether a sign of a program comes right after a name. A
// semicolon with a space behind it separates the items of a list.
func (s *scanner) operatorFollows(j int) bool {
	w := s.word[j:]
	if w == "" {
		return false
	}
	if w == ";" {
		_, to := s.span(j, j+1)
		return !s.listGoesOn(to)
	}
	return strings.IndexByte("=[+;", w[0]) >= 0 || strings.HasPrefix(w, ");") || strings.HasPrefix(w, "&&") || strings.HasPrefix(w, "||")
}

// listGoesOn tells whether a space and another dotted name follow.
func (s *scanner) listGoesOn(i int) bool {
	if i+1 >= len(s.text) || s.text[i] != ' ' {
		return false
	}
	next := wordAt(s.text, i+1)
	return strings.IndexByte(next, '.') > 0 && !strings.ContainsAny(next, "(=+{")
}

// second is the label behind the first.
func second(w string) string {
	_, rest, _ := strings.Cut(w, ".")
	label, _, _ := strings.Cut(rest, ".")
	return label
}

// camel tells whether a capital follows a small letter inside a label.
func camel(w string) bool {
	for i := 1; i < len(w); i++ {
		if w[i] >= 'A' && w[i] <= 'Z' && w[i-1] >= 'a' && w[i-1] <= 'z' {
			return true
		}
	}
	return false
}

// sentence tells whether an atom is the end of one sentence and the start of
// the next ("work.Is"), a time of day ("5.30.pm") or the number of a list ("1.to").
func sentence(w, ext string, labels int) bool {
	last := w[len(w)-len(ext):]
	first := w[:len(w)-len(ext)-1]
	title := last[0] >= 'A' && last[0] <= 'Z' && (len(last) == 1 || last[1] >= 'a') || foreignTitle(last)
	if title && ext != "com" && ext != "net" && ext != "org" && ext != "info" {
		return true
	}
	if functionWords[ext] && allNumeric(first) && strings.IndexByte(first, '.') > 0 {
		return true
	}
	if labels > 2 || len(ext) > 2 && !functionWords[ext] {
		return false
	}
	switch {
	case archives[first] && len(last) == 2 && last == strings.ToUpper(last):
		return true
	case allDigits(first) && len(first) <= 2, functionWords[ext] && abbreviations[lowerASCII(first)]:
		return true
	}
	return functionWords[ext] && w != "t.me" && (len(first) < 2 || closingWords[lowerASCII(first)])
}

// foreignTitle tells whether a word outside ASCII begins with a capital and goes on
// in small letters.
func foreignTitle(w string) bool {
	r, n := utf8.DecodeRuneInString(w)
	second, _ := utf8.DecodeRuneInString(w[n:])
	return r >= utf8.RuneSelf && unicode.IsUpper(r) && unicode.IsLower(second)
}

func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

func titleSuffix(host string) bool {
	i := strings.LastIndexByte(host, '.')
	last := host[i+1:]
	if i < 0 || len(last) < 2 || last[0] < 'A' || last[0] > 'Z' || last[1] < 'a' || last[1] > 'z' {
		return false
	}
	l := strings.ToLower(last)
	return l != "com" && l != "net" && l != "org" && !(host[0] >= 'A' && host[0] <= 'Z')
}

// host reports a host name.
func (s *scanner) host(i, j int) {
	d := s.parseHost(s.word[i:j])
	s.emit(typeFQDN, d.Domain, i, j, domainFlags(d))
}

// parseHost remembers the host it read last: it is asked for first as a
// candidate, then as a finding.
func (s *scanner) parseHost(w string) *engine.Domain {
	if w != s.hostName {
		s.hostName, s.hostRead = w, names.ParseHost(w)
	}
	return &s.hostRead
}

// domainFlags tells names of documentation (RFC 2606, RFC 6761), names under
// no listed suffix, and names that look like others.
func domainFlags(d *engine.Domain) engine.Flags {
	var f engine.Flags
	switch {
	case d.RootDomain == "example.com", d.RootDomain == "example.net", d.RootDomain == "example.org",
		d.TLD == "example", d.TLD == "test", d.TLD == "invalid", d.TLD == "localhost":
		f |= engine.Reserved
	}
	if !d.Valid {
		f |= engine.Unlisted
	}
	if d.Punycode != "" && homograph(d.Punycode) {
		f |= engine.Homograph
	}
	return f
}

// homograph tells whether a label mixes Latin with Cyrillic or Greek, or
// consists of Cyrillic letters only that all look like Latin ones.
func homograph(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		var latin, foreign, alike, letters int
		for _, r := range label {
			switch {
			case !unicode.IsLetter(r):
				continue
			case unicode.Is(unicode.Latin, r):
				latin++
			case unicode.Is(unicode.Cyrillic, r), unicode.Is(unicode.Greek, r), unicode.Is(unicode.Armenian, r):
				foreign++
				if strings.ContainsRune("аеорсухіјѕԁһӏԛԝькмнтвгпαονρυικωʏսոհցօ", r) {
					alike++
				}
			}
			letters++
		}
		if latin > 0 && foreign > 0 || letters > 1 && alike == letters {
			return true
		}
	}
	return false
}

// ideographGlue tells whether ideographs and ASCII letters stand in one label
// of a name whose suffix is ASCII: a sentence without spaces, since registries
// do not mix them so that the name could be told from it.
func ideographGlue(w string) bool {
	for label := range strings.SplitSeq(w, ".") {
		var ascii, cjk bool
		for _, r := range label {
			ascii = ascii || r < utf8.RuneSelf && r != '-'
			cjk = cjk || ideograph(r)
		}
		if ascii && cjk {
			return true
		}
	}
	return false
}

func ideographEnds(w string) bool {
	r, _ := utf8.DecodeLastRuneInString(w)
	return ideograph(r)
}

func ideographStarts(w string) bool {
	r, _ := utf8.DecodeRuneInString(w)
	return ideograph(r)
}

// ideograph tells scripts that are written without spaces between words.
func ideograph(r rune) bool {
	return r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7af || r >= 0xf900 && r <= 0xfaff || r >= 0x0e00 && r <= 0x0e7f
}

// delimiterRune tells whether a rune outside ASCII ends an atom.
func delimiterRune(r rune) bool {
	switch {
	case r == 0x200c || r == 0x200d || r == 0x2010 || r == 0x2011:
		return false
	case names.ForeignStop(r):
		return true
	case r <= 0xbf && r != 0xaa && r != 0xb5 && r != 0xb7 && r != 0xba, r >= 0x2000 && r <= 0x206f, r >= 0x2190 && r <= 0x2bff, r >= 0x3000 && r <= 0x3004,
		r >= 0x3008 && r <= 0x3020, r >= 0xff00 && r <= 0xff0f, r >= 0xff1a && r <= 0xff20, r >= 0xff3b && r <= 0xff40, r >= 0xff5b && r <= 0xff65,
		r == 0xfeff, r == utf8.RuneError, r >= 0x1f000, r >= 0xe000 && r <= 0xf8ff, r >= 0x1680 && r <= 0x1680:
		return true
	}
	return false
}

// fileLike tells whether an atom is the name of a file.
func (s *scanner) fileLike(i, j int) bool {
	w := s.word[i:j]
	ext := lowerASCII(w[strings.LastIndexByte(w, '.')+1:])
	if len(w) > 255 || !extensions[ext] || products[w] {
		return false
	}
	stem := w[:len(w)-len(ext)-1]
	if stem == "" || strings.HasSuffix(stem, ".") || strings.Contains(stem, "..") {
		return false
	}
	next := byte(0)
	if j < len(s.word) {
		next = s.word[j]
	}
	head, _, more := strings.Cut(lowerASCII(stem), ".")
	if (objects[head] || nouns[head]) && (more && objects[head] || next == '(' || next == '=' || next == ';') || next == '(' && len(ext) < 5 && j+1 < len(s.word) && s.word[j+1] == ')' {
		return false
	}
	if i > 0 && (s.word[i-1] == '$' || s.word[i-1] == '@') || s.member(i) || len(stem) == 1 && s.program(i, j, ext) || s.declared(i, j, ext) {
		return false
	}
	return !glued(w, stem, head, ext)
}

// glued tells whether what reads as a file is the end of a sentence and the
// start of the next, a time of day, or the reversed name of a package.
func glued(w, stem, head, ext string) bool {
	last := w[len(w)-len(ext):]
	switch {
	case allNumeric(stem) && (len(stem) < 3 || ext == "so" || ext == "pm"):
		return true
	case functionWords[ext] && last[0] <= 'Z' && last[len(last)-1] >= 'a':
		return true
	case codeMembers[ext] && (len(stem) == 1 && isLetter(stem[0]) || objects[head] || nouns[head] && !dataFiles[ext] && stem == head || last[0] <= 'Z' && stem[len(stem)-1] >= 'a'):
		return true
	}
	return ext == "app" && (head == "com" || head == "org" || head == "net")
}

func (s *scanner) file(i, j int) { s.emit(typeFilename, s.word[i:j], i, j, 0) }
