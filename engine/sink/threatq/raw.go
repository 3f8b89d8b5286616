package threatq

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// maxRaw is how much of a raw mail goes into an event, in bytes. It is one field
// of a database there; the whole mail is a file where it is longer.
const maxRaw = 4 << 20

// planRaw reads the source of a spearphish. What JSON cannot carry as it is,
// since it is not UTF-8, too long or holds NUL, is transcoded or cut, the event
// says so, and the mail goes as a file besides.
func (p *shipment) planRaw(e *eventPlan) ([]engine.AttributeRecord, error) {
	raw, err := readSome(e.rec.Raw, maxRaw)
	if err != nil {
		return nil, fmt.Errorf("read the raw mail of event %s: %w: %w", e.rec.Key, engine.ErrTemporary, err)
	}
	text, how := rawText(raw, e.rec.Raw.Size())
	e.raw = text
	if how == "" {
		return nil, nil
	}
	sha := cmp.Or(e.rec.Message.SHA256, e.rec.Key)
	f := &engine.FileRecord{
		Key: sha, Name: sha[:min(16, len(sha))] + ".eml", Type: "Spearphish Attachment", ContentType: "message/rfc822",
		Size: e.rec.Raw.Size(), Locked: true, Source: e.rec.Source, TLP: e.rec.TLP, Content: e.rec.Raw,
	}
	ref := engine.Ref{Kind: "file", Key: sha}
	if !p.planned(ref) {
		p.planFile(f)
	}
	p.edges = append(p.edges, edge{e.ref, ref})
	return []engine.AttributeRecord{{Name: attrLimit, Value: "raw mail: " + how}}, nil
}

func (p *shipment) planned(ref engine.Ref) bool {
	for _, f := range p.files {
		if f.ref == ref {
			return true
		}
	}
	return false
}

func readSome(b engine.Blob, n int64) ([]byte, error) {
	r, err := b.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, n))
}

// rawText makes a raw mail fit for JSON, and says what it cost: "" for nothing.
func rawText(raw []byte, size int64) (text, how string) {
	var costs []string
	if int64(len(raw)) < size {
		costs = append(costs, fmt.Sprintf("cut at %d bytes", len(raw)))
		for i := 0; i < utf8.UTFMax && !utf8.Valid(raw[max(0, len(raw)-utf8.UTFMax):]); i++ {
			raw = raw[:len(raw)-1]
		}
	}
	text = string(raw)
	if !utf8.Valid(raw) {
		text = transcoded(text)
		costs = append(costs, "not UTF-8")
	}
	if strings.ContainsRune(text, 0) {
		text = strings.ReplaceAll(text, "\x00", "\uFFFD")
		costs = append(costs, "NUL")
	}
	return text, strings.Join(costs, ", ")
}

// sampleSize is how much of what is not UTF-8 a charset is guessed from, in bytes.
const sampleSize = 64 << 10

// transcoded reads each line by itself: the parts of a mail have charsets of
// their own, and one line of Latin-1 must not spoil those in UTF-8. The charset
// of lines that are not UTF-8 is guessed from all of them.
func transcoded(raw string) string {
	var sample []byte
	for line := range strings.Lines(raw) {
		if !utf8.ValidString(line) && len(sample) < sampleSize {
			sample = append(sample, line...)
		}
	}
	decoder := charset.Detect(sample).NewDecoder()
	var out strings.Builder
	out.Grow(len(raw) + len(raw)/8)
	for line := range strings.Lines(raw) {
		if !utf8.ValidString(line) {
			if decoded, err := decoder.String(line); err == nil {
				line = decoded
			}
		}
		out.WriteString(strings.ToValidUTF8(line, "\uFFFD"))
	}
	return out.String()
}
