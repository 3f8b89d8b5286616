// Package dictionary finds names in the text of a mail and its attachments:
// malware, adversaries, attack patterns, tools, vulnerabilities, campaigns and
// tags, as a dictionary lists them, and the numbers by which such things go
// (APT28, T1059.001, CAPEC-63).
//
// A dictionary is a list of entries: a type, a name, an id, other names. It comes
// from STIX bundles (ReadSTIX), MISP galaxies (ReadMISP), files in the form of
// this package (Read, Write), or is built in (Builtin).
//
// A text is cut into tokens: runs of letters, runs of digits, single ideographs.
// Case does not count. An automaton over the words of the dictionary reads the
// tokens once, so names end at the borders of words, and APT29, APT-29 and APT 29
// are one name. Of names that overlap the leftmost counts, and of those the
// longest. Names inside URLs, host names and addresses do not count: those are
// indicators themselves.
//
// A name counts where it stands, unless it is ambiguous: made of words of daily use,
// of three letters or fewer, or said to be so by its entry. Then it is weighed:
//
//   - its sentence: words that go with malware or adversaries, its id, words that make
//     something else of it (street, GmbH, a first name), how it is written;
//   - its text: words of security and of other worlds, about a hundred on either side,
//     within its paragraph;
//   - names beside it that count, and places near where the same thing is proven.
//
// One that needs no evidence does not count where nothing is about security and much
// about something else. See weigh, climate and decideAll for the sums; the evidence of
// a finding says what counted most.
//
// Time is linear in the text; memory is the names in it, Config.MaxFindings of them
// for one part at most and 50,000 that need evidence. The package opens no file and no connection.
package dictionary

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/multimatch"
)

// Types of entries: rule names, as engine has them.
const (
	Malware       = "Malware"
	Adversary     = "Adversary"
	AttackPattern = "Attack Pattern"
	Tool          = "Tool"
	Vulnerability = "Vulnerability"
	Campaign      = "Campaign"
	Tag           = "Tag"
)

// Types lists them.
var Types = []string{Malware, Adversary, AttackPattern, Tool, Vulnerability, Campaign, Tag}

// Entry is a thing that has names.
type Entry struct {
	Type       string   `json:"type"`
	Name       string   `json:"name"`         // canonical
	ID         string   `json:"id,omitempty"` // G0016, T1059.001, CVE-2021-44228, CAPEC-63
	Aliases    []string `json:"aliases,omitempty"`
	Ambiguous  bool     `json:"ambiguous,omitempty"` // Name is also something else in the world: needs evidence
	Shared     []string `json:"shared,omitempty"`    // those of Aliases that are
	Case       bool     `json:"case,omitempty"`      // counts only as written
	Dictionary string   `json:"dictionary,omitempty"`
}

// Config of an Extractor.
type Config struct {
	Name        string  // of the extractor; "context" when empty
	Entries     []Entry // of two with the same name the first counts
	MaxFindings int     // of one part; 50,000 when 0
	MaxText     int     // bytes of one part that are read; 8 MiB when 0
}

// Extractor finds the names of a dictionary. It is safe for concurrent use.
type Extractor struct {
	cfg      Config
	info     engine.ExtractorInfo
	words    vocabulary // of names, and words that say something about names
	schemes  []int8     // by symbol: index into schemes plus one
	names    *multimatch.Automaton
	forms    []form           // the value of a name is its first form
	ids      map[string]int32 // entries by id
	means    []meaning        // of words, by symbol
	doubtful []bool           // by entry: a name of it may be something else

	scans  sync.Pool // of *scan, which are too large for the stack
	mu     sync.RWMutex
	extras map[extraKey]map[string]string // what findings say beside their value; shared by all that say the same
}

var _ engine.Extractor = (*Extractor)(nil)

// New returns an extractor of the names in cfg.Entries. Its error says by how much
// they exceed what fits: 1,000,000 names, spellings included, or 64 MiB of them.
func New(cfg Config) (*Extractor, error) {
	if cfg.Name == "" {
		cfg.Name = "context"
	}
	if cfg.MaxFindings <= 0 {
		cfg.MaxFindings = 50_000
	}
	if cfg.MaxText <= 0 {
		cfg.MaxText = 8 << 20
	}
	x := &Extractor{cfg: cfg, extras: map[extraKey]map[string]string{}, info: engine.ExtractorInfo{Name: cfg.Name, Version: "1", Types: slices.Clone(Types), Default: true}}
	if err := x.index(); err != nil {
		return nil, fmt.Errorf("dictionary %q: %w", cfg.Name, err)
	}
	return x, nil
}

// Info implements engine.Extractor.
func (x *Extractor) Info() engine.ExtractorInfo { return x.info }

// Wants implements engine.Extractor: what people read.
func (x *Extractor) Wants(part engine.PartInfo) bool {
	switch part.Kind {
	case "text", "html", "subject", "attachment":
		return true
	}
	return false
}

// Extract implements engine.Extractor. Its error wraps engine.ErrLimit when a part
// has more findings or more text than the configuration allows, or 50,000 names that
// need evidence, and is that of ctx when ctx ended; what was found stands.
func (x *Extractor) Extract(ctx context.Context, in engine.Input) (out []engine.Finding, err error) {
	for i := range in.Parts {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		p := &in.Parts[i]
		text := textOf(p)
		s := x.scanOf(p, text)
		s.out, s.max = out, len(out)+x.cfg.MaxFindings
		s.run()
		out = s.out
		full := len(out) >= s.max || s.full() || s.weighed > maxWeighed
		x.give(s)
		if err == nil && (len(text) > x.cfg.MaxText || full) {
			err = fmt.Errorf("names in part %q: %w: more than %d findings, %d bytes of text or %d names that need evidence", p.ID, engine.ErrLimit, x.cfg.MaxFindings, x.cfg.MaxText, maxWeighed)
		}
	}
	return out, err
}

// scanOf returns a scan that has not begun.
func (x *Extractor) scanOf(p *engine.InputPart, text string) *scan {
	s, ok := x.scans.Get().(*scan)
	if !ok {
		s = &scan{}
	}
	s.Extractor, s.part, s.text = x, p, text[:min(len(text), x.cfg.MaxText)]
	return s
}

// maxKept is how many names and notes a scan keeps room for.
const maxKept = 1 << 15

// give gives a scan back, with the memory that it has when that is little.
func (x *Extractor) give(s *scan) {
	seen, climates, sections, proven := s.seen, s.climates, s.sections, s.proven
	clear(seen)
	clear(proven)
	*s = scan{}
	if max(cap(seen), cap(climates), cap(sections)) <= maxKept {
		s.seen, s.climates, s.sections, s.proven = seen[:0], climates[:0], sections[:0], proven
	}
	x.scans.Put(s)
}

func textOf(p *engine.InputPart) string {
	if p.Kind == "html" && p.Page != nil {
		return p.Page.InnerText
	}
	return p.Text
}

// Judged is a name that stands in a text, and whether it counts.
type Judged struct {
	engine.Finding
	Counts  bool
	Speaks  string // what speaks for an ambiguous one; "" when it needs nothing
	Against string // what speaks against it
	Score   int    // of an ambiguous one
	Need    int    // the score from which it would count
}

// Judge returns the names in one plain text, also those that do not count.
func (x *Extractor) Judge(text string) (all []Judged) {
	p := &engine.InputPart{PartInfo: engine.PartInfo{ID: engine.PartText, Kind: "text"}, Text: text}
	s := x.scanOf(p, text)
	s.max, s.judged = x.cfg.MaxFindings, func(j Judged) { all = append(all, j) }
	s.run()
	return all
}

// Wanting tells what would make an ambiguous name count that does not.
func (j Judged) Wanting() string {
	switch {
	case j.Counts:
		return ""
	case j.Against == lowerCase:
		return "a name begins with a capital"
	case j.Against == longerWord:
		return "a name stands by itself"
	case j.Against == byBelonging:
		return "something about security"
	case j.Need-j.Score > sameKind:
		return fmt.Sprintf("evidence %d of %d: a word such as ransomware beside it, or its id", j.Score, j.Need)
	}
	return fmt.Sprintf("evidence %d of %d: a word such as malware in the same sentence, or a name beyond doubt", j.Score, j.Need)
}

// Size returns how many names and spellings the extractor looks for, and about how
// many bytes of memory their automaton and words take.
func (x *Extractor) Size() (names, bytes int) {
	_, bytes = x.names.Size()
	for _, w := range x.words.words {
		bytes += len(w) + 16
	}
	return len(x.forms), bytes + 16*len(x.words.slots) + 8*len(x.words.filter) + 40*len(x.forms) + 4*len(x.means)
}
