package threatqsim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// Dumped is an object without ids and without the simulator's times.
type Dumped struct {
	Kind        string   `json:"kind"`
	Key         string   `json:"key"`
	Type        string   `json:"type,omitempty"`
	Status      string   `json:"status,omitempty"`
	Description string   `json:"description,omitempty"`
	HappenedAt  any      `json:"happened_at,omitempty"`
	Score       *int64   `json:"manual_score,omitempty"`
	Raw         string   `json:"raw,omitempty"`        // SHA-256 of a spearphish's mail, or of the text of a signature
	Recipients  []string `json:"recipients,omitempty"` // "To a@b.example"
	Name        string   `json:"name,omitempty"`       // of a file, and from here on what it is
	SHA256      string   `json:"sha256,omitempty"`
	Size        int      `json:"size,omitempty"`
	Locked      bool     `json:"malware_locked,omitempty"`
	Attributes  []string `json:"attributes,omitempty"` // "Name: value", as often as it stands there
	Sources     []string `json:"sources,omitempty"`    // "name (TLP)"
	Tags        []string `json:"tags,omitempty"`
	Comments    []string `json:"comments,omitempty"`
	Related     []string `json:"related,omitempty"` // "kind: type: key", files with their SHA-256, events with their time
}

// Dump is the object graph as canonical JSON: equal graphs have equal dumps,
// whatever the seed, the order of requests and the clock.
func (s *Server) Dump() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Dumped{}
	for _, name := range kindNames() {
		for _, n := range s.state.collections[name].all() {
			all = append(all, dumped(n))
		}
	}
	return canonical(all)
}

func canonical(all []Dumped) []byte {
	texts := make([][]byte, len(all))
	for i := range all {
		texts[i], _ = json.Marshal(all[i]) // has nothing that cannot be written
	}
	slices.SortFunc(texts, bytes.Compare)
	var out bytes.Buffer
	_ = json.Indent(&out, append(append([]byte("["), bytes.Join(texts, []byte(","))...), ']'), "", "  ")
	return append(out.Bytes(), '\n')
}

func dumped(n *node) Dumped {
	d := Dumped{
		Kind: n.kind.name, Key: n.key, Type: n.typ.text(), Status: n.status.text(), Description: n.description,
		HappenedAt: stamp(n.happened), Score: n.manual,
	}
	if n.text != "" {
		d.Raw = digest(n.text)
	}
	if n.file != nil {
		d.Name, d.SHA256, d.Size, d.Locked = n.file.name, n.file.sha256, len(n.file.content), n.file.locked
	}
	d.Recipients = sorted(n.recipients, func(r recipient) string { return r.field + " " + r.address })
	d.Attributes = sorted(n.attrs, func(a *attribute) string { return a.name.name + ": " + a.value })
	d.Sources = sorted(n.sources, func(s *source) string { return s.row.name + " (" + cmp.Or(s.tlp.text(), "no TLP") + ")" })
	d.Tags = sorted(n.tags, (*row).text)
	d.Comments = sorted(n.comments, func(m *comment) string { return m.value })
	for peer := range n.links {
		d.Related = append(d.Related, peer.natural())
	}
	slices.Sort(d.Related)
	return d
}

func (r *row) text() string {
	if r == nil {
		return ""
	}
	return r.name
}

// natural names an object in a dump.
func (n *node) natural() string {
	parts := []string{n.kind.name}
	if n.typ != nil {
		parts = append(parts, n.typ.name)
	}
	parts = append(parts, n.key)
	switch n.kind.name {
	case "attachments":
		parts = append(parts, n.file.sha256)
	case "events":
		parts = append(parts, n.happened.Format(wire.TimeLayout))
	}
	return strings.Join(parts, ": ")
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func sorted[T any](list []T, show func(T) string) []string {
	var out []string
	for _, v := range list {
		out = append(out, show(v))
	}
	slices.Sort(out)
	return out
}
