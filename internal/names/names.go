// Package names reads the names by which things on the network are called:
// host names, URLs and mail addresses. It reads them the way the program that
// would follow them reads them, so that what a rule sees is where a click leads:
// URLs as a browser does (WHATWG URL), hosts through IDNA (UTS 46,
// non-transitional, lenient) and the ICANN section of the public suffix list,
// link-protection wrappers back to the address they wrap.
//
// Everything is a pure function of its arguments, safe for concurrent use, and
// linear in the length of its input; the only recursion, a wrapper inside a
// wrapper, ends after three layers. Wrong input is an ok of false, never an
// error or a panic.
//
// The package never resolves a name, opens a connection or keeps a cache.
package names

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/tqmailrules/tqmailrules/engine"
)

// maxHost is the longest host looked at, in bytes: a name is at most 253
// octets in A-labels (RFC 1035 2.3.4), which percent escapes or UTF-8 stretch.
// The cap matters because the Punycode encoder is quadratic.
const maxHost = 1024

// lenient maps as browsers do and refuses as little as they do.
var lenient = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
	idna.CheckJoiners(false),
	idna.VerifyDNSLength(false),
	idna.BidiRule(),
)

// unchecked only encodes: for names that the mapping refuses and mail carries.
var unchecked = idna.New(idna.StrictDomainName(false), idna.CheckHyphens(false))

// ParseHost takes a host name apart. The name comes back lower-cased, in
// A-labels and without its trailing dot. Valid is set for a registrable name
// or one below it: every label well-formed (an underscore is allowed, as
// service names have it) and the suffix on the ICANN list, or .onion behind what
// can be the name of a service. For an IP address and for bytes that are no name,
// only Domain is filled.
func ParseHost(host string) engine.Domain {
	host = strings.TrimSuffix(strings.TrimSpace(host), ".")
	ascii, ok := ToASCII(host)
	if !ok || ascii[len(ascii)-1] == '.' {
		return engine.Domain{Domain: host}
	}
	d := engine.Domain{Domain: ascii}
	if isAddress(ascii) || !wellFormed(ascii) {
		return d
	}
	suffix, listed := Suffix(ascii)
	d.TLD = suffix
	d.RootDomain, d.Subdomain = registrable(ascii, suffix)
	if d.RootDomain != "" {
		d.SLD = d.RootDomain[:strings.IndexByte(d.RootDomain, '.')]
	}
	d.Valid = listed && d.RootDomain != "" && (suffix != "onion" || isOnion(d.SLD))
	d.Punycode = uLabels(ascii)
	return d
}

// ToASCII maps a host to lower-case A-labels. It allocates only when the host
// is not lower-case ASCII already. It is false for an empty or overlong host
// and for one that holds a byte no host can have.
func ToASCII(host string) (string, bool) {
	if host == "" || len(host) > maxHost {
		return "", false
	}
	var upper, wide bool
	for i := 0; i < len(host); i++ {
		c := host[i]
		switch {
		case c >= 0x80:
			wide = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case !hostByte[c]:
			return "", false
		}
	}
	switch {
	case wide:
		return wideToASCII(host)
	case upper:
		return strings.ToLower(host), true
	}
	return host, true
}

func wideToASCII(host string) (string, bool) {
	a, err := lenient.ToASCII(host)
	if err != nil {
		a, err = unchecked.ToASCII(strings.ToLower(host))
	}
	if err != nil || a == "" || len(a) > maxHost {
		return "", false
	}
	a = strings.ToLower(strings.TrimSuffix(a, "."))
	for i := 0; i < len(a); i++ {
		if a[i] >= 0x80 || !hostByte[a[i]] {
			return "", false
		}
	}
	return a, a != ""
}

// hostByte are the bytes of a host in A-labels or of an IPv6 address.
var hostByte = func() (t [128]bool) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = true, true
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	t['-'], t['_'], t['.'], t[':'] = true, true, true, true
	return t
}()

// Suffix returns the public suffix of a host in lower-case A-labels and
// whether the ICANN section lists it. Suffixes that only their owners declared
// (the private section) do not count: under them, too, the registrable domain
// is the one that was bought from a registry.
func Suffix(host string) (suffix string, listed bool) {
	if top := host[strings.LastIndexByte(host, '.')+1:]; flat(top) {
		return top, true
	}
	for {
		suffix, icann := publicsuffix.PublicSuffix(host)
		dot := strings.IndexByte(suffix, '.')
		if dot < 0 {
			return suffix, icann || suffix == "onion"
		}
		// The flag is asked of the suffix itself, too: for a name below a private
		// rule the lookup calls a label of that rule ICANN's.
		if _, confirmed := publicsuffix.PublicSuffix(suffix); icann && confirmed {
			return suffix, true
		}
		host = suffix[dot+1:]
	}
}

// flat tells whether a top-level domain is known to have no rule below it in
// the ICANN section. Most names of a mail are under these, and the list
// allocates on each question. A test asks it whether that is still so.
func flat(top string) bool { return top == "com" || top == "net" || top == "org" }

// registrable cuts a host into the label above its suffix with the suffix, and
// what stands before. Both are empty when the host is a suffix itself.
func registrable(host, suffix string) (root, sub string) {
	if len(host) <= len(suffix) {
		return "", ""
	}
	above := host[:len(host)-len(suffix)-1]
	dot := strings.LastIndexByte(above, '.')
	if dot < 0 {
		return host, ""
	}
	return host[dot+1:], host[:dot]
}

// wellFormed tells whether every label has 1 to 63 of the allowed bytes and no
// hyphen at its ends, and the last one starts with a letter.
func wellFormed(host string) bool {
	if len(host) > 253 {
		return false
	}
	start := 0
	for i := 0; i <= len(host); i++ {
		if i < len(host) && host[i] != '.' {
			if host[i] == ':' {
				return false
			}
			continue
		}
		if n := i - start; n == 0 || n > 63 || host[start] == '-' || host[i-1] == '-' {
			return false
		}
		if i == len(host) {
			return host[start] >= 'a' && host[start] <= 'z'
		}
		start = i + 1
	}
	return false
}

func uLabels(ascii string) string {
	if !strings.Contains(ascii, "xn--") {
		return ""
	}
	u, err := lenient.ToUnicode(ascii)
	if err != nil || u == ascii {
		return ""
	}
	return u
}

// isAddress asks the parser only about what may be one: its error costs memory.
func isAddress(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" || strings.IndexByte(host, ':') < 0 && !isDigit(last[0]) {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// ParseEmail takes an addr-spec apart (RFC 5322 3.4.1, RFC 6531), with or
// without angle brackets. The local part stays as it was written; the domain
// becomes lower-case A-labels, and may be an address literal. A name without a
// dot is accepted, as internal mail has it.
func ParseEmail(addrSpec string) (engine.Email, bool) {
	s := strings.TrimSpace(addrSpec)
	s = strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">")
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 || !localPart(s[:at]) {
		return engine.Email{}, false
	}
	d, ok := mailDomain(s[at+1:])
	if !ok {
		return engine.Email{}, false
	}
	e := engine.Email{Email: s, LocalPart: s[:at], Domain: d}
	if d.Domain != s[at+1:] && s[at+1] != '[' {
		e.Email = s[:at+1] + d.Domain
	}
	return e, true
}

// localPart accepts a dot-atom or quoted string, and the misplaced dots that
// real addresses have.
func localPart(s string) bool {
	if len(s) > 320 {
		return false
	}
	quoted := len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"'
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c == 0x7f || !quoted && strings.IndexByte(" \"(),:;<>@[\\]", c) >= 0 {
			return false
		}
	}
	return true
}

func mailDomain(s string) (engine.Domain, bool) {
	if s[0] == '[' && s[len(s)-1] == ']' {
		lit := s[1 : len(s)-1]
		if len(lit) > 5 && strings.EqualFold(lit[:5], "IPv6:") {
			lit = lit[5:]
		}
		a, err := netip.ParseAddr(lit)
		return engine.Domain{Domain: a.String()}, err == nil
	}
	d := ParseHost(s)
	return d, wellFormed(d.Domain)
}
