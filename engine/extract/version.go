package extract

import (
	"strings"
	"unicode"
)

// versionContext tells whether what stands around four numbers makes them a version.
func (s *scanner) versionContext(i, j int) bool {
	w := s.word
	if i > 0 && (isAlnum(w[i-1]) || w[i-1] == '.' || w[i-1] == '-' || w[i-1] == '_' && i > 1 && isAlnum(w[i-2]) || w[i-1] == '/' && i > 1 && isLetter(w[i-2]) && !namesRoute(w[:i-1])) {
		return w[i-1] != '-' || i < 2 || !isDigit(w[i-2])
	}
	if j < len(w) && (isAlnum(w[j]) || w[j] == '.' && j+1 < len(w) && isDigit(w[j+1])) {
		return true
	}
	from, _ := s.span(i, i+1)
	return versionWord(strings.ToLower(s.wordBefore(from))) || s.sectionNumber(from, i, j) || !s.defanged(i, j) && s.versionTalk(from, i, j)
}

// namesRoute tells whether what stands before "/192.0.2.7" says how a proxy came to
// that address, and is not a program of that version.
func namesRoute(w string) bool {
	w = w[strings.LastIndexFunc(w, func(r rune) bool { return r != '_' && (r < 'A' || r > 'z' || r > 'Z' && r < 'a') })+1:]
	for _, route := range [...]string{"DIRECT", "PARENT", "_HIT", "_PEER", "_NONE"} {
		if strings.HasSuffix(w, route) {
			return true
		}
	}
	switch strings.ToLower(w) {
	case "tcp", "udp", "icmp", "ip", "src", "dst", "host":
		return true
	}
	return false
}

// maxVersionPart is the largest number that the parts of a version have, when only
// the line around it says that it is one.
const maxVersionPart = 40

// versionTalk tells whether four small numbers stand in a line that tells of versions
// or of object identifiers, and not of addresses, or behind a sign that compares
// versions.
func (s *scanner) versionTalk(from, i, j int) bool {
	a, _ := parseIPv4(s.word[i:j])
	b := a.As4()
	if max(b[0], b[1], b[2], b[3]) > maxVersionPart || b[0] == b[1] && b[1] == b[2] {
		return false
	}
	before := s.text[max(0, from-maxTalk):from]
	if strings.HasSuffix(strings.TrimRight(before, " "), "~>") || strings.HasSuffix(before, "^") || (before == "" || strings.HasSuffix(before, "\n")) && dated(s.text[from+j-i:]) {
		return true
	}
	before = before[strings.LastIndexByte(before, '\n')+1:]
	talk := 0
	for word := range strings.FieldsFuncSeq(before, notWord) {
		switch word = lowerASCII(word); {
		case isDigit(word[0]):
		case addressTalk[word]:
			return false
		case versionTalk[word], (word == "oid" || word == "oids") && b[0] <= 2:
			talk++
		}
	}
	return talk > 0
}

// dated tells whether " - 2024-03-08" or " (2024-03-08)" comes next, as behind the
// version in a list of changes.
func dated(t string) bool {
	t = strings.TrimLeft(t[:min(len(t), 24)], " -(\u2013\u2014:[")
	return len(t) >= 10 && t[4] == '-' && t[7] == '-' && allDigits(t[:4]) && (t[:2] == "20" || t[:2] == "19")
}

// maxTalk is how far back, in bytes, a line is looked at.
const maxTalk = 160

// notWord is what separates the words of a line.
func notWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '&'
}

// sectionNumber tells whether four small numbers at the start of a line number a
// heading: "12.1.4.2 Scope of work".
func (s *scanner) sectionNumber(from, i, j int) bool {
	t := s.text
	a, _ := parseIPv4(s.word[i:j])
	b := a.As4()
	if b[0] == b[1] && b[1] == b[2] || max(b[0], b[1], b[2], b[3]) > 30 || from > 0 && t[from-1] != '\n' {
		return false
	}
	to := from + j - i
	return to+2 < len(t) && t[to] == ' ' && t[to+1] >= 'A' && t[to+1] <= 'Z' && t[to+2] >= 'a' && t[to+2] <= 'z'
}

// versionWord tells whether a word announces a version. Where words are written
// without spaces, what stands before it counts for nothing.
func versionWord(w string) bool {
	if versionWords[w] || strings.HasSuffix(w, "version") {
		return true
	}
	for _, glued := range [...]string{"版本", "版本号", "バージョン", "バージョンは", "버전", "버전은", "第"} {
		if strings.HasSuffix(w, glued) {
			return true
		}
	}
	return false
}
