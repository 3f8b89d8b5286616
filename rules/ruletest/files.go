package ruletest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// file is an attachment or something inside one. path are the names on the way
// to it, orders.zip/march.xlsx, as engine.Indicator.Locations spells them. A test
// may name a file by the end of its path.
type file struct {
	part *engine.Part
	path string
}

// filesOf lists attachments and all that is in them.
func filesOf(attachments []*engine.Part) (all []file) {
	for _, a := range attachments {
		all = append(all, fileAnd(a, cmp.Or(a.FileName, a.Path))...)
	}
	return all
}

func fileAnd(p *engine.Part, path string) []file {
	all := []file{{p, path}}
	for _, c := range p.Children {
		all = append(all, fileAnd(c, path+strings.TrimPrefix(c.Path, p.Path))...)
	}
	return all
}

// named reports whether a test means the file at path by that name.
func named(path, name string) bool { return path == name || strings.HasSuffix(path, "/"+name) }

func opened(p *engine.Part) bool { return p.Decrypted }
func locked(p *engine.Part) bool { return p.Locked() }

// record is the file that ships with this digest, nil when none does.
func (f *facts) record(sha256 string) *engine.FileRecord {
	i := slices.IndexFunc(f.files, func(r engine.FileRecord) bool { return r.Key == sha256 })
	if i < 0 {
		return nil
	}
	return &f.files[i]
}

// paths are those of some of the files.
func (f *facts) paths(which func(*engine.Part) bool) (all []string) {
	for _, x := range f.inside {
		if which(x.part) {
			all = append(all, x.path)
		}
	}
	return all
}

// shipped are the paths of the files that ship, and the names of those that are
// no attachment, such as the raw mail.
func (f *facts) shipped() []string {
	all := f.paths(func(p *engine.Part) bool { return f.record(p.SHA256) != nil })
	for _, r := range f.files {
		if !slices.ContainsFunc(f.inside, func(x file) bool { return x.part.SHA256 == r.Key }) {
			all = append(all, r.Name)
		}
	}
	return all
}

// fileLike wants a file that ships with everything that is given.
type fileLike struct {
	name, kind string
	tags       []string
	attributes map[string]string
}

func (l fileLike) test(f *facts) string {
	why := "there is " + listed(f.shipped())
	for _, x := range f.inside {
		r := f.record(x.part.SHA256)
		if r == nil || !named(x.path, l.name) {
			continue
		}
		if why = l.differs(r); why == "" {
			return ""
		}
	}
	return fmt.Sprintf("file: %s is not as expected: %s", l.name, why)
}

func (l fileLike) differs(r *engine.FileRecord) string {
	if l.kind != "" && l.kind != r.Type {
		return fmt.Sprintf("type is %q", r.Type)
	}
	for _, t := range l.tags {
		if !slices.Contains(r.Tags, t) {
			return fmt.Sprintf("tag %s is missing; there is %s", t, listed(r.Tags))
		}
	}
	return attributesDiffer(l.attributes, r.Attributes)
}

// attributesDiffer says which of the wanted attributes is not there, and what
// has its name, "" when all are.
func attributesDiffer(want map[string]string, got []engine.AttributeRecord) string {
	for _, name := range sortedKeys(want) {
		var values []string
		for _, a := range got {
			if a.Name == name {
				values = append(values, a.Value)
			}
		}
		if !slices.Contains(values, want[name]) {
			return fmt.Sprintf("no attribute %s = %q; there is %s", name, want[name], listed(values))
		}
	}
	return ""
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
