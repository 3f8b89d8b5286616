package extract

import "strings"

// maxBroken is the longest URL that is read over line ends, in bytes.
const maxBroken = 4096

// broken tells whether a URL goes on behind the line end at end: because a soft
// line break of quoted-printable text stands there ("=" at the end of the line,
// RFC 2045 6.7), or because it is in angle brackets that close on a later line
// (RFC 3986 appendix C).
func (s *scanner) broken(start, end int) bool {
	t := s.text
	if end-start < 9 || end >= len(t) || t[end] != '\n' && t[end] != '\r' {
		return false
	}
	if t[end-1] == '=' {
		return strings.Contains(t[start:min(end, start+maxBroken)], "://") && softBreak(t, start, end)
	}
	return t[start] == '<' && strings.IndexByte(t[start:min(end, start+maxBroken)], '>') < 0 &&
		strings.Contains(t[start:min(end, start+16)], "://") && closesLater(t, end)
}

// softBreak tells the soft line break of quoted-printable text from a URL that
// ends in an equals sign: the line is as long as encoders make them, or the
// sign itself is encoded on the next one.
func softBreak(t string, start, end int) bool {
	if strings.IndexByte(t[start:end-1], '=') >= 0 && !strings.Contains(t[start:end-1], "=3D") {
		return false
	}
	line := end - 1 - strings.LastIndexByte(t[max(0, end-100):end], '\n')
	if line = line - max(0, end-100); line >= 70 && line <= 76 {
		return true
	}
	next := nextLine(t, end)
	return strings.Contains(wordAt(t, next), "=3D") || strings.Contains(t[start:end], "=3D")
}

// closesLater tells whether the lines that follow are one word each, the last of
// which a closing angle bracket ends.
func closesLater(t string, i int) bool {
	for range 8 {
		i = nextLine(t, i)
		from := i
		for i < len(t) && class[t[i]] != space && t[i] != '>' && t[i] != '<' && i-from < 1000 {
			i++
		}
		switch {
		case i == from || i >= len(t):
			return false
		case t[i] == '>':
			return true
		case t[i] != '\n' && t[i] != '\r':
			return false
		}
	}
	return false
}

// nextLine is the start of the next line, behind marks of quotation.
func nextLine(t string, i int) int {
	if i < len(t) && t[i] == '\r' {
		i++
	}
	if i < len(t) && t[i] == '\n' {
		i++
	}
	for i+1 < len(t) && t[i] == '>' && (t[i+1] == ' ' || t[i+1] == '>') {
		i++
		if t[i] == ' ' {
			i++
		}
	}
	return i
}

// softBroken reads a URL over the ends of its lines and returns where to go on.
func (s *scanner) softBroken(start, end int) int {
	t := s.text
	s.scratch()
	printable := t[end-1] == '='
	i := start
	for i < len(t) && i-start < maxBroken {
		c := t[i]
		switch {
		case printable && c == '=' && i+1 < len(t) && (t[i+1] == '\n' || t[i+1] == '\r'), !printable && (c == '\n' || c == '\r'):
			if c == '=' {
				i++
			}
			i = nextLine(t, i)
			continue
		case class[c] == space, !printable && c == '>':
			return s.brokenUnit(start, i)
		case printable && c == '=' && i+2 < len(t) && isHex(t[i+1]) && isHex(t[i+2]):
			s.keep(unhex(t[i+1])<<4|unhex(t[i+2]), i)
			i += 3
			continue
		}
		s.keep(c, i)
		i++
	}
	return s.brokenUnit(start, i)
}

// keep writes a byte to the scratch buffer.
func (s *scanner) keep(c byte, at int) {
	s.buf, s.offsets = append(s.buf, c), append(s.offsets, int32(at))
}

func (s *scanner) brokenUnit(start, end int) int {
	s.offsets = append(s.offsets, int32(end))
	s.word, s.start, s.at, s.mended = string(s.buf), start, s.offsets, true
	s.unit()
	s.mended = false
	return end
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
