package extract

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// Canonical brings a value to the form in which the built-in extractor reports
// it: refanged, hosts in lower-case A-labels, URLs without default ports,
// addresses and digests in lower case. typ is the rule name of a type or its
// short name. It is false for a value that is none of the type. A type without
// a grammar, such as String or one that only a module knows, takes any value
// that is not empty and leaves it as it is.
//
// The value has been cut out of its text already, so what tells an indicator
// from prose and program code does not count here: "setup.py" is a name under
// .py if somebody says so. Link-protection wrappers are left closed.
func Canonical(typ, value string) (string, bool) {
	if value == "" {
		return "", false
	}
	typ, _ = engine.RuleType(typ)
	if form, ok := forms[typ]; ok {
		return form(value)
	}
	if read, ok := tokens[typ]; ok {
		return sole(typ, value, read)
	}
	if slices.Contains(walletTypes, typ) {
		return sole(typ, value, (*scanner).wholeWallet)
	}
	return value, true
}

// FlagsOf are the facts about a value in canonical form on which rules decide,
// as the built-in extractor finds them: private and reserved addresses, unlisted
// hosts, look-alikes and the like. typ is as for Canonical. What only a text can
// tell, such as whether the value was defanged in it, is not among them.
func FlagsOf(typ, value string) engine.Flags {
	switch rule, _ := engine.RuleType(typ); rule {
	case typeIPv4, typeIPv6:
		return addressFlags(value)
	case typeCIDR:
		address, _, _ := strings.Cut(value, "/")
		return addressFlags(address)
	case typeFQDN:
		d := names.ParseHost(value)
		return domainFlags(&d)
	case typeEmail:
		e, _ := names.ParseEmail(value)
		return domainFlags(&e.Domain)
	case typeURL:
		u, _ := names.SplitURL(value)
		return urlFlags(&u)
	default:
		if slices.Contains(walletTypes, rule) {
			return walletFlags(rule, value)
		}
	}
	return 0
}

// disguised tells whether a value of a type that people disguise was written so
// as not to be clickable.
func disguised(typ, value string) bool {
	switch rule, _ := engine.RuleType(typ); rule {
	case typeIPv4, typeIPv6, typeCIDR, typeFQDN, typeURL, typeEmail:
	default:
		return false
	}
	plain := refanged(value)
	scheme, _, found := strings.Cut(plain, "://")
	return plain != value || found && canonicalScheme(scheme) != strings.ToLower(scheme)
}

// forms are the types whose canonical form has a parser of its own.
var forms = map[string]func(string) (string, bool){
	typeIPv4: canonicalIPv4, typeIPv6: canonicalIPv6, typeCIDR: canonicalCIDR,
	typeFQDN: canonicalHost, typeURL: canonicalURL, typeEmail: canonicalEmail,
	typeMD5: canonicalDigest(typeMD5), typeSHA1: canonicalDigest(typeSHA1), typeSHA256: canonicalDigest(typeSHA256),
	typeSHA384: canonicalDigest(typeSHA384), typeSHA512: canonicalDigest(typeSHA512),
	typeMAC: canonicalMAC, typeFilename: canonicalFilename, typeFilePath: canonicalPath, typeRegKey: canonicalKey, typeYARA: canonicalYARA,
}

// tokens are the types for which the reader of the scanner is asked.
var tokens = map[string]func(s *scanner, i, j int){
	typeSSDeep: func(s *scanner, i, j int) { s.ssdeep(i, j) },
	typeCVE:    func(s *scanner, i, j int) { s.cve(i, j) },
	typeASN:    func(s *scanner, i, j int) { s.asn(i, j) },
	typeAttack: func(s *scanner, i, j int) { s.attack(i, j) },
}

// sole reads the value as one token of the scanner, which must give one finding
// of the type.
func sole(typ, value string, read func(*scanner, int, int)) (string, bool) {
	s := scanner{text: value, word: value}
	if read(&s, 0, len(value)); len(s.out) != 1 || s.out[0].Type != typ {
		return "", false
	}
	return s.out[0].Value, true
}

// refanged is the value in its clickable form, as the scanner reads a word.
func refanged(value string) string {
	s := scanner{text: value}
	if mayHide(classes(value)) && s.refang(0, len(value), false) {
		return s.word
	}
	return value
}

func canonicalIPv4(value string) (string, bool) {
	a, err := netip.ParseAddr(refanged(value))
	if a = a.Unmap().WithZone(""); err != nil || !a.Is4() || mask(a) {
		return "", false
	}
	return a.String(), true
}

func canonicalIPv6(value string) (string, bool) {
	a, err := netip.ParseAddr(refanged(value))
	a = a.WithZone("")
	if err != nil || !a.Is6() || a.Is4In6() || a.IsUnspecified() {
		return "", false
	}
	return a.String(), true
}

func canonicalCIDR(value string) (string, bool) {
	p, err := netip.ParsePrefix(refanged(value))
	return p.Masked().String(), err == nil
}

// canonicalHost takes names under a listed suffix, and under those that
// documents use (RFC 2606).
func canonicalHost(value string) (string, bool) {
	d := names.ParseHost(refanged(value))
	return d.Domain, registered(&d) || documented(&d)
}

func canonicalEmail(value string) (string, bool) {
	e, ok := names.ParseEmail(refanged(value))
	return e.Email, ok && len(e.LocalPart) <= 64 && (registered(&e.Domain) || documented(&e.Domain))
}

// canonicalURL takes what has a scheme, defanged or not, or a host with a path.
func canonicalURL(value string) (string, bool) {
	raw := refanged(value)
	if i := strings.IndexFunc(raw, notInURL); i >= 0 {
		return "", false
	}
	at := strings.Index(raw, "://")
	if scheme := canonicalScheme(raw[:max(at, 0)]); scheme != "" {
		raw = scheme + raw[at:]
	} else if !pathFollows(raw[max(strings.IndexAny(raw, "/:"), 0):]) {
		return "", false
	}
	u, ok := names.SplitURL(raw)
	if !ok || canonicalScheme(u.Scheme) == "" || !shippable(&u) {
		return "", false
	}
	return urlValue(&u, raw), true
}

func notInURL(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' || r == '"' }

func canonicalDigest(typ string) func(string) (string, bool) {
	return func(value string) (string, bool) {
		for i := range len(value) {
			if !isHex(value[i]) {
				return "", false
			}
		}
		return strings.ToLower(value), digestType(len(value)) == typ
	}
}

// canonicalMAC takes the 48-bit addresses of IEEE 802 in any of their usual
// spellings and writes them with colons.
func canonicalMAC(value string) (string, bool) {
	mac, err := net.ParseMAC(value)
	return mac.String(), err == nil && len(mac) == 6
}

func canonicalFilename(value string) (string, bool) {
	return value, len(value) <= 255 && !strings.ContainsAny(value, "\n\r\t/\\") && strings.Trim(value, ". ") != ""
}

// canonicalPath takes what has a separator of folders in it. A double backslash
// stays where a share begins.
func canonicalPath(value string) (string, bool) {
	for value[0] != '\\' && strings.Contains(value, `\\`) {
		value = strings.ReplaceAll(value, `\\`, `\`) // escaped in a program or report
	}
	value = strings.TrimRight(value, `\`)
	return value, len(value) <= maxPath && strings.ContainsAny(value, `\/`) && !strings.ContainsAny(value, "\n\r")
}

func canonicalKey(value string) (string, bool) {
	value, ok := canonicalPath(value)
	return value, ok && registryRoot(value)
}

func canonicalYARA(value string) (string, bool) {
	for i := range len(value) {
		if !isAlnum(value[i]) && value[i] != '_' {
			return "", false
		}
	}
	return value, len(value) <= 128 && !isDigit(value[0])
}
