// Package remark collects what is remarkable about a document: facts of which
// there may be several, each told once, in the order in which they were found.
package remark

import (
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Names of facts that several formats have.
const (
	Dde      = "dde"             // a command that opening the document runs
	External = "external_target" // what is loaded from outside
	Hidden   = "hidden_text"
	Deleted  = "deleted_text" // kept as a tracked change
	Sheets   = "hidden_sheets"
	Class    = "object_class" // of an embedded object
	Auto     = "auto_macro"   // names under which macros run by themselves
	Formula  = "external_formula"
)

const (
	maxValues = 50  // of one name
	maxValue  = 300 // bytes of one
)

// Book collects. The zero value is empty.
type Book struct {
	names  []string
	values map[string][]string
}

// Add notes a fact. What was noted before, and an empty value, is left out.
func (b *Book) Add(name, value string) {
	value = strings.TrimSpace(value)
	known := b.values[name]
	if value == "" || len(known) >= maxValues {
		return
	}
	if len(value) > maxValue {
		value = value[:maxValue]
	}
	if slices.Contains(known, value) {
		return
	}
	if b.values == nil {
		b.values = map[string][]string{}
	}
	if known == nil {
		b.names = append(b.names, name)
	}
	b.values[name] = append(known, value)
}

// Link notes a link and what is shown of it. One that leads to a file, on a share
// perhaps, is a fact too: there is no URL for it.
func (b *Book) Link(t *task.Task, target, shown string) {
	t.Link(target, shown)
	lower := strings.ToLower(strings.TrimSpace(target))
	web := strings.HasPrefix(lower, "http:") || strings.HasPrefix(lower, "https:") || strings.HasPrefix(lower, "mailto:")
	if !web && (strings.Contains(lower, "://") || strings.HasPrefix(lower, `\\`)) {
		b.Add(External, target)
	}
}

// Outside notes something that is loaded from outside, and where it leads: there
// may be several addresses in one, as in "mhtml:https://a.example!x-usc:https://b.example".
func (b *Book) Outside(t *task.Task, target string) {
	b.Add(External, target)
	lower := strings.ToLower(target)
	rest := 0
	for n := 0; n < 4; n++ {
		i := strings.Index(lower[rest:], "http")
		if i < 0 {
			break
		}
		rest += i
		end := len(lower)
		if next := strings.IndexAny(lower[rest:], "!\"' "); next >= 0 {
			end = rest + next
		}
		t.Link(target[rest:end], "")
		rest = end
	}
	if rest == 0 && !strings.HasPrefix(lower, "http") {
		t.Link(target, "")
	}
}

// Tell hands everything to the task.
func (b *Book) Tell(t *task.Task) {
	for _, name := range b.names {
		t.Fact(name, strings.Join(b.values[name], "; "))
	}
}
