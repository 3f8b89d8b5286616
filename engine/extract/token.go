package extract

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// plain reads an atom without dot, colon and slash: digests, wallets, CVE,
// ASN and ATT&CK identifiers.
func (s *scanner) plain(i, j int) {
	w := s.word[i:j]
	if len(w) < 5 || len(w) > maxWallet {
		return
	}
	switch {
	case len(w) > 128:
		s.wallet(i, j)
		return
	case len(w) == 17 && s.mac(i, j):
	case s.digest(i, j), s.cve(i, j), s.asn(i, j), s.attack(i, j):
	case len(w) >= minWallet:
		s.wallet(i, j)
	}
	if len(w) < 35 {
		return
	}
	if k := strings.LastIndexAny(w, "_-"); k > 0 && len(w)-k > 32 && digestLabel(lowerASCII(w[:k])) {
		s.digest(i+k+1, j)
	}
}

// digest reports a run of hexadecimal digits of the length of a digest.
func (s *scanner) digest(i, j int) bool {
	w := s.word[i:j]
	typ := digestType(len(w))
	if typ == "" || i > 0 && isAlnum(s.word[i-1]) {
		return false
	}
	var digits, same int
	upper := false
	for k := 0; k < len(w); k++ {
		switch c := w[k]; {
		case isDigit(c):
			digits++
		case !isHex(c):
			return false
		case c < 'a':
			upper = true
		}
		if w[k] == w[0] {
			same++
		}
	}
	if digits == 0 || digits == len(w) || same == len(w) {
		return digits > 0
	}
	value := w
	if upper {
		value = strings.ToLower(w)
	}
	s.emit(typ, value, i, j, 0)
	return true
}

// digestLabel tells whether "md5_" and the like stand before a digest.
func digestLabel(s string) bool {
	for _, l := range [...]string{"md5", "sha1", "sha256", "sha384", "sha512", "hash", "sha"} {
		if strings.HasSuffix(s, l) {
			return true
		}
	}
	return false
}

func digestType(n int) string {
	switch n {
	case 32:
		return typeMD5
	case 40:
		return typeSHA1
	case 64:
		return typeSHA256
	case 96:
		return typeSHA384
	case 128:
		return typeSHA512
	}
	return ""
}

// cve reports "CVE-2024-12345" with any of the hyphens that word processors
// make, or an underscore.
func (s *scanner) cve(i, j int) bool {
	w := s.word[i:j]
	if len(w) < 13 || len(w) > 24 || !strings.EqualFold(w[:3], "cve") || !cveSeparator(w[3]) || !cveSeparator(w[8]) {
		return false
	}
	year, number := w[4:8], w[9:]
	if !cveNumber(year, number) {
		return false
	}
	value := w
	if w[:4] != "CVE-" || w[8] != '-' {
		value = "CVE-" + year + "-" + number
	}
	s.emitPlain(typeCVE, value, i, j)
	return true
}

// emitPlain is emit for what nobody defangs: a typographic hyphen is no disguise.
func (s *scanner) emitPlain(typ, value string, i, j int) {
	from, to := s.span(i, j)
	s.emitSpan(typ, value, from, to, 0)
}

func cveSeparator(c byte) bool { return c == '-' || c == '_' }

func cveNumber(year, number string) bool {
	return allDigits(year) && allDigits(number) && len(number) >= 4 && len(number) <= 8 && year >= "1999" && year < "2100"
}

// mac reports a hardware address that is called one: by itself, six pairs of
// digits are a serial number, a fingerprint or a time as well.
func (s *scanner) mac(i, j int) bool {
	if w := s.word[i:j]; len(w) == 17 && (w[2] != w[5] || w[2] != ':' && w[2] != '-') || len(w) == 14 && (w[4] != '.' || w[9] != '.') {
		return false
	}
	value, ok := canonicalMAC(s.word[i:j])
	if !ok || i > 1 && s.word[i-1] == s.word[i+2] && isHex(s.word[i-2]) { // the end of a longer run
		return false
	}
	from, _ := s.span(i, i+1)
	before := strings.ToLower(s.text[max(0, from-macReach):from])
	if strings.HasSuffix(before, ") at ") { // as arp lists them
		s.emitPlain(typeMAC, value, i, j)
		return true
	}
	for _, w := range macWords {
		if k := strings.LastIndex(before, w); k >= 0 && (k == 0 || !isLetter(before[k-1])) {
			s.emitPlain(typeMAC, value, i, j)
			return true
		}
	}
	return false
}

// macReach is how far back, in bytes, a word that announces a hardware address is
// looked for.
const macReach = 48

// asn reports "AS64496" and "ASN64496".
func (s *scanner) asn(i, j int) bool {
	w := s.word[i:j]
	if len(w) < 5 || w[0] != 'A' || w[1] != 'S' {
		return false
	}
	digits := strings.TrimPrefix(w[2:], "N")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n < 100 || digits[0] == '0' {
		return false
	}
	value := w
	if len(digits) != len(w)-2 {
		value = "AS" + digits
	}
	s.emitPlain(typeASN, value, i, j)
	return true
}

// attack reports techniques (T1566, T1566.001) and tactics (TA0043) of ATT&CK.
func (s *scanner) attack(i, j int) bool {
	w := s.word[i:j]
	switch {
	case len(w) == 6 && w[0] == 'T' && w[1] == 'A' && w[2] == '0' && w[3] == '0' && allDigits(w[4:]):
	case (len(w) == 5 || len(w) == 9 && w[5] == '.' && allDigits(w[6:])) && w[0] == 'T' && allDigits(w[1:5]) && w[1:5] > "1000" && w[1:5] < "1800":
	default:
		return false
	}
	s.emitPlain(typeAttack, w, i, j)
	return true
}

// ssdeep reports a fuzzy hash: block size, a colon, two runs of base64 joined
// by a colon. Block sizes are 3 times a power of two.
func (s *scanner) ssdeep(i, j int) bool {
	w := s.word[i:j]
	a := strings.IndexByte(w, ':')
	if a < 1 || a > 10 || !allDigits(w[:a]) {
		return false
	}
	b := strings.IndexByte(w[a+1:], ':')
	if b < 0 {
		return false
	}
	first, second := w[a+1:a+1+b], w[a+b+2:]
	size, err := strconv.Atoi(w[:a])
	if err != nil || size%3 != 0 || size == 0 || size/3&(size/3-1) != 0 {
		return false
	}
	if len(first) > 64 || len(second) > 64 || len(first)+len(second) < 12 || !base64Run(first) || !base64Run(second) || len(first) < 6 {
		return false
	}
	s.emit(typeSSDeep, w, i, j, 0)
	return true
}

func base64Run(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlnum(s[i]) && s[i] != '+' && s[i] != '/' {
			return false
		}
	}
	return true
}

// labelWord is the cheap test for words that give meaning to what follows.
func labelWord(t string, start, end int) bool {
	if end-start < 3 || end-start > 8 {
		return false
	}
	switch t[start] | 0x20 {
	case 'r':
		return t[start:end] == "rule"
	case 'm':
		return strings.EqualFold(t[start:min(end, start+5)], "mutex")
	case 'c':
		return end-start == 3 && strings.EqualFold(t[start:end], "cve")
	case 'a':
		return strings.EqualFold(t[start:end], "asn")
	case 'u':
		return strings.EqualFold(t[start:min(end, start+4)], "user")
	}
	return false
}

// labelled reads what a word announces: a YARA rule, a mutex, "CVE 2019-0708",
// "ASN 64496", a user agent or mailer. It returns where to go on, 0 if nothing
// was announced.
func (s *scanner) labelled(start, end int) int {
	t := s.text
	switch t[start] | 0x20 {
	case 'r':
		if t[start:end] == "rule" {
			return s.yara(end)
		}
	case 'c':
		if strings.HasPrefix(t[start:end], "CreateMutex") {
			return s.mutexCall(start, end)
		}
		if end-start >= 3 && strings.EqualFold(t[start:start+3], "cve") {
			return s.spacedCVE(start)
		}
	case 'a':
		if end-start <= 4 && strings.EqualFold(strings.TrimSuffix(t[start:end], ":"), "asn") {
			return s.spacedASN(start, end)
		}
	case 'm':
		if strings.HasPrefix(t[start:end], "Mozilla/") {
			return s.userAgent(start, start)
		}
		if end-start >= 5 && end-start < 10 && strings.EqualFold(t[start:start+5], "mutex") {
			return s.mutex(end)
		}
		if end-start > 6 && strings.EqualFold(t[start:start+5], "mutex") && (t[start+5] == '=' || t[start+5] == ':') {
			return s.mutex(start + 6)
		}
	case 'o':
		if strings.HasPrefix(t[start:end], "OpenMutex") {
			return s.mutexCall(start, end)
		}
	case 'u':
		return s.agentLabel(start, end)
	case '"', '\'', '`', '(', '[', '=':
		if strings.HasPrefix(t[start+1:end], "Mozilla/") {
			return s.userAgent(start+1, start+1)
		}
	case 'x':
		if strings.EqualFold(t[start:end], "x-mailer:") {
			return s.restOfLine(typeXMailer, end)
		}
	}
	return 0
}

// yara reports the name in "rule Name {" or "rule Name : tags {".
func (s *scanner) yara(end int) int {
	t := s.text
	i := end + spaces(t[end:])
	j := i
	for j < len(t) && (isAlnum(t[j]) || t[j] == '_') {
		j++
	}
	if j == i || isDigit(t[i]) || j-i > 128 {
		return 0
	}
	k := j + spaces(t[j:min(len(t), j+64)])
	if k >= len(t) || t[k] != '{' && (t[k] != ':' || strings.IndexByte(t[k:min(len(t), k+256)], '{') < 0) {
		return 0
	}
	s.emitSpan(typeYARA, t[i:j], i, j, 0)
	return j
}

// spacedCVE reads "CVE 2019-0708", "CVE: 2019-0708" and "CVE2019-0708".
func (s *scanner) spacedCVE(start int) int {
	t := s.text
	i := start + 3
	for i < len(t) && i < start+6 && strings.IndexByte(" :#", t[i]) >= 0 {
		i++
	}
	j := i
	for j < len(t) && j-i < 16 && (isDigit(t[j]) || t[j] == '-') {
		j++
	}
	if j-i < 9 || t[i+4] != '-' || !cveNumber(t[i:i+4], t[i+5:j]) {
		return 0
	}
	s.emitSpan(typeCVE, "CVE-"+t[i:j], start, j, 0)
	return j
}

func (s *scanner) spacedASN(start, end int) int {
	t := s.text
	i := end + spaces(t[end:min(len(t), end+3)])
	j := i
	for j < len(t) && j-i < 10 && isDigit(t[j]) {
		j++
	}
	n, err := strconv.ParseUint(t[i:j], 10, 32)
	if err != nil || n < 100 || t[i] == '0' || j < len(t) && isAlnum(t[j]) {
		return 0
	}
	s.emitSpan(typeASN, "AS"+t[i:j], start, j, 0)
	return j
}

// mutex reports the quoted or bare token after "mutex", "mutex:", "mutex name:".
func (s *scanner) mutex(end int) int {
	t := s.text
	colon, named := t[end-1] == ':' || t[end-1] == '=', false
	i := end + spaces(t[end:min(len(t), end+4)])
	for _, w := range [...]string{"name:", "named ", "name ", "object ", "called ", "= ", ": ", "| "} {
		if len(t)-i > len(w) && strings.EqualFold(t[i:i+len(w)], w) {
			colon, named = colon || w[len(w)-2] == ':', true
			i += len(w)
			i += spaces(t[i:min(len(t), i+4)])
			break
		}
	}
	if i >= len(t) {
		return 0
	}
	j := i
	if from, to := quoted(t, i, 128); from > 0 {
		if to <= from {
			return 0
		}
		s.emitSpan(typeMutex, t[from:to], from, to, 0)
		return to + 1
	}
	for j < len(t) && j-i < 128 && class[t[j]] != space && strings.IndexByte(",;\"'<>|", t[j]) < 0 {
		j++
	}
	for j > i && (t[j-1] == '.' || t[j-1] == ')') {
		j--
	}
	token := t[i:j]
	coined := strings.ContainsAny(token, `\_-{0123456789`) || strings.ToLower(token) != token
	if len(token) < 4 || !colon && !(named && coined) && !strings.HasPrefix(token, `Global\`) && !strings.HasPrefix(token, `Local\`) {
		return 0
	}
	if colon && !coined && j < len(t) && t[j] == ' ' && j+1 < len(t) && isLetter(t[j+1]) {
		return 0 // the first word of a sentence
	}
	s.emitSpan(typeMutex, token, i, j, 0)
	return j
}

// quotes are what closes a quotation, by what opens it.
var quotes = map[rune]string{'"': `"`, '\'': "'", '`': "`", '\u201e': "\u201c\u201d", '\u201c': "\u201d", '\u201a': "\u2018\u2019", '\u2018': "\u2019", '\u00ab': "\u00bb", '\u00bb': "\u00ab", '\u300c': "\u300d"}

// quoted is what stands in the quotation that begins at i, of at most n bytes; from
// is 0 when none does, to is 0 when it does not end.
func quoted(t string, i, n int) (from, to int) {
	open, size := utf8.DecodeRuneInString(t[i:])
	closers, ok := quotes[open]
	if !ok {
		return 0, 0
	}
	from = i + size
	k := strings.IndexAny(t[from:min(len(t), from+n)], closers)
	if k < 0 {
		return from, 0
	}
	return from, from + k
}

// mutexCall reports the name in CreateMutexA(NULL, FALSE, "name").
func (s *scanner) mutexCall(start, end int) int {
	t := s.text
	limit := min(len(t), end+160)
	open := strings.IndexAny(t[start:limit], "\"'\n")
	if open < 0 || t[start+open] == '\n' || strings.IndexByte(t[start:start+open], '(') < 0 || strings.IndexByte(t[start:start+open], ')') >= 0 {
		return 0
	}
	i := start + open + 1
	k := strings.IndexByte(t[i:limit], t[i-1])
	if k < 2 {
		return 0
	}
	s.emitSpan(typeMutex, t[i:i+k], i, i+k, 0)
	return i + k + 1
}

// agentLabel reads "User-Agent: x", "user agent string "x/1"" and UserAgent="x".
func (s *scanner) agentLabel(start, end int) int {
	t := s.text
	if strings.EqualFold(t[start:end], "user-agent:") {
		return s.userAgent(start, end)
	}
	if end-start < 4 || end-start > 512 || !strings.EqualFold(t[start:start+4], "user") {
		return 0
	}
	i := start + 4
	for _, word := range [...]string{" ", "-", "_", "agent", "s", " string", " header", " value", " is", " was", " of", ":", "=", " "} {
		if len(t)-i > len(word) && strings.EqualFold(t[i:i+len(word)], word) {
			i += len(word)
		} else if word == "agent" {
			return 0
		}
	}
	q := t[i]
	if q != '"' && q != '\'' && q != '`' {
		return 0
	}
	k := strings.IndexByte(t[i+1:min(len(t), i+512)], q)
	if k < 4 || strings.IndexByte(t[i+1:i+1+k], '\n') >= 0 {
		return 0
	}
	s.emitSpan(typeUserAgent, t[i+1:i+1+k], i+1, i+1+k, 0)
	return i + k + 2
}

// userAgent reports a user agent: products with versions and comments in
// brackets. With a label the value is the rest of the line.
func (s *scanner) userAgent(start, from int) int {
	t := s.text
	if from > start {
		return s.restOfLine(typeUserAgent, from)
	}
	i, depth := start, 0
	for i < len(t) && i-start < 512 {
		switch c := t[i]; {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '"' || c == '\n' || c == '\r' || c == '`' || c == '<' || c >= 0x80 || c == '\'', depth < 0:
			return s.endAgent(start, i)
		case c == ' ' && depth == 0 && !productFollows(t[i+1:]):
			return s.endAgent(start, i)
		}
		i++
	}
	return s.endAgent(start, i)
}

func (s *scanner) endAgent(start, end int) int {
	for end > start && strings.IndexByte(" ,.;|]", s.text[end-1]) >= 0 {
		end--
	}
	if end-start < 12 {
		return 0
	}
	s.emitSpan(typeUserAgent, s.text[start:end], start, end, 0)
	return end
}

// productFollows tells whether "(comment" or "Name/version" comes next.
func productFollows(t string) bool {
	if t == "" || t[0] == '(' {
		return t != ""
	}
	i := 0
	for i < len(t) && i < 40 && (isAlnum(t[i]) || strings.IndexByte("-_.!+", t[i]) >= 0) {
		i++
	}
	return i > 0 && i+1 < len(t) && t[i] == '/' && (isDigit(t[i+1]) || isLetter(t[i+1])) || strings.HasPrefix(t, "like Gecko") || strings.HasPrefix(t, "Gecko")
}

func (s *scanner) restOfLine(typ string, from int) int {
	t := s.text
	i := from
	for i < len(t) && (t[i] == ' ' || t[i] == '\t') {
		i++
	}
	if i+1 < len(t) && (t[i] == '\'' || t[i] == '"') {
		if k := strings.IndexByte(t[i+1:min(len(t), i+512)], t[i]); k > 2 {
			s.emitSpan(typ, t[i+1:i+1+k], i+1, i+1+k, 0)
			return i + k + 2
		}
	}
	end := i
	for end < len(t) && end-i < 512 && t[end] != '\n' && t[end] != '\r' && t[end] != '"' && t[end] != '`' && t[end] != '<' {
		end++
	}
	for end > i && (t[end-1] == ' ' || t[end-1] == '\t') {
		end--
	}
	if end-i < 3 {
		return 0
	}
	s.emitSpan(typ, t[i:end], i, end, 0)
	return end
}
