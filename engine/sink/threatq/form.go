package threatq

import (
	"net/netip"
	"net/url"
	"strings"
)

// identity is what an indicator is known by, in the form in which two are
// compared: lower case, no outer space.
type identity struct{ typ, value string }

func newIdentity(typ, value string) identity {
	return identity{strings.ToLower(strings.TrimSpace(typ)), strings.ToLower(strings.TrimSpace(value))}
}

// forms are the identities under which a server may have stored an indicator,
// the likeliest first. A server that normalises strips quotes, writes dots as
// dots, takes the scheme and the query off a URL, makes a host name or an address
// of a URL without a path, and takes the port off an address (facts of the
// vendor's manual; what it derives beside is an indicator of its own).
func forms(typ, value string) []identity {
	all := []identity{newIdentity(typ, value)}
	add := func(typ, value string) {
		id := newIdentity(typ, value)
		for _, known := range all {
			if known == id {
				return
			}
		}
		if id.value != "" {
			all = append(all, id)
		}
	}
	plain := refanged(strings.Trim(strings.TrimSpace(value), `"'`))
	add(typ, plain)
	switch typ {
	case "URL":
		for _, f := range urlForms(plain) {
			add(f.typ, f.value)
		}
	case "IP Address", "IPv6 Address", "FQDN":
		host, _, _ := splitPort(plain)
		add(typ, host)
		if a, err := netip.ParseAddr(host); err == nil {
			add(addressType(a), a.String())
		}
		add(typ, strings.TrimSuffix(host, "."))
	}
	return all
}

// urlForms are a URL without scheme, without query and fragment, and, if nothing
// follows its host, the host itself.
func urlForms(value string) []identity {
	rest := value
	if i := strings.Index(value, "://"); i >= 0 {
		rest = value[i+3:]
	}
	bare, _, _ := strings.Cut(rest, "#")
	short, _, _ := strings.Cut(bare, "?")
	var all []identity
	add := func(typ string, values ...string) {
		for _, v := range values {
			all = append(all, identity{typ, v})
		}
	}
	add("URL", rest, strings.TrimSuffix(rest, "/"), bare, short, strings.TrimSuffix(short, "/"))
	prefix := strings.TrimSuffix(value, rest)
	add("URL", prefix+bare, prefix+short, strings.TrimSuffix(prefix+short, "/"))
	if unescaped, err := url.PathUnescape(short); err == nil {
		add("URL", unescaped)
	}
	host, path, _ := strings.Cut(short, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if path != "" {
		return all
	}
	name, _, _ := splitPort(host)
	add("FQDN", name, host)
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		add(addressType(a), a.String())
	}
	return all
}

func addressType(a netip.Addr) string {
	if a.Is4() || a.Is4In6() {
		return "IP Address"
	}
	return "IPv6 Address"
}

// splitPort takes a port off a host; an IPv6 address has one only in brackets.
func splitPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.Count(s, ":") > 1 && !strings.Contains(s[:i], "]") {
		return s, "", false
	}
	for _, r := range s[i+1:] {
		if r < '0' || r > '9' {
			return s, "", false
		}
	}
	return s[:i], s[i+1:], true
}

var dots = strings.NewReplacer("[.]", ".", "(.)", ".", "[dot]", ".", "[at]", "@", "[:]", ":")

func refanged(s string) string {
	s = dots.Replace(s)
	for _, p := range []string{"hxxps://", "hxxp://"} {
		if len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) {
			return "http" + s[4:]
		}
	}
	return s
}
