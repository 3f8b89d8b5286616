package mail

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/charset"
	"github.com/tqmailrules/tqmailrules/internal/cms"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

// builder makes one Message out of its sections.
type builder struct {
	job       *job
	nesting   int
	msg       *engine.Message
	defects   defects
	words     words
	root      *section
	zone      *time.Location // of the Date field, UTC if it names none
	texts     []text         // bodies in document order
	textBytes int            // of the bodies so far, before decoding
	fileBytes int            // of the text of attachments so far, before decoding
	keys      []string       // digests of the attachments for the content key
	marks     [2]firstMark   // of the plain text and of what the HTML shows
	wrapped   int            // signatures around what is being read
	shown     []bool         // of each leaf: its disposition is inline
}

// text is one decoded text body.
type text struct {
	html bool
	text string
	key  string // digest for the content key: independent of line ends and charset
}

// build fills the message in the order in which things depend on each other.
func (b *builder) build(src *source) error {
	b.root = src.root
	guesses := maxGuesses
	b.words = words{hint: charsetHint(src.root), guesses: &guesses, defects: &b.defects}
	if src.size == 0 {
		b.defects.add(engine.DefectEmpty, "", "the message has no bytes")
	} else if len(src.root.fields) == 0 {
		b.defects.add(engine.DefectNotMail, "", "there is no header")
	}
	b.headers()
	if err := b.leaves(src); err != nil {
		return err
	}
	b.body()
	b.inline()
	b.armoured()
	b.threads()
	b.classify()
	b.forward()
	b.contentKey()
	return nil
}

// charsetHint is the first charset that a section declares and that says
// something about raw bytes.
func charsetHint(s *section) string {
	if c := s.media.get("charset"); !charset.IsUnicode(charset.Name(c)) {
		return c
	}
	for _, child := range s.children {
		if c := charsetHint(child); c != "" {
			return c
		}
	}
	return ""
}

// leaves decodes every leaf and sorts it into bodies and attachments.
func (b *builder) leaves(src *source) error {
	r := &reader{src: src, job: b.job, defs: &b.defects}
	defer r.close()
	return b.read(r, src.root)
}

// read decodes the leaves below root.
func (b *builder) read(r *reader, root *section) error {
	b.identify(root)
	for _, s := range root.leaves(nil) {
		role := roleOf(s, len(b.msg.Leaves) == 0)
		c, err := r.leaf(s, role == roleAttachment)
		if err != nil {
			return err
		}
		if inner := b.encodedMultipart(s, &c); inner != nil {
			src := &source{mem: c.mem, size: c.size, root: inner}
			if err := b.read(&reader{src: src, job: b.job, defs: &b.defects}, inner); err != nil {
				return err
			}
			continue
		}
		if s.path == "" {
			s.path = "1" // a multipart without parts
		}
		if err := b.leaf(s, role, &c); err != nil {
			return err
		}
	}
	return nil
}

// encodedMultipart takes a multipart apart that was encoded as a whole; nil when
// the section is none.
func (b *builder) encodedMultipart(s *section, c *content) *section {
	if !s.isMultipart() || c.mem == nil || !bytes.Contains(c.mem, []byte("--"+s.boundary)) {
		return nil
	}
	root := scanBody(s, c.mem, b.job.cfg.Limits, &b.defects)
	if len(root.children) == 0 {
		return nil
	}
	b.defects.add(engine.DefectEncoding, s.path, "a multipart is encoded as a whole")
	return root
}

// leaf adds one decoded leaf to the message.
func (b *builder) leaf(s *section, role role, c *content) error {
	part := b.part(s, c)
	b.msg.Leaves = append(b.msg.Leaves, part)
	b.shown = append(b.shown, s.entity.disposition == "inline")
	if role != roleAttachment {
		b.addText(s, part, c, role == roleHTML)
		return nil
	}
	b.msg.Attachments = append(b.msg.Attachments, part)
	inner := len(b.msg.Nested)
	if err := b.nested(s, part, c); err != nil {
		return err
	}
	b.keys = append(b.keys, leafKey(part, c, b.msg.Nested[inner:]))
	b.attachedText(part, c)
	return b.signed(s, part, c)
}

// maxSigned is how deep signatures wrap each other.
const maxSigned = 4

// signed reads the entity that an opaque signature wraps (RFC 8551 section 3.5.2)
// as if it stood in its place: a reader's program shows it as the mail.
func (b *builder) signed(s *section, part *engine.Part, c *content) error {
	if part.FileType != "p7m" || part.Encrypted || c.mem == nil || b.wrapped == maxSigned {
		return nil
	}
	m, err := cms.Parse(c.mem)
	if err != nil || m.Kind != cms.Signed || len(m.Content) == 0 {
		return nil // the unpacker tells
	}
	if len(m.Signers) > 0 {
		part.Metadata = map[string]string{"signer": strings.Join(m.Signers, ", ")}
	}
	part.Opened = true
	inner := unixLines(m.Content)
	src := &source{mem: inner, size: int64(len(inner)), root: scanInside(s, inner, b.job.cfg.Limits, &b.defects)}
	b.wrapped++
	defer func() { b.wrapped-- }()
	return b.read(&reader{src: src, job: b.job, defs: &b.defects}, src.root)
}

// part describes a leaf.
func (b *builder) part(s *section, c *content) *engine.Part {
	p := &engine.Part{
		Path: s.path, ContentType: s.entity.mediaType, Size: int(c.size), Content: c.blob,
		MD5: c.md5, SHA1: c.sha1, SHA256: c.sha256, Charset: s.entity.charset,
		ContentID: s.entity.contentID, RawName: s.entity.name,
	}
	p.FileName = filetype.SafeName(p.RawName)
	if p.FileName != p.RawName {
		b.defects.add(engine.DefectName, s.path, "the file name is not safe to display")
	}
	p.FileExtension = filetype.Extension(p.FileName)
	p.IsMessage = isMessageType(p.ContentType)
	f := filetype.File{Extension: p.FileExtension, ContentType: p.ContentType, Head: c.head, Tail: c.tail, At: c.window}
	p.FileType = filetype.Detect(&f)
	p.Encrypted = filetype.Encrypted(p.FileType, &f)
	if strings.HasSuffix(p.ContentType, "pkcs7-mime") && s.entity.is("smime-type", "enveloped-data") {
		p.FileType, p.Encrypted = "p7m", true // RFC 8551 section 3.3
	}
	return p
}

// at is the decoder for values of one place.
func (w words) at(where string) *words {
	w.where = where
	return &w
}

// The lines around an encrypted text in a body (RFC 9580 section 6.2).
const (
	beginPGP = "-----BEGIN PGP MESSAGE-----"
	endPGP   = "-----END PGP MESSAGE-----"
)

// armoured makes attachments of encrypted texts in the body, so that they are
// opened, or told to be locked, as files are. They are shown inside the body.
func (b *builder) armoured() {
	text := b.msg.Body.Plain.Raw
	for n := 1; n <= 10; n++ {
		i := strings.Index(text, beginPGP)
		if i < 0 {
			return
		}
		block := text[i:]
		if end := strings.Index(block, endPGP); end >= 0 {
			block = block[:end+len(endPGP)]
		}
		text = text[i+len(block):]
		c := whole([]byte(block), true)
		b.msg.Attachments = append(b.msg.Attachments, &engine.Part{
			Path: "pgp" + strconv.Itoa(n), FileName: "body.asc", FileExtension: "asc", FileType: "pgp", Encrypted: true, IsInline: true,
			Size: int(c.size), Content: c.blob, SHA256: c.sha256, MD5: c.md5, SHA1: c.sha1,
		})
	}
}

// role is what a leaf is to the reader of the mail.
type role int

const (
	roleAttachment role = iota
	rolePlain
	roleHTML
)

// roleOf decides whether a leaf is shown as the body. A text part with a file
// name is an attachment, unless it is the first part or one of several
// alternatives, where clients show it all the same.
func roleOf(s *section, first bool) role {
	if s.entity.disposition == "attachment" || s.capped && s.depth > 0 {
		return roleAttachment
	}
	var r role
	switch s.entity.mediaType {
	case "text/html", "application/xhtml+xml":
		r = roleHTML
	case "text/plain", "text", "text/enriched", "text/richtext", "plain/text":
		r = rolePlain
	default:
		if strings.HasPrefix(s.entity.mediaType, "multipart/") && first {
			return rolePlain
		}
		return roleAttachment
	}
	alternative := s.parent != nil && s.parent.entity.mediaType == "multipart/alternative"
	if s.entity.name != "" && !first && !alternative {
		return roleAttachment
	}
	return r
}

func isMessageType(t string) bool {
	return t == "message/rfc822" || t == "message/global" || t == "message/news"
}

// isMailFile is true for a file that holds one mail and was sent as a file. Text
// that merely begins like a header is not one.
func isMailFile(p *engine.Part) bool {
	if p.FileType != "eml" && p.FileType != "emlx" {
		return false
	}
	return !strings.HasPrefix(p.ContentType, "text/") || p.FileExtension == p.FileType
}

// nested parses an attached message: declared as one, or a file that is one.
func (b *builder) nested(s *section, part *engine.Part, c *content) error {
	if !part.IsMessage && !isMailFile(part) {
		return nil
	}
	part.IsMessage = true
	if b.nesting+1 >= b.job.cfg.Limits.Nesting {
		b.defects.limit(engine.DefectNesting, s.path, "messages nested deeper than %d", b.job.cfg.Limits.Nesting)
		return nil
	}
	if b.job.items--; b.job.items < 0 {
		b.defects.limit(engine.DefectItems, s.path, "more than %d messages", b.job.cfg.Limits.Items)
		return nil
	}
	m, err := b.job.message(c.blob, b.msg.Meta.ID+"#"+s.path, part.SHA256, b.nesting+1)
	if err != nil {
		return err
	}
	m.Meta.Received = coalesceTime(m.Meta.Received, b.msg.Meta.Received)
	b.msg.Nested = append(b.msg.Nested, m)
	if part.FileName == "" && m.Subject.Subject != "" {
		part.FileName = filetype.SafeName(m.Subject.Subject) + ".eml"
		part.FileExtension = "eml"
	}
	return nil
}
