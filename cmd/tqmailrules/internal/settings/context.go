package settings

import "github.com/tqmailrules/tqmailrules/internal/yamlfile"

// Context says by which dictionaries a text is told to be about malware, adversaries
// and the like.
type Context struct {
	NoBuiltin    bool     // ours does not count
	Dictionaries []string // files, as `context import` writes them
	*yamlfile.Node
}

// Allowlists are files with values that are well known.
type Allowlists struct {
	Paths []string // or patterns
	*yamlfile.Node
}

func (r *reader) allowlists(n *yamlfile.Node) Allowlists {
	return Allowlists{r.paths(n, "allowlists"), n}
}

// context reads what goes beside our own dictionary, or in its place. The word none turns
// all of it off.
func (r *reader) context(n *yamlfile.Node) (c Context) {
	if c.Node = n; n == nil {
		return c
	}
	if n.Kind == yamlfile.Scalar && n.Text == "none" {
		return Context{NoBuiltin: true, Node: n}
	}
	f, ok := r.Fields(n, "context", []string{"builtin", "dictionaries"})
	if !ok {
		return c
	}
	if b := f.Get("builtin"); b != nil {
		on, _ := r.Bool(b, "context.builtin")
		c.NoBuiltin = !on
	}
	c.Dictionaries = r.paths(f.Get("dictionaries"), "context.dictionaries")
	return c
}
