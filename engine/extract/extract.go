// Package extract finds indicators in the text of a mail: addresses, names,
// URLs, digests, file names and the like, however they were written.
//
// A text is read once. A class table sorts its bytes; a word without an anchor
// (a dot, an at sign, a colon, a bracket, digits among letters) is left at once.
// A word with one is refanged into a scratch buffer that remembers where each
// byte stood, cut at its anchors, and every candidate goes to a parser that
// validates it: addresses by net/netip, names by IDNA and the public suffix
// list, wallets by their checksum. No regular expression runs over the text.
//
// A finding says what was found in canonical form, what stood there, the bytes
// it came from in the text as it was handed over, in what kind of place, and
// flags that rules decide on. The extractor drops nothing because it is private
// or well known; it drops only what is no indicator: versions, object
// identifiers, times, code, sentences without a space after the full stop.
//
// Link-protection wrappers are opened: the target is reported in their place,
// its Original being the wrapper, with the flag Wrapped and the service in
// Extra["wrapper"]. Redirectors that cannot be opened offline are reported as
// they are, with the flag Opaque. Hosts of URLs and domains of addresses are
// reported beside them with the flag Derived and their Parent.
//
// Time is linear in the text, also for hostile texts; memory is the findings,
// at most Config.MaxFindings of them for one part. The package never opens a
// connection, reads a file or keeps anything between calls.
package extract

import (
	"context"
	"fmt"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Config of an Extractor. The zero value is what most want.
type Config struct {
	Name        string // of the extractor; "builtin" when empty
	MaxFindings int    // of one part, occurrences; 50,000 when 0
	MaxText     int    // bytes of one part that are read; 8 MiB when 0
}

// Extractor is the built-in extractor. It is safe for concurrent use.
type Extractor struct {
	cfg  Config
	info engine.ExtractorInfo
}

var _ engine.Extractor = (*Extractor)(nil)

// New returns the built-in extractor.
func New(cfg Config) *Extractor {
	if cfg.Name == "" {
		cfg.Name = "builtin"
	}
	if cfg.MaxFindings <= 0 {
		cfg.MaxFindings = 50_000
	}
	if cfg.MaxText <= 0 {
		cfg.MaxText = 8 << 20
	}
	return &Extractor{cfg, engine.ExtractorInfo{Name: cfg.Name, Version: "1", Types: slices.Clone(types), Default: true}}
}

// Info implements engine.Extractor. It is asked several times for each message
// and always gives the same list of types.
func (x *Extractor) Info() engine.ExtractorInfo { return x.info }

// Wants implements engine.Extractor: every kind of part that Extract knows.
func (x *Extractor) Wants(part engine.PartInfo) bool {
	switch part.Kind {
	case "text", "html", "header", "subject", "name", "attachment":
		return true
	}
	return false
}

// Extract implements engine.Extractor. Its error wraps engine.ErrLimit when a
// part has more findings or more text than the configuration allows, and is
// that of ctx when ctx ended; the findings up to there stand.
func (x *Extractor) Extract(ctx context.Context, in engine.Input) ([]engine.Finding, error) {
	var out []engine.Finding
	var limit error
	for i := range in.Parts {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		s := scanner{part: in.Parts[i].ID, out: out, first: len(out), max: x.cfg.MaxFindings}
		if s.read(&in.Parts[i], x.cfg.MaxText) && limit == nil {
			limit = fmt.Errorf("extract part %q: %w: more than %d findings or %d bytes of text",
				in.Parts[i].ID, engine.ErrLimit, x.cfg.MaxFindings, x.cfg.MaxText)
		}
		out = s.out
	}
	return out, limit
}

// FindText returns the findings of one plain text, in order.
func FindText(text string) []engine.Finding {
	s := scanner{part: "text", context: engine.InText, max: 1 << 20}
	s.text, s.signatures = text, signatures(text)
	s.scan()
	return s.out
}

// FindPage returns the findings of a projected HTML document: its text, its
// links and its references.
func FindPage(page *engine.Page) []engine.Finding {
	s := scanner{part: "html", max: 1 << 20}
	s.page(page, max(len(page.InnerText), len(page.Raw)))
	return s.out
}

// read scans one part and tells whether a limit cut it short.
func (s *scanner) read(p *engine.InputPart, maxText int) (cut bool) {
	text := p.Text
	if len(text) > maxText {
		text, cut = text[:maxText], true
	}
	switch {
	case p.Kind == "html" && p.Page != nil:
		cut = s.page(p.Page, maxText)
	case p.Kind == "header":
		s.header(text)
	case p.Kind == "name":
		s.name(text)
	default:
		s.context = contextOf(p.Kind)
		s.text = text
		if p.Kind == "text" {
			s.signatures = signatures(text)
		}
		s.scan()
		if p.Page != nil { // an attached page: its text is what it shows
			s.links(p.Page.Links)
		}
	}
	return cut || s.full()
}

func contextOf(kind string) engine.Context {
	switch kind {
	case "subject":
		return engine.InSubject
	case "attachment":
		return engine.InContent
	}
	return engine.InText
}
