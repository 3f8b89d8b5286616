package threatqsim

import (
	"net"
	"net/netip"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// normalised is what the platform makes of a value.
type normalised struct {
	typ, value string
	attributes []wire.Attribute
	derived    []Indicator
}

// refanged are the spellings that are undone before anything else.
var refanged = strings.NewReplacer("[.]", ".", "(.)", ".", "[dot]", ".", "(dot)", ".", "[at]", "@", "(at)", "@", "[@]", "@", "[:]", ":",
	"hxxp://", "http://", "hxxps://", "https://", "hXXp://", "http://", "hXXps://", "https://")

// schemes are cut off URLs and kept as an attribute.
var schemes = []string{"http", "https", "ftp", "ftps"}

// normalise does what the vendor's manual says: quotes and spaces around a value
// go, it is refanged, a scheme becomes an attribute, a URL without a path an
// FQDN, the port of an address an attribute, the query of a URL goes. With
// derive, a URL brings its host.
func normalise(typ, value string, derive bool) normalised {
	out := normalised{typ: typ, value: refanged.Replace(strings.Trim(value, " \t\r\n\"'"))}
	switch typ {
	case "URL":
		out.url(derive)
	case "IP Address":
		out.cutPort()
	case "FQDN", "Email Address":
		out.value = strings.ToLower(strings.TrimSuffix(out.value, "."))
	}
	if out.value == "" {
		out.value = value // what would vanish stays as it is
	}
	return out
}

func (n *normalised) url(derive bool) {
	for _, scheme := range schemes {
		if rest, ok := strings.CutPrefix(n.value, scheme+"://"); ok {
			n.value = rest
			n.attributes = append(n.attributes, wire.Attribute{Name: "Scheme", Value: scheme})
			break
		}
	}
	n.value, _, _ = strings.Cut(n.value, "?")
	host, path, _ := strings.Cut(n.value, "/")
	bare, _, err := net.SplitHostPort(host)
	if err != nil {
		bare = host
	}
	typ := "FQDN"
	if _, err := netip.ParseAddr(bare); err == nil {
		typ = "IP Address"
	}
	switch {
	case path == "" && bare != "":
		n.typ, n.value = typ, strings.ToLower(bare)
	case derive && bare != "":
		n.derived = append(n.derived, Indicator{typ, strings.ToLower(bare)})
	}
}

func (n *normalised) cutPort() {
	host, port, err := net.SplitHostPort(n.value)
	if err != nil {
		return
	}
	n.value = host
	n.attributes = append(n.attributes, wire.Attribute{Name: "Port", Value: port})
}
