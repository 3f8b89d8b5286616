package mail

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// section is one node of the MIME tree: where it stands in the raw message and
// what its header says. Its bytes are decoded later.
type section struct {
	path     string // "1.2" as IMAP numbers sections; "" for the root multipart
	fields   []rawField
	media    media  // Content-Type, as far as the structure hangs on it
	entity   entity // what the section is; known when the structure is
	boundary string
	depth    int // multiparts around it
	parent   *section
	children []*section

	start, end int64 // body, in bytes of the raw message
	capped     bool  // a multipart that is not taken apart because a cap fired
}

func (s *section) isMultipart() bool { return s.boundary != "" }

// scanner finds the structure of a message in one pass over its lines. It is a
// state machine over the stack of open multiparts; everything it keeps is
// bounded by Limits, and its work is linear in the size of the message.
type scanner struct {
	lines   *lines
	limits  engine.Limits
	defects *defects
	parts   int        // sections made so far
	open    []*section // multiparts whose end has not been seen, outermost first
	leaf    *section   // section whose body is being read; nil in a preamble or epilogue
}

// scan returns the root section of a message. Every body ends where a boundary
// of an enclosing multipart, or the message, ends it.
func scan(l *lines, limits engine.Limits, d *defects) *section {
	s := &scanner{lines: l, limits: limits, defects: d}
	root := s.section(nil)
	s.run(root)
	return root
}

// scanBody returns the section again with the parts that are found in its
// decoded body. RFC 2045 section 6.4 forbids to encode a multipart; some
// programs decode one all the same, and so show what others do not see.
func scanBody(sec *section, body []byte, limits engine.Limits, d *defects) *section {
	root := &section{path: sec.path, fields: sec.fields, media: sec.media, boundary: sec.boundary, depth: sec.depth}
	s := &scanner{lines: memLines(body), limits: limits, defects: d, parts: 1, open: []*section{root}}
	s.run(root)
	return root
}

// scanInside returns the structure of an entity that stands whole in the body of
// a section: what an opaque signature wraps. Its parts count as parts of the
// section.
func scanInside(sec *section, body []byte, limits engine.Limits, d *defects) *section {
	around := &section{path: sec.path, depth: sec.depth}
	s := &scanner{lines: memLines(body), limits: limits, defects: d}
	root := s.section(around)
	s.run(root)
	return root
}

// run reads to the end of the message or of its last multipart.
func (s *scanner) run(root *section) {
	for len(s.open) > 0 && s.step() {
	}
	s.finish(root)
}

// step reads up to the next boundary line that matters and acts on it. It is
// false at the end of the message, and when the last multipart is closed.
func (s *scanner) step() bool {
	line, before := s.lines.dash()
	if line == nil {
		s.closeTo(0, before)
		return false
	}
	level, last, ok := s.match(line)
	if !ok {
		return true
	}
	s.closeTo(level+1, before)
	if last {
		s.open = s.open[:level]
		return true
	}
	if s.parts >= s.limits.Parts {
		s.defects.limit(engine.DefectParts, "", "more than %d parts", s.limits.Parts)
		s.open = nil
		return false
	}
	s.section(s.open[level])
	return true
}

// match finds the innermost open multipart whose boundary the line is.
func (s *scanner) match(line []byte) (level int, last, ok bool) {
	text := trimEOL(line)[2:]
	for i := len(s.open) - 1; i >= 0; i-- {
		if last, ok = isBoundary(text, s.open[i].boundary); ok {
			return i, last, true
		}
	}
	return 0, false, false
}

// isBoundary compares what follows the hyphens. After the boundary only white
// space may stand, or white space and anything: RFC 2046 section 5.1.1 asks for
// a prefix match, but a longer boundary of an inner multipart must not match.
func isBoundary(text []byte, boundary string) (last, ok bool) {
	if !bytes.HasPrefix(text, []byte(boundary)) {
		return false, false
	}
	rest := text[len(boundary):]
	if bytes.HasPrefix(rest, dashes) {
		rest, last = rest[2:], true
	}
	return last, len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r'
}

// closeTo ends the sections inside the multipart at level-1: the one being
// read, at before, and multiparts whose closing boundary never came.
func (s *scanner) closeTo(level int, before int64) {
	if s.leaf != nil {
		s.leaf.end = max(before, s.leaf.start)
		s.leaf = nil
	}
	for i := len(s.open) - 1; i >= level; i-- {
		m := s.open[i]
		m.end = max(before, m.start)
		s.defects.add(engine.DefectBoundary, m.path, "the closing boundary is missing")
	}
	s.open = s.open[:min(level, len(s.open))]
}

// finish sets the end of what is still open.
func (s *scanner) finish(root *section) {
	if s.leaf != nil {
		s.leaf.end = -1 // to the end of the message
		s.leaf = nil
	}
	if root.end == 0 {
		root.end = -1
	}
}

// section reads a header and opens what it describes.
func (s *scanner) section(parent *section) *section {
	sec := &section{parent: parent}
	s.parts++
	if parent != nil {
		parent.children = append(parent.children, sec)
		sec.depth = parent.depth + 1
		sec.path = childPath(parent.path, len(parent.children))
	}
	block := s.readHeader(sec, parent == nil)
	sec.start = s.lines.off
	sec.fields = parseFields(block, s.limits, s.defects, sec.path)
	s.describe(sec)
	if sec.isMultipart() {
		s.open = append(s.open, sec)
		return sec
	}
	s.leaf = sec
	if parent == nil {
		sec.path = "1"
	}
	return sec
}

func childPath(parent string, n int) string {
	if parent == "" {
		return strconv.Itoa(n)
	}
	return parent + "." + strconv.Itoa(n)
}

// describe reads the fields that decide about structure.
func (s *scanner) describe(sec *section) {
	sec.media = parseMedia(fieldValue(sec.fields, "Content-Type"), s.limits.Params)
	if !strings.Contains(sec.media.value, "/") {
		sec.media.value, sec.media.typed = defaultType(sec), false
	}
	if !strings.HasPrefix(sec.media.value, "multipart/") {
		return
	}
	boundary := sec.media.get("boundary")
	switch {
	case boundary == "":
		boundary = s.sniffBoundary()
		if boundary == "" {
			s.defects.add(engine.DefectBoundary, sec.path, "multipart without a boundary")
			sec.capped = true
			return
		}
		s.defects.add(engine.DefectBoundary, sec.path, "no boundary declared; taken from the body")
	case sec.depth >= s.limits.Depth:
		s.defects.limit(engine.DefectDepth, sec.path, "multiparts nested deeper than %d", s.limits.Depth)
		sec.capped = true
		return
	}
	if len(boundary) > maxBoundary {
		s.defects.add(engine.DefectBoundary, sec.path, "boundary of %d bytes", len(boundary))
		sec.capped = true
		return
	}
	if !s.appears(boundary) {
		if b := s.sniffBoundary(); b != "" {
			s.defects.add(engine.DefectBoundary, sec.path, "the declared boundary does not appear; another was taken from the body")
			boundary = b
		}
	}
	sec.boundary = boundary
}

// maxBoundary is far above the 70 bytes of RFC 2046 section 5.1.1.
const maxBoundary = 2048

// appears says whether a boundary line stands in what follows. A streamed
// message is looked ahead one window only, and is given the benefit of doubt.
func (s *scanner) appears(boundary string) bool {
	ahead := s.lines.peek(window)
	delim := "--" + boundary
	return len(ahead) >= window || bytes.HasPrefix(ahead, []byte(delim)) || bytes.Contains(ahead, []byte("\n"+delim))
}

// sniffBoundary returns the first line ahead that begins with two hyphens and
// is followed by a Content- field, as broken or evasive senders leave them.
func (s *scanner) sniffBoundary() string {
	ahead := s.lines.peek(window)
	for n := 0; n < 16; n++ {
		if !bytes.HasPrefix(ahead, dashes) {
			i := bytes.Index(ahead, nlDashes)
			if i < 0 {
				return ""
			}
			ahead = ahead[i+1:]
		}
		i := bytes.IndexByte(ahead, '\n')
		if i < 0 {
			return ""
		}
		line := bytes.TrimRight(trimEOL(ahead[:i+1])[2:], " \t")
		ahead = ahead[i+1:]
		if len(line) > 0 && len(line) <= maxBoundary && foldHasPrefix(ahead, "content-") && s.isFree(line) {
			return string(line)
		}
	}
	return ""
}

// isFree says that a boundary is not that of an open multipart.
func (s *scanner) isFree(boundary []byte) bool {
	for _, m := range s.open {
		if _, ok := isBoundary(boundary, m.boundary); ok {
			return false
		}
	}
	return true
}

// defaultType is the type of a section without one (RFC 2046 sections 5.1.5 and
// 5.2): a message inside a digest, plain text elsewhere.
func defaultType(sec *section) string {
	if sec.parent != nil && sec.parent.media.value == "multipart/digest" {
		return "message/rfc822"
	}
	return "text/plain"
}

// leaves lists the sections without children in document order. A multipart in
// which no boundary was found is a leaf.
func (s *section) leaves(dst []*section) []*section {
	if len(s.children) == 0 {
		return append(dst, s)
	}
	for _, c := range s.children {
		dst = c.leaves(dst)
	}
	return dst
}

func foldHasPrefix(b []byte, lower string) bool {
	return len(b) >= len(lower) && strings.EqualFold(string(b[:len(lower)]), lower)
}
