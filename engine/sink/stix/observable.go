package stix

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// object is one object of a bundle, or a dictionary inside one.
type object map[string]any

// hashes are digests in lower-case hex by algorithm (hash-algorithm-ov).
type hashes map[string]string

// observable makes an object whose identifier follows from the properties that the
// standard names for its type.
func observable(kind string, contributing object) object {
	o := object{"type": kind, "spec_version": "2.1", "id": observableID(kind, contributing)}
	for k, v := range contributing {
		o[k] = v
	}
	return o
}

// preferred are the algorithms of which the first that is there identifies
// (section 2.9).
var preferred = []string{"MD5", "SHA-1", "SHA-256", "SHA-512"}

func observableID(kind string, contributing object) string {
	name := object{}
	for k, v := range contributing {
		name[k] = v
	}
	if h, ok := name["hashes"].(hashes); ok {
		name["hashes"] = one(h)
	}
	return identifier(kind, observables, canonical(name))
}

// one is the digest that identifies.
func one(h hashes) hashes {
	for _, algorithm := range preferred {
		if h[algorithm] != "" {
			return hashes{algorithm: h[algorithm]}
		}
	}
	first := ""
	for algorithm := range h {
		if first == "" || algorithm < first {
			first = algorithm
		}
	}
	return hashes{first: h[first]}
}

// reading is what an indicator is in the words of the standard: observables, those
// that others refer to first; the pattern that finds them; or an object that says
// the same without a pattern.
type reading struct {
	observables []object
	pattern     string
	known       object // a vulnerability or an attack pattern
}

// read understands an indicator. It is false for types that the standard has no
// word for, and for values that are none of their type: these become notes.
func read(r *engine.IndicatorRecord) (reading, bool) {
	reader, ok := readers[r.Type]
	value := clean(r.Value)
	if !ok || value == "" {
		return reading{}, false
	}
	return reader(value)
}

// readers are the rows of design section 12 that have a column of STIX.
var readers = map[string]func(string) (reading, bool){
	"IP Address":       readAddress,
	"IPv6 Address":     readAddress,
	"CIDR Block":       readBlock,
	"FQDN":             readHost,
	"URL":              readURL,
	"Email Address":    readMailbox,
	"MD5":              readDigest("MD5", 32),
	"SHA-1":            readDigest("SHA-1", 40),
	"SHA-256":          readDigest("SHA-256", 64),
	"SHA-384":          readDigest("SHA-384", 96),
	"SHA-512":          readDigest("SHA-512", 128),
	"Fuzzy Hash":       readFuzzy,
	"CVE":              readCVE,
	"ASN":              readASN,
	"attack":           readTechnique,
	"Filename":         readName,
	"Email Attachment": readAttachment,
	"File Path":        readPath,
	"Registry Key":     readRegistryKey,
	"Mutex":            simple("mutex", "name"),
	"MAC Address":      readMAC,
	"User-agent":       patternOnly(`network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'[*]`),
	"X-Mailer":         patternOnly(`email-message:additional_header_fields.'X-Mailer'[*]`),
	"Email Subject":    patternOnly("email-message:subject"),
}

// simple reads types that have one property.
func simple(kind, property string) func(string) (reading, bool) {
	return func(value string) (reading, bool) { return valued(kind, property, value), true }
}

func valued(kind, property, value string) reading {
	return reading{
		observables: []object{observable(kind, object{property: value})},
		pattern:     pattern(equals(kind+":"+property, value)),
	}
}

// patternOnly reads what is a property of something that nobody has seen.
func patternOnly(path string) func(string) (reading, bool) {
	return func(value string) (reading, bool) { return reading{pattern: pattern(equals(path, value))}, true }
}

func readAddress(value string) (reading, bool) {
	a, err := netip.ParseAddr(value)
	if err != nil || a.Zone() != "" {
		return reading{}, false
	}
	return valued(addressKind(a), "value", a.String()), true
}

func addressKind(a netip.Addr) string {
	if a.Is4() {
		return "ipv4-addr"
	}
	return "ipv6-addr"
}

func readBlock(value string) (reading, bool) {
	p, err := netip.ParsePrefix(value)
	if err != nil {
		return reading{}, false
	}
	kind, block := addressKind(p.Addr()), p.Masked().String()
	return reading{
		observables: []object{observable(kind, object{"value": block})},
		pattern:     pattern(comparison{kind + ":value", "ISSUBSET", block}),
	}, true
}

var hostForm = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

func readHost(value string) (reading, bool) {
	value = strings.TrimSuffix(strings.ToLower(value), ".")
	if len(value) > 253 || !hostForm.MatchString(value) {
		return reading{}, false
	}
	return valued("domain-name", "value", value), true
}

// readURL writes a URL as RFC 3986 wants it, which mails often do not.
func readURL(value string) (reading, bool) {
	value = escapeURL(value)
	u, err := url.Parse(value)
	if err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" && u.Path == "" {
		return reading{}, false
	}
	return valued("url", "value", value), true
}

// inURL are the characters of RFC 3986 beside letters and digits.
const inURL = "-._~:/?#[]@!$&'()*+,;=%"

// escapeURL escapes the bytes that cannot stand where they stand in a URL. It leaves
// alone what it has escaped.
func escapeURL(s string) string {
	const digits = "0123456789ABCDEF"
	host, fragment := hostEnd(s), strings.IndexByte(s, '#')
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		allowed := alphanumeric(c) || strings.IndexByte(inURL, c) >= 0
		switch c {
		case '%':
			allowed = i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])
		case '[', ']':
			allowed = i < host // of an IPv6 address
		case '#':
			allowed = i == fragment
		}
		if allowed {
			out.WriteByte(c)
			continue
		}
		out.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return out.String()
}

// hostEnd is where the path of a URL begins.
func hostEnd(s string) int {
	scheme := strings.Index(s, "://")
	if scheme < 0 {
		return 0
	}
	if path := strings.IndexAny(s[scheme+3:], "/?#"); path >= 0 {
		return scheme + 3 + path
	}
	return len(s)
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func readMailbox(value string) (reading, bool) {
	if !addressForm.MatchString(value) {
		return reading{}, false
	}
	return valued("email-addr", "value", value), true
}

func readDigest(algorithm string, digits int) func(string) (reading, bool) {
	return func(value string) (reading, bool) {
		value = strings.ToLower(value)
		if len(value) != digits || !hexForm.MatchString(value) {
			return reading{}, false
		}
		return hashed(algorithm, value), true
	}
}

// fuzzyForm is what ssdeep writes, without the file name.
var fuzzyForm = regexp.MustCompile(`^[0-9]{1,10}:[A-Za-z0-9/+]{1,64}:[A-Za-z0-9/+]{1,64}$`)

func readFuzzy(value string) (reading, bool) {
	if !fuzzyForm.MatchString(value) {
		return reading{}, false
	}
	return hashed("SSDEEP", value), true
}

func hashed(algorithm, value string) reading {
	return reading{
		observables: []object{observable("file", object{"hashes": hashes{algorithm: value}})},
		pattern:     pattern(equals("file:hashes.'"+algorithm+"'", value)),
	}
}

var (
	cveForm       = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`)
	techniqueForm = regexp.MustCompile(`^(T[0-9]{4})(?:\.([0-9]{3}))?$`)
)

func readCVE(value string) (reading, bool) {
	value = strings.ToUpper(value)
	if !cveForm.MatchString(value) {
		return reading{}, false
	}
	return reading{known: publicObject("vulnerability", value, object{"source_name": "cve", "external_id": value})}, true
}

// readTechnique reads techniques of ATT&CK. Its tactics (TA0043) are no attack
// patterns, and stay notes.
func readTechnique(value string) (reading, bool) {
	value = strings.ToUpper(value)
	m := techniqueForm.FindStringSubmatch(value)
	if m == nil {
		return reading{}, false
	}
	place := "https://attack.mitre.org/techniques/" + m[1]
	if m[2] != "" {
		place += "/" + m[2]
	}
	return reading{known: publicObject("attack-pattern", value, object{"source_name": "mitre-attack", "external_id": value, "url": place})}, true
}

func readASN(value string) (reading, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(value), "AS"), 10, 32)
	if err != nil {
		return reading{}, false
	}
	return reading{
		observables: []object{observable("autonomous-system", object{"number": int64(n)})},
		pattern:     pattern(equals("autonomous-system:number", int64(n))),
	}, true
}

func readName(value string) (reading, bool) { return valued("file", "name", value), true }

func readAttachment(value string) (reading, bool) {
	return reading{
		observables: []object{observable("file", object{"name": value})},
		pattern:     pattern(equals("email-message:body_multipart[*].body_raw_ref.name", value)),
	}, true
}

func readPath(value string) (reading, bool) {
	cut := strings.LastIndexAny(value, `/\`)
	if cut < 0 {
		return readName(value)
	}
	folder, name := value[:cut], value[cut+1:]
	if folder == "" || strings.HasSuffix(folder, ":") {
		folder = value[:cut+1] // a root is written with its separator
	}
	dir := observable("directory", object{"path": folder})
	if name == "" {
		return reading{[]object{dir}, pattern(equals("directory:path", folder)), nil}, true
	}
	file := observable("file", object{"name": name, "parent_directory_ref": dir["id"]})
	return reading{[]object{dir, file}, pattern(equals("file:parent_directory_ref.path", folder), equals("file:name", name)), nil}, true
}

// hives are the short names of hives, which the standard does not take
// (section 6.17).
var hives = map[string]string{
	"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKCR": "HKEY_CLASSES_ROOT", "HKU": "HKEY_USERS", "HKCC": "HKEY_CURRENT_CONFIG",
}

func readRegistryKey(value string) (reading, bool) {
	hive, rest, _ := strings.Cut(value, `\`)
	if long, ok := hives[strings.ToUpper(strings.TrimSuffix(hive, ":"))]; ok {
		value = long + `\` + rest
	}
	return valued("windows-registry-key", "key", strings.TrimSuffix(value, `\`)), true
}

var macForm = regexp.MustCompile(`^[0-9a-f]{2}(:[0-9a-f]{2}){5}$`)

func readMAC(value string) (reading, bool) {
	value = strings.ToLower(value)
	if !macForm.MatchString(value) {
		return reading{}, false
	}
	return valued("mac-addr", "value", value), true
}
