package names

import (
	"encoding/base64"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// maxLayers is how many wrappers inside each other are opened.
const maxLayers = 3

// Unwrap returns the names of the services that wrapped a URL, outermost
// first, and the canonical innermost target. Both are empty when nothing was
// wrapped or the target cannot be read offline (see Opaque).
func Unwrap(u engine.URL) (encoders []string, original string) {
	for range maxLayers {
		name, target := unwrapOnce(&u)
		if target == "" {
			break
		}
		inner, ok := SplitURL(target)
		if !ok || inner.Domain.Domain == "" || !isSpecial(inner.Scheme) {
			break
		}
		encoders, original, u = append(encoders, name), inner.URL, inner
	}
	return encoders, original
}

// UnwrapOnce opens the outermost wrapper only. The target is as the service
// carried it, not yet parsed.
func UnwrapOnce(u engine.URL) (encoder, target string) { return unwrapOnce(&u) }

// unwrapOnce is the table of services, keyed by registrable domain.
func unwrapOnce(u *engine.URL) (encoder, target string) {
	host := u.Domain.Domain
	switch u.Domain.RootDomain {
	case "outlook.com", "outlook.cn", "office365.us", "office.net":
		if strings.Contains(host, "safelinks.") || strings.Contains(u.Path, "/safelinks/") {
			return "safelinks", link(param(u, "url"))
		}
	case "proofpoint.com", "urldefense.com", "urldefense.us":
		if strings.HasPrefix(host, "urldefense.") {
			return "urldefense", urlDefense(u)
		}
	case "bing.com":
		switch {
		case strings.HasPrefix(u.Path, "/ck/"):
			return "bing", bing(param(u, "u"))
		case strings.HasPrefix(u.Path, "/alink/"):
			return "bing", link(param(u, "url"))
		}
	case "cudasvc.com":
		if strings.HasPrefix(host, "linkprotect.") {
			return "barracuda", link(param(u, "a"))
		}
	case "cisco.com":
		if strings.HasPrefix(host, "secure-web.") {
			return "cisco", cisco(u)
		}
	case "fireeye.com", "trellix.com":
		if strings.HasPrefix(host, "protect") || strings.Contains(host, ".protect") {
			return "fireeye", link(param(u, "u"))
		}
	case "sophos.com":
		if strings.HasSuffix(host, "protection.sophos.com") {
			return "sophos", link(decode64(param(u, "u")))
		}
	case "facebook.com", "instagram.com", "messenger.com":
		if strings.HasPrefix(host, "l.") || strings.HasPrefix(host, "lm.") || u.Path == "/l.php" || u.Path == "/flx/warn/" {
			return "facebook", link(param(u, "u"))
		}
	case "linkedin.com":
		if strings.HasPrefix(u.Path, "/redir/") || strings.HasPrefix(u.Path, "/safety/go") {
			return "linkedin", link(param(u, "url"))
		}
	case "youtube.com":
		if u.Path == "/redirect" || u.Path == "/attribution_link" {
			return "youtube", link(param(u, "q"))
		}
	case "trendmicro.com":
		if strings.HasPrefix(u.Path, "/wis/clicktime/") {
			return "trendmicro", link(param(u, "url"))
		}
	case "symantec.com":
		if strings.HasPrefix(host, "clicktime.") {
			return "symantec", link(param(u, "u"))
		}
	case "edgepilot.com":
		return "edgepilot", link(param(u, "u"))
	case "slack-redir.net":
		return "slack", link(param(u, "url"))
	case "doubleclick.net", "googleadservices.com":
		return "google", link(param(u, "adurl"))
	case "ampproject.org":
		return "google", ampCache(u)
	case "checkpoint.com", "avanan.click":
		return "checkpoint", underscored(u)
	default:
		if r, ok := redirectors[u.Domain.RootDomain]; ok {
			return r.open(u)
		}
		if u.Domain.SLD == "google" {
			return "google", google(u)
		}
	}
	return "", ""
}

// redirector is a service that carries its target in one parameter.
type redirector struct {
	name, host, path string // host and path: what they start with
	param            string
}

// redirectors are those of which no more is to be known than that, by
// registrable domain.
var redirectors = map[string]redirector{
	"steamcommunity.com": {name: "steam", path: "/linkfilter/", param: "url"},
	"vk.com":             {name: "vk", path: "/away.php", param: "to"},
	"reddit.com":         {name: "reddit", host: "out.", param: "url"},
	"duckduckgo.com":     {name: "duckduckgo", path: "/l/", param: "uddg"},
	"deref-gmx.net":      {name: "gmx", param: "redirectUrl"},
	"deref-gmx.com":      {name: "gmx", param: "redirectUrl"},
	"deref-web.de":       {name: "web.de", param: "redirectUrl"},
	"deref-mail.com":     {name: "mail.com", param: "redirectUrl"},
	"azure.net":          {name: "safelinks", host: "nam.safelink.emails.", param: "destination"},
	"umblr.com":          {name: "tumblr", path: "/redirect", param: "z"},
	"wl.co":              {name: "whatsapp", host: "l.", param: "u"},
	"zhihu.com":          {name: "zhihu", host: "link.", param: "target"},
	"weibo.cn":           {name: "weibo", path: "/sinaurl", param: "u"},
	"weibo.com":          {name: "weibo", path: "/sinaurl", param: "u"},
	"googleweblight.com": {name: "google", param: "u"},
	"trustwave.com":      {name: "trustwave", host: "scanmail.", param: "u"},
	"esvalabs.com":       {name: "esva", host: "urlsand.", param: "u"},
	"medium.com":         {name: "medium", path: "/r/", param: "url"},
	"exit.sc":            {name: "soundcloud", param: "url"},
	"ok.ru":              {name: "ok.ru", path: "/dk", param: "st.link"},
	"yandex.ru":          {name: "yandex", path: "/clck/", param: "url"},
	"skype.com":          {name: "skype", host: "sf.", param: "url"},
	"discogs.com":        {name: "discogs", host: "ads.", param: "url"},
}

func (r redirector) open(u *engine.URL) (encoder, target string) {
	if !strings.HasPrefix(u.Domain.Domain, r.host) || !strings.HasPrefix(u.Path, r.path) {
		return "", ""
	}
	return r.name, link(param(u, r.param))
}

// ampCache reads "/c/s/host/path" of the cache that Google keeps of AMP pages:
// a letter or two for the kind of content, and s for https.
func ampCache(u *engine.URL) string {
	for _, kind := range [...]string{"/c/", "/v/", "/i/", "/wp/"} {
		if !strings.HasPrefix(u.Path, kind) {
			continue
		}
		if strings.HasPrefix(u.Path, kind+"s/") {
			return "https://" + after(u, kind+"s/")
		}
		return "http://" + after(u, kind)
	}
	return ""
}

// underscored reads "/v2/___https://host/path___.token".
func underscored(u *engine.URL) string {
	_, rest, ok := strings.Cut(after(u, ""), "___")
	if !ok {
		return ""
	}
	target, _, _ := strings.Cut(rest, "___")
	return link(mendSlashes(target))
}

// link keeps a target that names its scheme: wrappers carry whole URLs, and a
// search word in the same parameter is none.
func link(s string) string {
	scheme, rest := cutScheme(s)
	if !isSpecial(scheme) || countSlashes(rest, true) == 0 {
		return ""
	}
	return s
}

// param returns the first value of a query parameter, decoded.
func param(u *engine.URL, name string) string {
	for query := u.QueryParams; query != ""; {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		pair = strings.TrimPrefix(pair, "amp;") // a source that escaped its ampersands twice
		if len(pair) > len(name) && pair[len(name)] == '=' && strings.EqualFold(pair[:len(name)], name) {
			return unescape(pair[len(name)+1:], true)
		}
	}
	return ""
}

// google reads the redirector (/url?q= or url=) and AMP pages (/amp/s/host/path).
func google(u *engine.URL) string {
	switch {
	case u.Path == "/aclk" || u.Path == "/pagead/aclk":
		return link(param(u, "adurl"))
	case u.Path == "/url" || u.Path == "/url/" || u.Path == "/maps/url":
		if t := link(param(u, "q")); t != "" {
			return t
		}
		return link(param(u, "url"))
	case strings.HasPrefix(u.Path, "/amp/s/"):
		return "https://" + after(u, "/amp/s/")
	case strings.HasPrefix(u.Path, "/amp/"):
		return "http://" + after(u, "/amp/")
	}
	return ""
}

// after is everything of the URL behind a prefix of its path.
func after(u *engine.URL, prefix string) string {
	s := u.Path[len(prefix):]
	if u.QueryParams != "" {
		s += "?" + u.QueryParams
	}
	if u.Fragment != "" {
		s += "#" + u.Fragment
	}
	return s
}

// bing reads "a1" and URL-safe base64; a target on bing itself is relative and none of ours.
func bing(s string) string {
	if !strings.HasPrefix(s, "a1") {
		return ""
	}
	return link(decode64(s[2:]))
}

// cisco reads /token/percent-encoded-target.
func cisco(u *engine.URL) string {
	if u.Path == "" {
		return ""
	}
	_, target, _ := strings.Cut(u.Path[1:], "/")
	return link(mendSlashes(unescape(target, false)))
}

// urlDefense reads the three generations of the service: v1 carries the target
// percent-encoded, v2 with '-' for '%' and '_' for '/', v3 see urlDefense3.
func urlDefense(u *engine.URL) string {
	switch {
	case strings.HasPrefix(u.Path, "/v1/"):
		return link(param(u, "u"))
	case strings.HasPrefix(u.Path, "/v2/"):
		return link(unescape(strings.NewReplacer("-", "%", "_", "/").Replace(param(u, "u")), false))
	case strings.HasPrefix(u.Path, "/v3/__"):
		return link(urlDefense3(after(u, "/v3/__")))
	}
	return ""
}

// runLengths names the lengths of runs in v3: A is 2, B is 3, and so on.
const runLengths = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// urlDefense3 reads target__;base64!... Each "*" of the target stands for the
// next character of the decoded base64, each "**X" for a run of them whose
// length X names. A gateway on the way may have made one slash of two.
func urlDefense3(s string) string {
	target, rest, ok := strings.Cut(s, "__;")
	if !ok {
		target, _, _ = strings.Cut(s, "__")
	}
	target = mendSlashes(target)
	if strings.IndexByte(target, '*') < 0 {
		return target
	}
	token, _, _ := strings.Cut(rest, "!")
	chars := []rune(decode64(token))
	take := func(n int) string {
		n = min(n, len(chars))
		s := string(chars[:n])
		chars = chars[n:]
		return s
	}
	var b strings.Builder
	for i := 0; i < len(target); i++ {
		switch {
		case target[i] != '*':
			b.WriteByte(target[i])
		case i+2 < len(target) && target[i+1] == '*' && strings.IndexByte(runLengths, target[i+2]) >= 0:
			b.WriteString(take(strings.IndexByte(runLengths, target[i+2]) + 2))
			i += 2
		default:
			b.WriteString(take(1))
		}
	}
	return b.String()
}

// mendSlashes makes "https:/host" whole.
func mendSlashes(s string) string {
	scheme, rest := cutScheme(s)
	if isSpecial(scheme) && countSlashes(rest, false) == 1 {
		return scheme + ":/" + rest
	}
	return s
}

// decode64 decodes base64 of either alphabet, padded or not; "" if it is none.
func decode64(s string) string {
	s = strings.TrimRight(strings.ReplaceAll(s, " ", "+"), "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	b, err := enc.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}

// Opaque tells whether a URL leads to a redirector whose target cannot be
// known offline: a token of a link-protection service or a link shortener.
func Opaque(u engine.URL) bool {
	if len(u.Path) < 2 {
		return false
	}
	host := u.Domain.Domain
	switch u.Domain.RootDomain {
	case "mimecast.com", "mimecastprotect.com":
		return strings.HasPrefix(u.Path, "/s/") || strings.HasPrefix(u.Path, "/r/")
	case "linkedin.com":
		return u.Path == "/slink"
	case "app.link", "page.link", "sng.link":
		return true
	case "emailprotection.link":
		return strings.HasPrefix(host, "url.")
	}
	return shorteners[strings.TrimPrefix(host, "www.")]
}

// shorteners are hosts whose paths are tokens.
var shorteners = map[string]bool{
	"t.co": true, "bit.ly": true, "j.mp": true, "bitly.com": true, "tinyurl.com": true, "goo.gl": true,
	"ow.ly": true, "is.gd": true, "v.gd": true, "buff.ly": true, "lnkd.in": true, "rebrand.ly": true,
	"cutt.ly": true, "rb.gy": true, "t.ly": true, "s.id": true, "shorturl.at": true, "tiny.cc": true,
	"bl.ink": true, "urlz.fr": true, "u.to": true, "goo.su": true, "clck.ru": true, "vk.cc": true,
	"qrco.de": true, "me-qr.com": true, "l.ead.me": true, "adf.ly": true, "soo.gd": true, "t2m.io": true,
	"surl.li": true, "shorturl.asia": true, "tny.im": true, "hyperurl.co": true, "dlvr.it": true,
	"trib.al": true, "db.tt": true, "fb.me": true, "aka.ms": true, "1drv.ms": true,
	"msft.it": true, "amzn.to": true, "ift.tt": true, "x.co": true, "snip.ly": true, "shrtco.de": true,
	"forms.gle": true, "g.co": true, "spoti.fi": true, "wp.me": true, "tr.ee": true, "n9.cl": true,
}
