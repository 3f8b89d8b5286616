package extract

import (
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// colons reads an atom with a colon: an IPv6 address, a fuzzy hash, a host
// with its port, or pairs such as "sha1:..." whose pieces are read by themselves.
func (s *scanner) colons(i, j int) int {
	w := s.word
	if strings.HasPrefix(w[j:], "::") && s.ipv6(i, j+2) {
		return j + 2 // the zeros at the end of an address, which were taken for punctuation
	}
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
		s.longLabels(i, j)
	}
	return 0
}

// longLabels reads the labels of what is no name that may be digests or wallets: the
// next sentence is glued to them.
func (s *scanner) longLabels(i, j int) {
	for whole := j - i; i < j; {
		k := strings.IndexByte(s.word[i:j], '.')
		if k < 0 {
			k = j - i
		}
		if k >= minWallet && k < whole && allAlnum(s.word[i:i+k]) {
			s.plain(i, i+k)
		}
		i += k + 1
	}
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
// no listed suffix, names that look like others, and onion services of version 3
// whose checksum holds.
func domainFlags(d *engine.Domain) engine.Flags {
	var f engine.Flags
	switch {
	case d.RootDomain == "example.com", d.RootDomain == "example.net", d.RootDomain == "example.org",
		d.TLD == "example", d.TLD == "test", d.TLD == "invalid", d.TLD == "localhost":
		f |= engine.Reserved
	case d.TLD == "onion" && names.OnionChecked(d.SLD):
		f |= engine.CheckedValue
	}
	if !d.Valid {
		f |= engine.Unlisted
	}
	if d.Punycode != "" && homograph(d.Punycode) {
		f |= engine.Homograph
	}
	return f
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
	if i > 0 && (s.word[i-1] == '$' || s.word[i-1] == '@' || s.word[i-1] == '(' && ext == "class") || s.member(i) || len(stem) == 1 && s.program(i, j, ext) || s.declared(i, j, ext) {
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
