package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
)

// Pair is the part that a mail plays in a pairing.
type Pair struct {
	Role  string `json:"role"`  // locked or password
	State string `json:"state"` // offered, waiting, paired, expired or none
	Key   string `json:"key,omitempty"`
}

func (p Pair) String() string {
	words := []string{p.Role, p.State}
	if p.Key == "" {
		return strings.Join(words, ", ")
	}
	return strings.Join(append(words, "key "+ui.Line(p.Key, 80)), ", ")
}

// Tried counts the passwords of one origin.
type Tried struct {
	Origin    string `json:"origin"` // rule, same mail, partner, default, token, well-known password
	Passwords int    `json:"passwords"`
}

// PairOf is nil for a mail that has no part in a pairing.
func PairOf(it *engine.Item) *Pair {
	p := it.Message.Pair
	if p.Role == "" {
		return nil
	}
	return &Pair{p.Role, p.State, p.Key}
}

// TriedOn counts the passwords that there were, nil when nothing needed one: an
// S/MIME envelope needs a key.
func TriedOn(it *engine.Item) (all []Tried) {
	if !slices.ContainsFunc(it.Message.Files, func(p *engine.Part) bool { return p.Encrypted && p.FileType != "p7m" }) {
		return nil
	}
	for _, t := range it.Tried {
		all = append(all, Tried{t.Origin.String(), t.Passwords})
	}
	return all
}

// TriedText writes the counts in a line.
func TriedText(all []Tried) string {
	var words []string
	for _, t := range all {
		words = append(words, fmt.Sprintf("%s %d", t.Origin, t.Passwords))
	}
	return strings.Join(words, ", ")
}

// FilesOf are the attachments of an item and what is inside them, shipped or not.
func FilesOf(it *engine.Item) (all []File) {
	for _, p := range it.Message.Files {
		if !p.IsInline {
			all = append(all, FileOf(it, p))
		}
	}
	return all
}

// FileOf says what opening a file came to.
func FileOf(it *engine.Item, p *engine.Part) File {
	f := File{Name: p.FileName, FileType: p.FileType, Size: int64(p.Size), SHA256: p.SHA256, Path: p.Path, Facts: factsOf(p), Metadata: p.Metadata}
	switch {
	case p.Locked():
		f.State, f.Because = "locked", whyLocked(it, p)
	case p.Decrypted:
		f.State, f.OpenedBy = "opened", p.OpenedBy
	}
	return f
}

// whyLocked is what the reader of a file said about it.
func whyLocked(it *engine.Item, p *engine.Part) string {
	for _, d := range it.Defects {
		if d.Code == engine.DefectLocked && d.Part == p.Path {
			return d.Detail
		}
	}
	return "it was not opened"
}

// remarkable are the facts of a file that are shown without being asked for, and
// how they are called. What only says what a file is called or who wrote it is not
// among them.
var remarkable = []struct{ fact, label string }{
	{"auto_macro", "runs by itself"},
	{"macro_sheets", "macro sheets"},
	{"dde", "DDE"},
	{"javascript", "JavaScript"},
	{"open_action", "on opening"},
	{"launch_action", "launches"},
	{"external_target", "loads"},
	{"object_class", "object"},
	{"smuggled", "smuggles"},
	{"target", "starts"},
	{"relative_path", "starts beside it"},
	{"arguments", "with"},
	{"hidden_text", "hidden text"},
	{"hidden_sheets", "hidden sheets"},
	{"hidden_members", "hidden members"},
	{"self_extracting", "self-extracting"},
	{"pretended_encryption", "only pretends to be locked"},
	{"signer", "signature, not checked, of"},
}

// maxShown is how much of the value of a fact is shown, in characters.
const maxShown = 60

func factsOf(p *engine.Part) (all []string) {
	if p.HasMacros {
		all = append(all, "macros")
	}
	for _, payload := range p.QR[:min(3, len(p.QR))] {
		all = append(all, "QR code: "+ui.Line(payload, maxShown))
	}
	if n := len(p.QR) - 3; n > 0 {
		all = append(all, fmt.Sprintf("%d more QR codes", n))
	}
	for _, r := range remarkable {
		if value := p.Metadata[r.fact]; value == "yes" || value == "true" {
			all = append(all, r.label)
		} else if value != "" {
			all = append(all, r.label+": "+ui.Line(value, maxShown))
		}
	}
	return all
}

// Within is the name of a file, of a member with its path in the attachment.
func (f File) Within() string {
	if _, inside, ok := strings.Cut(f.Path, "/"); ok {
		return "> " + inside
	}
	return f.Name
}

// Remarks are what opening a file came to and what is remarkable about it.
func (f File) Remarks() string {
	words := slices.Clone(f.Facts)
	switch f.State {
	case "locked":
		words = append(words, "locked: "+ui.Line(f.Because, 120))
	case "opened":
		words = append(words, "opened by: "+ui.Line(f.OpenedBy, 120))
	}
	return strings.Join(words, "; ")
}
