// Package warninglist tells which values are well known: public resolvers, large
// sites, mail providers, private ranges. Lists are files in the form of MISP's
// warninglists, which users supply; none is in here.
//
// A file is a JSON object with a name, a type, what attributes it is about
// (matching_attributes; all when there are none), and the list. The types:
//
//	string     the value itself, without regard to case
//	substring  the value holds it
//	hostname   the host of the value is it, or is below it
//	cidr       the address lies within; a block that lies wholly within, too
//	regex      the value fits; a pattern between slashes may have flags behind them
//
// Values are looked up in a table of hosts by their labels and in one of prefixes by
// their length, so that 100,000 entries cost no more than ten; substrings and patterns
// are tried one by one, and there are few of them.
package warninglist

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

const (
	maxFile     = 256 << 20 // bytes of one list
	maxEntries  = 5_000_000
	maxTried    = 20_000 // substrings and patterns of all lists
	maxProblems = 20     // told of one list
)

// Set is several lists. It is built once, and then safe for concurrent use.
type Set struct {
	names    []string
	about    [][]string          // types by list; nil: all
	values   map[string][]uint32 // lists by value in lower case
	hosts    map[string][]uint32 // by host
	prefixes map[netip.Prefix][]uint32
	lengths  []int // of prefixes that there are, of IPv6 ones plus 200, sorted from the longest
	holds    []tried
	fits     []tried
}

// tried is what is tried one by one.
type tried struct {
	list    uint32
	text    string
	pattern *regexp.Regexp
}

// New is a set without lists.
func New() *Set {
	return &Set{values: map[string][]uint32{}, hosts: map[string][]uint32{}, prefixes: map[netip.Prefix][]uint32{}}
}

// file is a list as it stands in its file.
type file struct {
	Name  string          `json:"name"`
	Type  string          `json:"type"`
	About []string        `json:"matching_attributes"`
	List  json.RawMessage `json:"list"`
}

// Add reads a list. Problems are entries that were left out; after an error nothing of
// the list counts.
func (s *Set) Add(r io.Reader) (problems []string, err error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("a list of more than %d bytes: %w", maxFile, engine.ErrLimit)
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("no warninglist: %w", err)
	}
	entries, err := f.entries()
	if err != nil {
		return nil, err
	}
	add, err := s.adder(f.Type)
	if err != nil {
		return nil, err
	}
	list := uint32(len(s.names))
	s.names, s.about = append(s.names, f.Name), append(s.about, typesOf(f.About))
	for _, e := range entries {
		if err := add(list, strings.TrimSpace(e)); err != nil && len(problems) < maxProblems {
			problems = append(problems, fmt.Sprintf("%.100q: %v", e, err))
		}
	}
	slices.SortFunc(s.lengths, func(a, b int) int { return b - a })
	return problems, nil
}

// entries are a list of texts, or an object whose values are.
func (f *file) entries() (all []string, err error) {
	if f.Name == "" {
		return nil, errors.New("no warninglist: it has no name")
	}
	if err := json.Unmarshal(f.List, &all); err != nil {
		var byKey map[string]string
		if json.Unmarshal(f.List, &byKey) != nil {
			return nil, errors.New("no warninglist: its list is no list of texts")
		}
		for _, v := range byKey {
			all = append(all, v)
		}
		slices.Sort(all)
	}
	if len(all) > maxEntries {
		return nil, fmt.Errorf("a list of %d entries, more than %d: %w", len(all), maxEntries, engine.ErrLimit)
	}
	return all, nil
}

// adder is what takes entries of a type.
func (s *Set) adder(typ string) (func(list uint32, e string) error, error) {
	switch typ {
	case "string", "":
		return func(list uint32, e string) error { return put(s.values, strings.ToLower(e), list) }, nil
	case "hostname":
		return func(list uint32, e string) error {
			return put(s.hosts, strings.Trim(strings.ToLower(hostOf(e)), "."), list)
		}, nil
	case "cidr":
		return s.addPrefix, nil
	case "substring":
		return func(list uint32, e string) error {
			return s.try(&s.holds, tried{list: list, text: strings.ToLower(e)})
		}, nil
	case "regex":
		return s.addPattern, nil
	}
	return nil, fmt.Errorf("a list of type %.40q: want string, substring, hostname, cidr or regex", typ)
}

func put(table map[string][]uint32, key string, list uint32) error {
	if key == "" {
		return errors.New("nothing")
	}
	if !slices.Contains(table[key], list) {
		table[key] = append(table[key], list)
	}
	return nil
}

func (s *Set) try(to *[]tried, t tried) error {
	if t.text == "" && t.pattern == nil {
		return errors.New("nothing")
	}
	if len(s.holds)+len(s.fits) >= maxTried {
		return fmt.Errorf("more than %d substrings and patterns", maxTried)
	}
	*to = append(*to, t)
	return nil
}

func (s *Set) addPrefix(list uint32, e string) error {
	p, err := prefixOf(e)
	if err != nil {
		return err
	}
	if !slices.Contains(s.prefixes[p], list) {
		s.prefixes[p] = append(s.prefixes[p], list)
	}
	if n := lengthOf(p); !slices.Contains(s.lengths, n) {
		s.lengths = append(s.lengths, n)
	}
	return nil
}

// prefixOf reads a block, or an address as the block of it alone.
func prefixOf(e string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(e); err == nil {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked(), nil
	}
	a, err := netip.ParseAddr(e)
	if err != nil {
		return netip.Prefix{}, errors.New("neither an address nor a block")
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// ofIPv6 tells lengths of IPv6 from those of IPv4.
const ofIPv6 = 200

func lengthOf(p netip.Prefix) int {
	if p.Addr().Is6() {
		return p.Bits() + ofIPv6
	}
	return p.Bits()
}

// addPattern takes a pattern as it is, or between slashes with flags behind them.
func (s *Set) addPattern(list uint32, e string) error {
	if len(e) > 1 && e[0] == '/' {
		if end := strings.LastIndexByte(e, '/'); end > 0 {
			flags := strings.Map(func(r rune) rune {
				if strings.ContainsRune("ims", r) {
					return r
				}
				return -1
			}, e[end+1:])
			e = e[1:end]
			if flags != "" {
				e = "(?" + flags + ")" + e
			}
		}
	}
	p, err := regexp.Compile(e)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return s.try(&s.fits, tried{list: list, pattern: p})
}

// Len is the number of lists.
func (s *Set) Len() int { return len(s.names) }

// Lists names the lists that a value of a type (rule name) is on, in the order in which
// they were added.
func (s *Set) Lists(typ, value string) []string {
	if len(s.names) == 0 {
		return nil
	}
	var on []uint32
	lower := strings.ToLower(value)
	on = append(on, s.values[lower]...)
	on = s.byHost(on, typ, lower)
	on = s.byAddress(on, typ, value)
	for _, t := range s.holds {
		if strings.Contains(lower, t.text) {
			on = append(on, t.list)
		}
	}
	for _, t := range s.fits {
		if t.pattern.MatchString(value) {
			on = append(on, t.list)
		}
	}
	slices.Sort(on)
	var names []string
	for _, list := range slices.Compact(on) {
		if s.about[list] == nil || slices.Contains(s.about[list], typ) {
			names = append(names, s.names[list])
		}
	}
	return names
}

// byHost looks a host up, and all that it is below.
func (s *Set) byHost(on []uint32, typ, value string) []uint32 {
	host := ""
	switch typ {
	case "FQDN":
		host = value
	case "URL":
		host = hostOf(value)
	case "Email Address":
		_, host, _ = strings.Cut(value, "@")
	}
	for host != "" {
		on = append(on, s.hosts[host]...)
		_, host, _ = strings.Cut(host, ".")
	}
	return on
}

// hostOf is the host of a URL, or what stands there when it is none.
func hostOf(value string) string {
	if !strings.Contains(value, "://") {
		host, _, _ := strings.Cut(value, "/")
		return host
	}
	u, err := url.Parse(value)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (s *Set) byAddress(on []uint32, typ, value string) []uint32 {
	switch typ {
	case "IP Address", "IPv6 Address", "CIDR Block":
	case "URL":
		value = hostOf(value)
	default:
		return on
	}
	at, err := prefixOf(strings.Trim(value, "[]"))
	if err != nil {
		return on
	}
	for _, n := range s.lengths {
		bits, six := n, at.Addr().Is6()
		if n >= ofIPv6 {
			bits -= ofIPv6
		}
		if six != (n >= ofIPv6) || bits > at.Bits() {
			continue
		}
		on = append(on, s.prefixes[netip.PrefixFrom(at.Addr(), bits).Masked()]...)
	}
	return on
}

// attributes are MISP's types of attributes and ours.
var attributes = map[string][]string{
	"hostname": {"FQDN"}, "domain": {"FQDN"}, "domain|ip": {"FQDN", "IP Address", "IPv6 Address", "CIDR Block"}, "hostname|port": {"FQDN"},
	"ip-src": {"IP Address", "IPv6 Address", "CIDR Block"}, "ip-dst": {"IP Address", "IPv6 Address", "CIDR Block"}, "ip-src|port": {"IP Address", "IPv6 Address"}, "ip-dst|port": {"IP Address", "IPv6 Address"},
	"url": {"URL"}, "uri": {"URL"}, "link": {"URL"},
	"email": {"Email Address"}, "email-src": {"Email Address"}, "email-dst": {"Email Address"}, "email-reply-to": {"Email Address"}, "whois-registrant-email": {"Email Address"},
	"md5": {"MD5"}, "sha1": {"SHA-1"}, "sha256": {"SHA-256"}, "sha384": {"SHA-384"}, "sha512": {"SHA-512"}, "ssdeep": {"Fuzzy Hash"},
	"filename": {"Filename"}, "filename|md5": {"Filename", "MD5"}, "filename|sha1": {"Filename", "SHA-1"}, "filename|sha256": {"Filename", "SHA-256"},
	"AS": {"ASN"}, "vulnerability": {"CVE"}, "user-agent": {"User-agent"}, "mutex": {"Mutex"}, "regkey": {"Registry Key"}, "mac-address": {"MAC Address"}, "btc": {"btc"}, "xmr": {"xmr"}, "dash": {"dash"},
}

// typesOf are our types for MISP's; nil: all. What we have no type for says nothing.
func typesOf(about []string) []string {
	if len(about) == 0 {
		return nil
	}
	all := []string{}
	for _, a := range about {
		all = append(all, attributes[a]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
