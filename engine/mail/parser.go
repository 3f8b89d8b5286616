package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
)

// Config says how to read mail. The zero value works.
type Config struct {
	Limits             engine.Limits
	OwnDomains         []string // domains of the mailbox's owner: they give the direction
	TrustedAuthServers []string // authserv-ids whose Authentication-Results count (RFC 8601 section 5)
	MailboxName        string
	TempDir            string // of spooled content; "" means the system's
}

// Parser turns raw mail into messages. It holds no state between calls and is
// safe for concurrent use.
type Parser struct{ cfg Config }

var _ engine.Parser = (*Parser)(nil)

// New returns a Parser.
func New(cfg Config) *Parser {
	cfg.Limits = cfg.Limits.WithDefaults()
	return &Parser{cfg}
}

// inMemory is the size up to which a raw message is read at once: a quarter of
// what its leaves may take.
func inMemory(l engine.Limits) int64 { return l.Memory / 4 }

// Parse implements engine.Parser. The error is not nil only when raw cannot be
// read, a temporary file cannot be written, or ctx has ended.
func (p *Parser) Parse(ctx context.Context, raw engine.Blob, origin engine.Origin) (*engine.Message, error) {
	j := &job{ctx: ctx, cfg: &p.cfg, origin: origin, items: p.cfg.Limits.Items, memory: p.cfg.Limits.Memory}
	return j.message(raw, origin.Key(), origin.Digest, 0)
}

// job is the work on one delivered mail: what its messages share.
type job struct {
	ctx    context.Context
	cfg    *Config
	origin engine.Origin
	items  int   // messages that may still be made
	memory int64 // bytes of leaves that may still be held in memory
}

// message parses one message, nesting messages deep. Its digest is given when
// somebody had to compute it before.
func (j *job) message(raw engine.Blob, id, digest string, nesting int) (*engine.Message, error) {
	if err := j.ctx.Err(); err != nil {
		return nil, err
	}
	b := &builder{job: j, nesting: nesting, msg: &engine.Message{Raw: raw}}
	m := b.msg
	m.Meta.ID, m.Meta.Size, m.Meta.SHA256 = id, int(raw.Size()), digest
	m.Meta.Source, m.Meta.Account, m.Meta.Folder = j.origin.Source, j.origin.Account, j.origin.Folder
	m.Mailbox = engine.Mailbox{Name: j.cfg.MailboxName, OwnDomains: j.cfg.OwnDomains}
	src, err := b.load(raw)
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	if err := b.build(src); err != nil {
		return nil, err
	}
	m.Defects = b.defects.list
	return m, nil
}

// source is the raw message as the layers read it, cut at Limits.Message.
type source struct {
	mem  []byte      // the bytes, when they are in memory
	blob engine.Blob // else
	size int64
	root *section

	bareCR bool // lines of a streamed message end in CR alone
}

// unix makes LFs of the line ends of a streamed message, one for one.
func (s *source) unix(r io.Reader) io.Reader {
	if s.bareCR {
		return crReader{r}
	}
	return r
}

// crReader turns every CR into an LF.
type crReader struct{ io.Reader }

func (c crReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// load scans the structure and, if nobody did, digests the message in the same
// pass.
func (b *builder) load(raw engine.Blob) (*source, error) {
	limits := b.job.cfg.Limits
	src := &source{blob: raw, size: min(raw.Size(), limits.Message)}
	if raw.Size() > limits.Message {
		b.defects.limit(engine.DefectMessageSize, "", "message of %d bytes, %d were read", raw.Size(), limits.Message)
	}
	src.size = min(src.size, withoutPlist(raw))
	if m, ok := raw.(engine.Bytes); ok || raw.Size() <= inMemory(limits) {
		var err error
		if !ok {
			m, err = engine.ReadAll(raw, raw.Size())
		}
		if b.msg.Meta.SHA256 == "" {
			b.msg.Meta.SHA256 = digest(m)
		}
		src.mem = unixLines(m[:min(src.size, int64(len(m)))])
		src.size = int64(len(src.mem))
		src.root = scan(memLines(src.mem), limits, &b.defects)
		return src, err
	}
	return src, b.loadStream(src)
}

func (b *builder) loadStream(src *source) error {
	r, err := src.blob.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	head := make([]byte, window)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return err
	}
	src.bareCR = endsInCR(head[:n])
	whole := io.MultiReader(bytes.NewReader(head[:n]), r)
	if b.msg.Meta.SHA256 != "" {
		return b.scanStream(src, src.unix(whole))
	}
	h := sha256.New()
	if err := b.scanStream(src, src.unix(io.TeeReader(whole, h))); err != nil {
		return err
	}
	_, err = io.Copy(h, whole) // what lies beyond the cap
	b.msg.Meta.SHA256 = hex.EncodeToString(h.Sum(nil))
	return err
}

// scanStream scans, and reads to the end of what is looked at.
func (b *builder) scanStream(src *source, r io.Reader) error {
	l := streamLines(io.LimitReader(r, src.size))
	src.root = scan(l, b.job.cfg.Limits, &b.defects)
	if l.err != nil {
		return l.err
	}
	_, err := io.Copy(io.Discard, l.r)
	return err
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// unixLines turns a message whose only line ends are bare CRs into one with LFs.
func unixLines(raw []byte) []byte {
	if !endsInCR(raw[:min(len(raw), window)]) {
		return raw
	}
	return bytes.ReplaceAll(raw, []byte{'\r'}, []byte{'\n'})
}

// endsInCR tells from the start of a message whether its only line ends are
// bare CRs.
func endsInCR(head []byte) bool {
	return bytes.IndexByte(head, '\n') < 0 && bytes.Count(head, []byte{'\r'}) >= 2
}

// MarkupAt is engine.Config.MarkupAt for the pages of a Parser with these limits.
func MarkupAt(limits engine.Limits) func(raw string, n []int) []int {
	return func(raw string, n []int) []int { return htmltext.RawOffsets(raw, n, htmltext.Options{Limits: limits}) }
}
