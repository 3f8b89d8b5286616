package ewssim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// dumpedFolder is a folder without ids.
type dumpedFolder struct {
	Mailbox string       `json:"mailbox"`
	Path    string       `json:"path"`
	Known   string       `json:"known,omitempty"`
	Class   string       `json:"class,omitempty"`
	Items   []dumpedItem `json:"items"`
}

// dumpedItem is an item without ids and change keys.
type dumpedItem struct {
	Subject    string   `json:"subject"`
	Class      string   `json:"class"`
	Received   string   `json:"received"`
	Read       bool     `json:"read"`
	Categories []string `json:"categories,omitempty"`
	Properties []string `json:"properties,omitempty"` // "key = value" of extended ones that were set
	SHA256     string   `json:"sha256,omitempty"`     // of the MIME content
	Size       int      `json:"size"`
}

// Dump is the state as JSON: the folders of each mailbox by path, with their items
// by time, subject and content. Equal states have equal dumps, whatever the seed
// and the order in which they came about. Folders that are empty and that every
// mailbox has are left out.
func (s *Server) Dump() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []dumpedFolder{}
	for _, email := range slices.Sorted(keys(s.store.boxes)) {
		b := s.store.boxes[email]
		for _, f := range b.known["root"].below() {
			if f.known == "" || len(f.items) > 0 {
				all = append(all, dumped(f))
			}
		}
	}
	slices.SortFunc(all, func(a, b dumpedFolder) int {
		return cmp.Or(strings.Compare(a.Mailbox, b.Mailbox), strings.Compare(a.Path, b.Path))
	})
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(all) // has nothing that cannot be written
	return out.Bytes()
}

func dumped(f *folder) dumpedFolder {
	d := dumpedFolder{Mailbox: f.box.email, Path: f.path(), Known: f.known, Class: f.class, Items: []dumpedItem{}}
	for _, it := range f.items {
		d.Items = append(d.Items, dumpedOf(it))
	}
	slices.SortStableFunc(d.Items, func(a, b dumpedItem) int {
		return cmp.Or(strings.Compare(a.Received, b.Received), strings.Compare(a.Subject, b.Subject), strings.Compare(a.SHA256, b.SHA256))
	})
	return d
}

func dumpedOf(it *item) dumpedItem {
	title, _ := it.title().(string)
	d := dumpedItem{Subject: title, Class: it.class, Received: stamp(it.received), Read: it.read, Categories: it.categories, Size: len(it.raw)}
	if it.raw != nil {
		sum := sha256.Sum256(it.raw)
		d.SHA256 = hex.EncodeToString(sum[:])
	}
	for key, p := range it.props {
		d.Properties = append(d.Properties, key+" = "+p.value+strings.Join(p.values, ", "))
	}
	slices.Sort(d.Properties)
	return d
}
