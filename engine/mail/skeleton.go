package mail

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jhillyerd/enmime/v2"
	"github.com/jhillyerd/enmime/v2/mediatype"

	"github.com/tqmailrules/tqmailrules/engine"
)

// skeleton is a message without its bodies, as enmime is given it: the fields
// that describe each section, and boundaries of our own. What its sections are,
// enmime says; what they contain never passes through it.
//
// Every field begins with the number of its section, which no sender can write
// there, since a value is always one line. By it the parts that enmime returns
// are paired with sections. A section that enmime does not return, or returns
// elsewhere in the tree, is read by the pre-scan (entityOf) and reported.
//
// The size is bounded, since enmime reads byte by byte at every level of nesting
// and some of its repairs are quadratic in the length of a field.
type skeleton struct {
	words    words
	limits   engine.Limits
	sections []*section // by number, in document order
	text     bytes.Buffer
	invalid  []*section // with a field that enmime could not read
}

const (
	skeletonField = 4 << 10   // bytes of a longer field are not shown to enmime
	skeletonSize  = 256 << 10 // bytes of fields, after which only numbers are written
	ownBoundary   = "=_s"     // with the number of the multipart behind it
)

// identify fills in what the sections below root are.
func (b *builder) identify(root *section) {
	k := &skeleton{words: b.words, limits: b.job.cfg.Limits}
	k.add(root)
	k.read()
	for _, s := range k.sections {
		if s.entity.mediaType == "" {
			b.defects.add(engine.DefectBoundary, s.path, "the part is not where a second parser sees it")
			s.entity = entityOf(s, k.words.at(s.path), k.limits)
		}
		if s.entity.capped {
			b.defects.limit(engine.DefectParams, s.path, "more than %d parameters", k.limits.Params)
		}
	}
	for _, s := range k.invalid {
		b.defects.add(engine.DefectHeader, s.path, "Content-Type or Content-Disposition is malformed")
	}
}

// add writes a section and those inside it.
func (k *skeleton) add(s *section) {
	n := len(k.sections)
	k.sections = append(k.sections, s)
	value := fieldValue(s.fields, "Content-Type")
	if !s.media.typed {
		value = s.media.value + "; " + value[s.media.end:]
	}
	k.field(s, "Content-Type", 't', n, value)
	if v := fieldValue(s.fields, "Content-Disposition"); v != "" {
		k.field(s, "Content-Disposition", 'd', n, v)
	}
	if v := fieldValue(s.fields, "Content-Id"); v != "" && len(v) <= skeletonField && k.text.Len() < skeletonSize {
		k.text.WriteString("Content-ID: " + v + "\n")
	}
	k.text.WriteByte('\n')
	for _, child := range s.children {
		k.boundary(n, "\n")
		k.add(child)
	}
	if len(s.children) > 0 {
		k.boundary(n, "--\n")
	}
}

func (k *skeleton) boundary(n int, end string) {
	k.text.WriteString("\n--" + ownBoundary + strconv.Itoa(n) + end)
}

// field writes one field behind its number and kind: 't' for the type, 'd' for
// the disposition. A value that is too long for enmime is left out.
func (k *skeleton) field(s *section, name string, kind byte, n int, value string) {
	k.text.WriteString(name + ": " + strconv.Itoa(n) + string(kind) + " ")
	if len(value) <= skeletonField && k.text.Len() < skeletonSize && strings.Count(value, "=") <= k.limits.Params {
		if !utf8.ValidString(value) { // enmime loses bytes that are not UTF-8: filename="caf\xe9.pdf"
			value = cleanLine(k.words.at(s.path).toUTF8(k.words.hint, []byte(value))) // UTF-7 can write line breaks
		}
		k.text.WriteString(value)
	}
	k.text.WriteByte('\n')
}

// read parses the skeleton and pairs what comes back.
func (k *skeleton) read() {
	// RawContent: there is nothing to decode. The options that switch text
	// conversion and charset detection off say the same to whoever reads this.
	p := enmime.NewParser(enmime.RawContent(true), enmime.DisableTextConversion(true), enmime.DisableCharacterDetection(true),
		enmime.SkipMalformedParts(true), enmime.MultipartWOBoundaryAsSinglePart(true), enmime.SetCustomParseMediaType(k.mediaType))
	root, err := p.ReadParts(&k.text)
	if err != nil {
		return // every section is read by the pre-scan
	}
	k.pair(root, nil)
}

// pair gives each section the part with its number, if the part stands below
// the part of the section's parent.
func (k *skeleton) pair(p *enmime.Part, parent *section) {
	n, _, ok := k.number(p.Header.Get("Content-Type"))
	if !ok || k.sections[n].parent != parent && n > 0 || k.sections[n].entity.mediaType != "" {
		return
	}
	s := k.sections[n]
	e := &s.entity
	e.mediaType, e.disposition, e.charset = p.ContentType, p.Disposition, strings.ToLower(p.Charset)
	e.contentID, e.name = contentID(s, p), k.words.at(s.path).decode(p.FileName)
	for c := p.FirstChild; c != nil; c = c.NextSibling {
		k.pair(c, s)
	}
}

// number takes the number and the kind off a field.
func (k *skeleton) number(v string) (n int, kind byte, ok bool) {
	tag, _, _ := strings.Cut(v, " ")
	if len(tag) < 2 {
		return 0, 0, false
	}
	n, err := strconv.Atoi(tag[:len(tag)-1])
	return n, tag[len(tag)-1], err == nil && n >= 0 && n < len(k.sections)
}

// mediaType is enmime's own reading of a field with its number, mended. The
// boundary is that of the skeleton for a multipart that has parts, and none for
// anything else, whatever the sender wrote.
func (k *skeleton) mediaType(field string) (string, map[string]string, []string, error) {
	n, kind, ok := k.number(field)
	if !ok {
		return "", nil, nil, nil // there is no Content-Disposition
	}
	s := k.sections[n]
	_, shown, _ := strings.Cut(field, " ")
	value, params, invalid, err := mediatype.Parse(shown)
	if value == "" || err != nil {
		value, params = "", map[string]string{}
		if shown != "" {
			k.invalid = append(k.invalid, s)
		}
	}
	value = k.mend(s, kind, value, params)
	delete(params, "boundary")
	if len(s.children) > 0 {
		params["boundary"] = ownBoundary + strconv.Itoa(n)
	}
	if kind == 't' {
		s.entity.params = params
	}
	return value, params, invalid, nil
}
