package extract

import (
	"net/netip"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// prefixLength tells whether what follows an address is that of a network, in
// range or not, or the port that firewalls write there: "outside:192.0.2.7/40122".
func prefixLength(w string) bool {
	n := 1
	for n < len(w) && isDigit(w[n]) {
		n++
	}
	return n > 1 && n <= 6 && (n == len(w) || !isAlnum(w[n]) && w[n] != '/' && w[n] != '?')
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
	if i > 1 && w[i-1] == ':' && (isHex(w[i-2]) && hexGroup(w[:i-1]) || i > 2 && w[i-2] == ':' && isHex(w[i-3])) {
		return false // the tail of a longer run: a fingerprint
	}
	if colons < 2 || end-i > 45 || end < j && w[end] != '/' && w[end] != '%' {
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
		if !plausibleIPv6(canonical, a) {
			return false // "010::0": what is left of it could be anything
		}
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
	if strings.HasSuffix(w, "::") && strings.Count(w, ":") < 3 {
		return false // "2001::" is a name and the scope operator
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
