package extract

// Rule names of the types, as in engine.IndicatorTypes.
const (
	typeIPv4, typeIPv6, typeCIDR  = "IP Address", "IPv6 Address", "CIDR Block"
	typeFQDN, typeURL, typeEmail  = "FQDN", "URL", "Email Address"
	typeCVE, typeASN              = "CVE", "ASN"
	typeFilename, typeFilePath    = "Filename", "File Path"
	typeRegKey, typeMutex         = "Registry Key", "Mutex"
	typeUserAgent, typeXMailer    = "User-agent", "X-Mailer"
	typeSSDeep                    = "Fuzzy Hash"
	typeBTC, typeETH, typeXMR     = "btc", "eth", "xmr"
	typeAttack, typeYARA          = "attack", "yara"
	typeMD5, typeSHA1, typeSHA256 = "MD5", "SHA-1", "SHA-256"
	typeSHA384, typeSHA512        = "SHA-384", "SHA-512"
	typeMAC                       = "MAC Address"
)

var types = append([]string{
	typeIPv4, typeIPv6, typeCIDR, typeFQDN, typeURL, typeEmail, typeMD5, typeSHA1, typeSHA256, typeSHA384, typeSHA512,
	typeSSDeep, typeCVE, typeASN, typeMAC, typeFilename, typeFilePath, typeRegKey, typeMutex, typeUserAgent, typeXMailer,
	typeAttack, typeYARA,
}, walletTypes...)

// Classes of bytes. A word is looked at when the classes of its bytes, ORed,
// hold an anchor.
const (
	letter uint16 = 1 << iota // g to z
	hex                       // a to f
	digit
	dot
	at
	colon
	slash
	backslash
	bracket
	percent
	wide  // UTF-8
	other // the rest of ASCII
	mayBeDot
	space

	anchor = digit | dot | at | colon | slash | backslash | bracket | mayBeDot

	// sign is an anchor that does not need company: digits alone are a number.
	sign = dot | at | colon | slash | backslash | wide | mayBeDot
)

var class = func() (t [256]uint16) {
	for c := range t {
		switch {
		case c <= ' ' || c == 0x7f:
			t[c] = space
		case c|0x20 >= 'a' && c|0x20 <= 'f' && c < 0x80:
			t[c] = hex
		case c|0x20 >= 'g' && c|0x20 <= 'z' && c < 0x80:
			t[c] = letter
		case c >= '0' && c <= '9':
			t[c] = digit
		case c >= 0x80:
			t[c] = wide
		default:
			t[c] = other
		}
	}
	t['.'], t['@'], t[':'], t['/'], t['\\'], t['%'] = dot, at, colon, slash, backslash, percent
	t['['], t['('], t['{'], t['<'], t[']'], t[')'], t['}'], t['>'] = bracket, bracket, bracket, bracket, bracket, bracket, bracket, bracket
	t[0xef] = wide | mayBeDot // full-width forms
	return t
}()

// atomByte are the ASCII bytes of an atom.
var atomByte = byteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_@:/\\+%~")

// localByte are the ASCII bytes of the local part of an address.
var localByte = byteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_+%~=&#$!?^/'")

// hostByte are the ASCII bytes of a host name.
var hostByte = byteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")

// trimLeft and trimRight are what does not belong to the ends of an atom.
var (
	trimLeft  = bytesOf(".-+%~=@")
	trimRight = bytesOf(".-+%~:/_=@")
)

// closing is the punctuation that a sentence ends in.
var closing = bytesOf(".,;:!?'\")>")

func bytesOf(s string) (t [256]bool) {
	for i := 0; i < len(s); i++ {
		t[s[i]] = true
	}
	return t
}

func byteSet(s string) (t [128]bool) {
	for i := 0; i < len(s); i++ {
		t[s[i]] = true
	}
	return t
}

func stringSet(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// extensions are those of files that reports name.
var extensions = stringSet(
	"exe", "dll", "sys", "scr", "bat", "cmd", "ps1", "psm1", "psd1", "vbs", "vbe", "vba", "js", "jse", "wsf", "wsh", "hta", "lnk",
	"msi", "msp", "msix", "appx", "cpl", "jar", "class", "war", "apk", "ipa", "dmg", "pkg", "deb", "rpm", "iso", "img", "vhd",
	"vhdx", "doc", "docx", "docm", "dot", "dotm", "dotx", "xls", "xlsx", "xlsm", "xlsb", "xlt", "xltm", "xll", "xlam", "ppt",
	"pptx", "pptm", "pps", "ppsx", "ppam", "onepkg", "rtf", "odt", "ods", "odp", "pdf", "txt", "csv", "tsv", "log", "xml", "json",
	"jsonl", "yml", "yaml", "toml", "ini", "cfg", "conf", "config", "inf", "reg", "html", "htm", "xhtml", "shtml", "mht", "mhtml",
	"svg", "php", "phtml", "asp", "aspx", "ashx", "jsp", "jspx", "cgi", "zip", "zipx", "rar", "7z", "gz", "tgz", "tar", "bz2", "xz",
	"zst", "lz", "lz4", "lzma", "ace", "arj", "cab", "lzh", "uue", "r00", "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp",
	"ico", "heic", "mp3", "mp4", "avi", "mov", "wav", "wmv", "mkv", "webm", "eml", "msg", "pst", "ost", "ics", "vcf", "p7s", "p7m",
	"cer", "crt", "pem", "key", "pfx", "p12", "kdbx", "db", "sqlite", "mdb", "accdb", "bak", "tmp", "temp", "dat", "bin", "elf",
	"so", "ko", "dylib", "sh", "bash", "zsh", "py", "pyc", "pyw", "pyd", "pl", "pm", "rb", "go", "rs", "cpp", "hpp", "cs", "java",
	"kt", "swift", "ts", "tsx", "jsx", "css", "scss", "md", "rst", "ttf", "otf", "woff", "woff2", "wasm", "swf", "torrent", "rdp",
	"ovpn", "url", "website", "chm", "hlp", "scf", "library-ms", "search-ms", "settingcontent-ms", "application", "appref-ms",
	"gadget", "theme", "diagcab", "msc", "ocx", "drv", "job", "evtx", "evt", "pcap", "pcapng", "yar", "yara", "ipynb", "sql", "dmp",
	"ova", "ovf", "vmdk", "app", "xpi", "crx", "nupkg", "whl", "ps", "psd", "eps", "locked", "encrypted", "enc", "aes", "asc", "gpg",
	"sig", "a3x", "au3", "ahk", "nsi", "bas", "frm", "cls", "mof", "sct", "xsl", "xslt", "xsd", "wsc", "dtd", "plist", "service",
	"desktop", "ko", "lua", "awk", "sed", "vb", "vbproj", "csproj", "sln", "xaml", "cab", "mui", "nls", "tlb", "ax", "pif", "cur", "one", "map",
)

// notClash are extensions that are also listed suffixes and far commoner as such.
var notClash = stringSet("one", "cs", "kt", "service", "sig", "website")

// functionWords are country suffixes that are words: what follows a full stop
// without a space.
var functionWords = stringSet("is", "it", "in", "to", "me", "my", "so", "be", "no", "am", "us", "at", "as", "by", "do", "id", "la", "de", "et", "es", "un", "se", "si", "ma", "il", "je", "na", "pa", "sa", "ne", "re", "im", "an", "ps", "pm", "ms", "mr", "st", "bb", "how", "you", "we", "here", "now", "new", "all", "one", "may", "call", "name", "please", "click", "thank", "off", "are", "can", "ca", "best", "help", "care", "today", "contact", "these", "read", "open", "like", "tell", "watch", "save", "buy", "pay", "today", "yes", "hot", "fast", "free", "work", "art", "day", "boo", "security", "support", "services", "email", "online", "news", "team", "company", "business")

// abbreviations end in a full stop that a sentence may go on behind.
var abbreviations = stringSet("inc", "ltd", "corp", "co", "dr", "mr", "mrs", "ms", "st", "no", "vs", "etc", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "nr", "tel", "fig", "approx", "dept", "est", "gmbh", "llc", "plc", "prof", "sr", "jr", "art", "al", "pp", "vol", "ed", "eds", "ref", "incl", "max", "min", "ca", "bzw", "usw", "ggf", "evtl", "inkl")

// plainSuffixes are what a spoken "dot" may lead to.
var plainSuffixes = stringSet("com", "net", "org", "info", "biz", "edu", "gov", "mil", "int", "io", "ru", "cn", "de", "uk", "fr", "eu", "nl", "pl", "br", "jp", "kr", "ch", "xyz", "top", "online", "site", "club", "app", "dev", "co", "shop", "store", "live", "cc", "tv", "su", "ua", "ir", "onion")

// macWords announce a hardware address.
var macWords = [...]string{"mac", "hwaddr", "ether", "bssid", "lladdr", "physical", "hardware", "learned", "station"}

// sourceFiles are extensions of programs that are suffixes, too: "Main.java:42"
// is a line of a file, not a port.
var sourceFiles = stringSet("java", "py", "rs", "pl", "sh", "kt", "cs", "go", "cpp", "ts", "js", "rb")

// proseWords hardly end in a spoken "dot".
var proseWords = stringSet("an", "and", "the", "or", "of", "in", "on", "at", "to", "for", "with", "is", "are", "was", "we", "our", "us", "its", "this", "that", "as", "by", "from", "no", "not", "say", "says", "said", "called", "word")

// objects are first labels of expressions in programs that hardly start the name
// of a host.
var objects = stringSet("document", "window", "this", "self", "console", "navigator", "math", "json", "object", "array",
	"element", "java", "javax", "string", "number", "jquery", "module", "exports", "req", "res", "wscript", "activexobject",
	"std", "os", "sys", "np", "pd", "plt", "localstorage", "sessionstorage", "evt", "ctx", "el", "elem", "args", "kwargs", "cls",
	"super", "obj", "arr", "str", "err", "elements", "opts", "props", "attrs", "params", "jqxhr", "tween", "promise", "deferred",
	"hooks", "val", "prototype", "proto", "globals", "var", "tbl")

// nouns are first labels of such expressions that start names of hosts as well:
// what stands behind them decides.
var nouns = stringSet("location", "event", "system", "process", "request", "response", "screen", "history", "date", "node", "parent",
	"child", "error", "data", "options", "conf", "cfg", "app", "server", "client", "session", "form", "input", "button", "img",
	"target", "source", "src", "dst", "map", "key", "value", "item", "items", "list", "index", "result", "results", "row", "col",
	"cell", "url", "frame", "global", "user", "account", "profile", "config", "settings", "body", "head", "tool")

// htmlTags are first labels of style sheet selectors.
var htmlTags = stringSet("a", "p", "b", "i", "u", "div", "span", "td", "tr", "th", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "body", "img", "font", "input", "button", "form", "html", "nav", "main", "header", "footer", "section", "svg", "em", "pre", "code", "label", "select")

// codeTails are suffixes that are members of such expressions or class names.
var codeTails = stringSet("name", "style", "top", "link", "call", "map", "id", "is", "app", "black", "red", "blue", "pink", "center", "box", "zone", "page", "win", "bar", "data", "now", "sh", "so", "target", "post", "open", "search", "channel", "bar", "bold", "media", "group", "next", "date", "in", "to", "my", "me", "at", "do", "no", "it", "hidden", "show", "click", "play", "save", "text", "new", "day", "email", "host", "port", "country", "select", "world", "space", "size", "price", "global", "py", "pro", "pub", "security", "services", "network", "systems", "forms", "tools", "watch", "pics", "menu", "ms", "gallery", "fit", "off", "events", "fail", "fire", "properties", "free", "total", "build", "author", "secure", "support", "live", "zero", "compare", "parts", "function")

// codeMembers are extensions that are members of objects, too: "err.msg", "e.Key".
var codeMembers = stringSet("key", "sys", "class", "log", "url", "bin", "config", "theme", "job", "sql", "map", "dat", "tmp", "msg", "evt", "db", "app", "cmd", "doc", "service", "application", "temp", "sig", "js", "html", "text", "cfg", "css")

// dataFiles are those of them that are files all the same behind a noun: "error.log".
var dataFiles = stringSet("log", "bin", "sql", "dat", "tmp", "db", "doc", "js", "html", "css", "cfg", "temp")

// products are written with a dot and are neither hosts nor files.
var products = stringSet("Node.js", "node.js", "NodeJS", "Vue.js", "Next.js", "Nuxt.js", "React.js", "Three.js", "D3.js", "Express.js", "Angular.js", "Chart.js", "ASP.NET", "ASP.Net", "VB.NET", "VB.Net", "ADO.NET", "Socket.IO", "Socket.io", "socket.io", "Booking.Com", "Paint.NET", "ML.NET", "sign.in", "log.in", "opt.in", "check.in", "Co.KG", "co.KG")

// fieldWords are what programs and templates call the fields of their data; a name
// of three such labels or more is one of theirs.
var fieldWords = stringSet("user", "users", "customer", "client", "account", "address", "city", "street", "zip", "first", "last", "full", "middle", "name", "names", "order", "orders", "amount", "payment", "price", "item", "items",
	"total", "subtotal", "sub", "id", "ids", "prefix", "suffix", "phone", "contact", "company", "date", "time", "start", "end", "value", "values", "key", "data", "model", "type", "status", "state", "country", "region", "local",
	"module", "params", "args", "tags", "config", "settings", "env", "output", "input", "node", "parent", "child", "result", "response", "request", "body", "header", "headers", "title", "text", "label", "product", "products",
	"sku", "cart", "invoice", "sender", "recipient", "profile", "session", "token", "role", "group", "page", "post", "comment", "message", "content", "image", "url", "link", "currency", "sum", "count", "size", "index", "row", "number", "owner", "each")

// fieldTails are suffixes that such names end in; under others, three common words are
// the name of a lure as well.
var fieldTails = stringSet("name", "id", "city", "date", "total", "is")

// shellWords begin commands that a host is named in.
var shellWords = stringSet("curl", "wget", "ping", "nslookup", "dig", "host", "whois", "ssh", "scp", "sh", "bash", "chmod", "cd", "rm", "nc", "ncat", "telnet", "ftp", "tftp", "echo", "traceroute", "tracert", "openssl", "sudo", "then", "done")

// archives are those of arXiv, whose subjects are written "cs.CR".
var archives = stringSet("cs", "math", "stat", "eess", "econ", "physics", "q-bio", "q-fin", "hep-th", "hep-ph", "quant-ph", "astro-ph", "cond-mat")

// declarations stand before names of packages.
var declarations = stringSet("package", "import", "namespace")

// elements are first labels of selectors that hardly start names of hosts.
var elements = stringSet("div", "span", "td", "tr", "th", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "img", "font", "svg", "tbody", "thead")

// pseudoClasses stand behind the colon of a selector.
var pseudoClasses = stringSet("hover", "focus", "active", "visited", "link", "before", "after", "not", "first-child", "last-child", "nth-child", "disabled", "checked", "root", "target", "empty")

// versionTalk are words of lines that tell of versions, and addressTalk of lines
// that tell of addresses.
var (
	versionTalk = stringSet("release", "releases", "released", "notes", "changelog", "version", "versions", "versioned", "build", "builds", "update", "updates", "updated", "updating", "upgrade", "upgraded", "upgrading", "downgrade",
		"downgraded", "bump", "bumps", "bumped", "engine", "driver", "drivers", "firmware", "plugin", "plug-in", "gem", "pip", "npm", "package", "packages", "patch", "patched", "patches", "hotfix", "parser", "module", "library",
		"minversion", "maxversion", "sdk", "requires", "require", "dependency", "dependencies", "install", "installed", "installer", "client", "component", "app", "software", "setup", "toolkit", "runtime", "edition", "beta", "rc",
		"fix", "fixes", "fixed", "crash", "crashes", "bug", "bugs", "regression", "deprecated", "compatible", "compatibility", "changes")
	addressTalk = stringSet("ip", "ips", "ipv4", "address", "addresses", "addr", "host", "hosts", "server", "servers", "c2", "c&c", "cnc", "port", "ports", "dns", "resolver", "resolvers", "resolves", "resolved", "connect", "connects",
		"connected", "connection", "connections", "traffic", "gateway", "proxy", "beacon", "beacons", "beaconed", "ping", "pinged", "src", "dst", "source", "destination", "network", "tcp", "udp", "scan", "scans", "scanned", "scanning", "attack", "attacks", "attacked", "attacker", "attackers", "came", "probes", "probed", "requests", "packets", "originating", "originated",
		"contact", "contacts", "contacted", "contacting", "communicates", "communicated", "communication", "exfiltrates", "exfiltrated", "exfiltration", "callback", "calls", "reaches", "reached", "download", "downloads", "downloaded", "uploads",
		"uploaded", "malware", "infrastructure", "domain", "domains", "block", "blocked", "blocklist", "botnet", "login", "logins", "logged", "actor", "actors", "payload", "payloads", "loader", "url", "urls", "ioc", "iocs", "indicator",
		"indicators", "ransomware", "phishing", "hosted", "hosting", "whois", "asn", "sender", "spam", "vpn", "firewall", "adresse", "adressen", "verbindung", "verbindet", "dirección", "servidor", "serveur", "indirizzo", "endereço")
)

// versionWords stand before four numbers that are no address.
var versionWords = stringSet("version", "ver", "ver.", "v", "v.", "versions", "release", "build", "firmware", "section", "sections", "sec.", "§", "chapter", "clause", "paragraph", "para", "figure", "fig.", "table", "oid", "productversion", "fileversion", "assemblyversion", "kapitel", "abschnitt", "chrome", "step", "item", "revision", "rev", "rev.", "patch", "update", "upgrade", "sdk", "kernel", "driver", "package", "chromium", "firefox", "edge", "safari", "opera", "java", "jre", "jdk", "python", "php", "apache", "nginx", "openssl", "office", "outlook", "word", "excel", "acrobat", "reader", "flash", "player", "windows", "macos", "ios", "android", "linux", "framework", ".net", "teams", "zoom", "vlc", "skype", "thunderbird", "exchange", "putty", "winrar", "7-zip", "app", "software", "plugin", "library", "agent", "bios", "appendix", "annex", "article", "article.", "rule",
	"sect", "sect.", "tabelle", "tab.", "abb.", "abbildung", "anhang", "ziffer", "tableau", "chapitre", "annexe", "alinéa", "tabla", "capítulo", "apartado", "sección", "anexo", "tabella", "capitolo", "sezione", "articolo",
	"allegato", "paragrafo", "comma", "tabela", "seção", "artigo", "cláusula", "tabel", "hoofdstuk", "artikel", "paragraaf", "rozdział", "sekcja", "раздел", "раздела", "глава", "главы", "пункт", "пункта", "таблица", "таблицы", "рис.", "п.", "ст.",
	"vers", "vers.", "rel", "rel.", "rev", "ausgabe", "versión", "versão", "versione", "versie", "versjon", "wersja", "verze", "verzió", "verzia", "versiune", "sürüm", "версия", "версии", "версию", "версією", "версія", "верзија", "έκδοση", "الإصدار", "إصدار", "גרסה", "版", "版本号",
	"anydesk", "teamviewer", "wireshark", "nmap", "docker", "kubernetes", "postgresql", "postgres", "mysql", "mariadb", "redis", "mongodb", "tomcat", "struts", "log4j", "wordpress", "drupal", "joomla", "citrix", "fortios", "pan-os", "panos", "junos", "screenconnect", "connectwise", "moveit", "sharepoint", "confluence", "jira", "vmware", "esxi", "vcenter", "virtualbox", "node", "npm", "git", "gitlab", "jenkins", "grafana", "splunk", "curl", "wget", "webkit", "brave", "vivaldi", "whatsapp", "telegram", "signal", "viber", "webex", "slack", "spotify", "itunes", "quicktime", "silverlight", "notepad++", "filezilla", "winscp", "ccleaner", "malwarebytes", "defender", "mcafee", "norton", "symantec", "avast", "kaspersky", "powershell", "visio", "onedrive", "splashtop", "rustdesk", "dotnet", "golang", "ruby", "perl", "bash", "systemd", "samba", "bind", "postfix", "exim", "sendmail", "dovecot", "roundcube", "zimbra")

// detectionHeads and detectionPlatforms are the first labels of the names that
// scanners give to what they detect: "Trojan.Win32.Agent.xyz".
var detectionHeads = stringSet("trojan", "backdoor", "worm", "virus", "ransom", "ransomware", "adware", "exploit", "heur", "pua", "spyware", "hacktool",
	"downloader", "dropper", "riskware", "rootkit", "w32", "w64", "win32", "win64", "packed", "gen", "email-worm", "trojan-downloader", "trojan-dropper",
	"trojan-spy", "trojan-banker", "trojan-psw", "trojan-ransom", "not-a-virus", "malware", "infostealer", "phish", "phishing")

var detectionPlatforms = stringSet("win32", "win64", "w32", "w64", "msil", "script", "js", "vbs", "linux", "android", "androidos", "macos", "osx", "html",
	"generic", "gen", "agent", "ps", "powershell", "msoffice", "msword", "msexcel", "o97m", "w97m", "x97m", "pdf", "java", "php", "autoit", "shellcode", "iphoneos", "multi")

// closingWords end sentences that the next one may be glued to: "there.how".
var closingWords = stringSet("there", "here", "you", "it", "this", "that", "done", "us", "me", "him", "her", "them", "below", "above", "soon", "again",
	"thanks", "regards", "please", "more", "yet", "too", "well", "now", "then", "so", "yes", "no", "ok", "attached", "enclosed", "received", "sent",
	"processed", "completed", "confirmed", "expired", "suspended", "today", "tomorrow", "yesterday", "immediately", "asap")
