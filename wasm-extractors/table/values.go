package main

import "strings"

// anyForm is the form of a column whose cells may be anything that has a form of
// its own.
const anyForm = "any"

// piece is a value of a cell and where it stands in the text.
type piece struct {
	form, value string
	start, end  int
}

// pieces are the values of a cell: the cell itself when it fits its form, else what
// fits of its words.
func pieces(c cell, form string) (all []piece) {
	if c.value == "" {
		return nil
	}
	if value, is := fit(c.value, form); is != "" {
		return []piece{{is, value, c.start, c.end}}
	}
	for from := 0; from < len(c.value); {
		size := strings.IndexAny(c.value[from:], " \t\r\n,;|")
		if size < 0 {
			size = len(c.value) - from
		}
		if value, is := fit(c.value[from:from+size], form); is != "" {
			all = append(all, c.part(is, value, from, size))
		}
		from += size + 1
	}
	return all
}

// part is a piece of a cell. Where quotes were doubled, its place is the cell's.
func (c *cell) part(form, value string, from, size int) piece {
	if !c.exact {
		return piece{form, value, c.start, c.end}
	}
	return piece{form, value, c.start + from, c.start + from + size}
}

// fit refangs a text and tells its type when it has the form that is asked for; ""
// when it has not.
func fit(s, form string) (value, is string) {
	value = refang(s)
	switch form {
	case "url":
		value, is = fitURL(value)
	case "email":
		is = keep(isEmail(value), "email")
	case "filename":
		is = keep(isFileName(s), "filename")
		value = s
	case "hash":
		is = hashType(value)
	case "host":
		value = withoutPort(value)
		is = hostType(value)
	case "cve":
		is = keep(isCVE(value), "cve")
	case "cidr":
		is = keep(isCIDR(value), "cidr")
	default:
		value = withoutPort(value)
		is = guess(value)
		if form != anyForm && is != form {
			is = ""
		}
	}
	return value, is
}

// fitURL reads what stands in a column of URLs: one, one without its scheme, or only
// a host.
func fitURL(s string) (value, is string) {
	if !strings.Contains(s, "://") && strings.Contains(s, "/") {
		s = "http://" + s
	}
	if isURL(s) {
		return s, "url"
	}
	s = withoutPort(s)
	return s, hostType(s)
}

// withoutPort cuts a port off behind an IPv4 address or a domain.
func withoutPort(s string) string {
	host, port, found := strings.Cut(s, ":")
	if _, ok := small(port, 5); found && ok && (isIPv4(host) || isDomain(host)) {
		return host
	}
	return s
}

func keep(ok bool, form string) string {
	if ok {
		return form
	}
	return ""
}

// guess tells a type by the form alone.
func guess(s string) string {
	switch {
	case isURL(s):
		return "url"
	case isEmail(s):
		return "email"
	case isCVE(s):
		return "cve"
	case hashType(s) != "":
		return hashType(s)
	case hasFileEnding(s):
		return keep(isFileName(s), "filename")
	}
	return hostType(s)
}

func hostType(s string) string {
	switch {
	case isIPv4(s):
		return "ipv4"
	case isCIDR(s):
		return "cidr"
	case isIPv6(s):
		return "ipv6"
	}
	return keep(isDomain(s), "fqdn")
}

// defanged are the ways in which people make addresses harmless.
var defanged = strings.NewReplacer(
	"hxxp", "http", "hXXp", "http", "HXXP", "http", "h**p", "http", "fxp://", "ftp://",
	"[.]", ".", "(.)", ".", "{.}", ".", "[.", ".", ".]", ".", "[dot]", ".", "(dot)", ".", "{dot}", ".", "[DOT]", ".", "[punkt]", ".", "[point]", ".", "[punto]", ".",
	"[@]", "@", "(@)", "@", "[at]", "@", "(at)", "@", "{at}", "@", "[AT]", "@",
	"[:]", ":", "[://]", "://", ":\\\\", "://", "[/]", "/", `\.`, ".",
)

func refang(s string) string { return strings.Trim(defanged.Replace(s), " \t\r\n<>\"'") }

func isURL(s string) bool {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || rest == "" || strings.ContainsAny(s, " \t\r\n<>\"") {
		return false
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "ftp", "ftps", "sftp", "ws", "wss":
		return true
	}
	return false
}

func isEmail(s string) bool {
	user, host, found := strings.Cut(s, "@")
	return found && user != "" && len(user) <= 64 && isDomain(host) && !strings.ContainsAny(user, " \t<>\",;:")
}

// isDomain wants two labels and more, of which the last has no digits but in its
// punycode.
func isDomain(s string) bool {
	s = strings.TrimSuffix(s, ".")
	labels := strings.Split(s, ".")
	last := labels[len(labels)-1]
	if len(s) > 253 || len(labels) < 2 || len(last) < 2 || strings.ContainsAny(last, "0123456789") && !strings.HasPrefix(last, "xn--") {
		return false
	}
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && c != '-' && c != '_' && c < 0x80 {
			return false
		}
	}
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func isIPv4(s string) bool {
	octets := strings.Split(s, ".")
	for _, o := range octets {
		if n, ok := small(o, 3); !ok || n > 255 || len(o) > 1 && o[0] == '0' {
			return false
		}
	}
	return len(octets) == 4
}

func isCIDR(s string) bool {
	address, bits, found := strings.Cut(s, "/")
	n, ok := small(bits, 3)
	return found && ok && (n <= 32 && isIPv4(address) || n <= 128 && isIPv6(address))
}

// isIPv6 checks the groups; which addresses there are is the host's matter.
func isIPv6(s string) bool {
	groups := strings.Split(s, ":")
	if len(groups) < 3 || len(groups) > 9 || strings.Count(s, "::") > 1 || len(groups) < 8 && !strings.Contains(s, "::") {
		return false
	}
	for i, g := range groups {
		if i == len(groups)-1 && isIPv4(g) {
			continue
		}
		if len(g) > 4 || !isHex(g) {
			return false
		}
	}
	return true
}

// small reads a number of at most size digits.
func small(s string, size int) (n int, ok bool) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, s != "" && len(s) <= size
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

func hashType(s string) string {
	if !isHex(s) {
		return ""
	}
	switch len(s) {
	case 32:
		return "md5"
	case 40:
		return "sha1"
	case 64:
		return "sha256"
	case 96:
		return "sha384"
	case 128:
		return "sha512"
	}
	return ""
}

// isCVE reads "CVE-", a year and four digits and more, in whatever case.
func isCVE(s string) bool {
	if len(s) < 13 || len(s) > 20 || !strings.EqualFold(s[:4], "CVE-") || s[8] != '-' {
		return false
	}
	_, year := small(s[4:8], 4)
	_, number := small(s[9:], 11)
	return year && number
}

// isFileName refuses paths, and texts that are too long to be a name.
func isFileName(s string) bool {
	return s != "" && len(s) <= 255 && strings.Contains(s[1:], ".") && !strings.ContainsAny(s, "/\\:*?\"<>|\t\r\n")
}

// fileEndings are those that are taken for a file's rather than for a domain's, in a
// column that may hold either.
const fileEndings = " exe dll scr bat cmd ps1 vbs vbe js jse wsf hta lnk iso img msi jar apk doc docx docm xls xlsx xlsm xlsb ppt pptx pptm pdf rtf one zip rar 7z gz tar cab ace html htm shtml svg eml msg txt csv "

func hasFileEnding(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	ending := strings.ToLower(s[dot+1:])
	return dot > 0 && !strings.Contains(ending, " ") && strings.Contains(fileEndings, " "+ending+" ")
}
