package mail

import (
	"bytes"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

// rawField is one header field as it was sent, folds and all.
type rawField struct{ name, value string }

// is compares names without regard to case. They are ASCII, so that those of
// another length are others; a mail has dozens of fields and is asked for dozens.
func (f *rawField) is(name string) bool {
	return len(f.name) == len(name) && strings.EqualFold(f.name, name)
}

// Caps that no honest sender reaches; Limits holds the ones worth configuring.
const (
	partHeader = 64 << 10 // bytes of the header of a section that is not the root
	partFields = 64       // Content- fields of one section
	lookAhead  = 1024     // bytes of a line that decide whether it is a field
)

// readHeader reads up to and with the empty line, and returns the lines of the
// header, cut where the cap for it ends. What does not look like a header at all
// is left to the body.
func (s *scanner) readHeader(sec *section, root bool) string {
	limit := min(partHeader, s.limits.Header)
	if root {
		limit = s.limits.Header
		s.skipEnvelope()
	}
	b := headerBlock{mem: s.lines.mem, start: s.lines.off, limit: limit}
	for {
		ahead := s.lines.peek(lookAhead)
		if len(ahead) == 0 {
			break
		}
		if !s.lines.part && len(trimEOL(firstLine(ahead))) == 0 {
			s.lines.next()
			break
		}
		if s.endsHeader(sec, ahead, b.size > 0) {
			break
		}
		b.add(s.lines.next())
	}
	if b.full() {
		s.defects.limit(engine.DefectHeaderSize, sec.path, "header of %d bytes, %d were read", b.size, limit)
	}
	return b.String()
}

// headerBlock collects the first bytes of one header: a slice of the message
// when it is in memory, a copy when it streams by.
type headerBlock struct {
	mem   []byte
	start int64
	buf   []byte
	size  int
	limit int
}

func (b *headerBlock) add(line []byte) {
	if b.mem == nil && b.size < b.limit {
		b.buf = append(b.buf, line[:min(len(line), b.limit-b.size)]...)
	}
	b.size += len(line)
}

func (b *headerBlock) full() bool { return b.size > b.limit }

func (b *headerBlock) String() string {
	if b.mem == nil {
		return string(b.buf)
	}
	return string(b.mem[b.start : b.start+int64(min(b.size, b.limit))])
}

// endsHeader decides about a line that is not empty: a boundary ends the header
// of a part; a line that is neither field nor continuation ends it, unless a
// field follows, when it was only a broken line.
func (s *scanner) endsHeader(sec *section, ahead []byte, begun bool) bool {
	line := firstLine(ahead)
	if s.lines.part || filetype.IsFieldLine(line) || begun && (line[0] == ' ' || line[0] == '\t') {
		return false
	}
	if bytes.HasPrefix(line, dashes) && len(line) > 2 {
		if _, _, ok := s.match(line); ok {
			return true
		}
	}
	next := firstLine(ahead[len(line):])
	s.defects.add(engine.DefectHeader, sec.path, "a line of the header is neither field nor continuation")
	return !filetype.IsFieldLine(next)
}

func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return b
}

// skipEnvelope passes what some stores put before the header: a byte order
// mark, empty lines, an mbox From line, the length line of emlx.
func (s *scanner) skipEnvelope() {
	for n := 0; n < 32; n++ {
		line := firstLine(s.lines.peek(lookAhead))
		switch trimmed := bytes.TrimSpace(bytes.TrimPrefix(line, bom)); {
		case len(line) == 0 || filetype.IsFieldLine(line):
			return
		case bytes.HasPrefix(line, bom):
			s.lines.skip(len(bom))
		case len(trimmed) == 0, filetype.IsLength(trimmed), hasAnyPrefix(line, "From ", ">From "):
			s.lines.next()
		default:
			return
		}
	}
}

var bom = []byte("\xef\xbb\xbf")

func hasAnyPrefix(b []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if bytes.HasPrefix(b, []byte(p)) {
			return true
		}
	}
	return false
}

// skip moves n bytes on within a line.
func (l *lines) skip(n int) {
	if l.r != nil {
		n, _ = l.r.Discard(n)
	}
	l.off += int64(n)
}

// parseFields takes a header block apart. Of a section that is not the root
// only the Content- fields are kept.
func parseFields(block string, limits engine.Limits, d *defects, path string) []rawField {
	root := path == ""
	fields := make([]rawField, 0, min(len(block)/48+4, 256))
	for len(block) > 0 {
		var f rawField
		f, block = cutField(block)
		if f.name == "" || !root && !isContentField(f.name) {
			continue
		}
		if len(f.value) > limits.Field {
			d.limit(engine.DefectFieldSize, f.name, "field of %d bytes, %d were read", len(f.value), limits.Field)
			f.value = f.value[:limits.Field]
		}
		if !root && len(fields) == partFields {
			d.limit(engine.DefectHeader, path, "more than %d Content- fields", partFields)
			return fields
		}
		fields = append(fields, f)
	}
	return fields
}

func isContentField(name string) bool {
	return len(name) > 8 && strings.EqualFold(name[:8], "content-")
}

// cutField takes the first field off a block: its line and the lines that do
// not begin a field of their own.
func cutField(block string) (f rawField, rest string) {
	end := 0
	for end < len(block) {
		i := strings.IndexByte(block[end:], '\n')
		if i < 0 {
			end = len(block)
			break
		}
		end += i + 1
		if end < len(block) && startsField(block[end:]) {
			break
		}
	}
	line := block[:end]
	if name, value, ok := strings.Cut(line, ":"); ok && !strings.Contains(name, "\n") {
		f = rawField{strings.TrimRight(name, " \t"), strings.TrimSpace(value)}
	}
	return f, block[end:]
}

func startsField(s string) bool {
	if s[0] == ' ' || s[0] == '\t' {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ':':
			return i > 0
		case c == ' ' || c == '\t':
			rest := strings.TrimLeft(s[i:min(i+16, len(s))], " \t")
			return rest != "" && rest[0] == ':'
		case c < ' ' || c >= 127:
			return false
		}
	}
	return false
}

// fieldValue returns the first field of that name, unfolded, not decoded.
func fieldValue(fields []rawField, name string) string {
	for i := range fields {
		if fields[i].is(name) {
			return unfold(fields[i].value)
		}
	}
	return ""
}

// unfold removes the line breaks of a folded value (RFC 5322 section 2.2.3).
func unfold(v string) string {
	if strings.IndexByte(v, '\n') < 0 && strings.IndexByte(v, '\r') < 0 {
		return v
	}
	var out strings.Builder
	out.Grow(len(v))
	for {
		line, rest, more := strings.Cut(v, "\n")
		if line = strings.TrimSuffix(line, "\r"); strings.IndexByte(line, '\r') >= 0 {
			line = strings.ReplaceAll(line, "\r", "")
		}
		out.WriteString(line)
		if !more {
			return out.String()
		}
		if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
			out.WriteByte(' ') // a continuation that was not indented
		}
		v = rest
	}
}
