package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/internal/warninglist"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// allowlists reads the lists of well-known values that a configuration names. What is
// wrong with a file is told at the place that names it; entries that are left out are
// warnings.
func allowlists(cfg settings.Allowlists) (*warninglist.Set, yamlfile.Diagnostics) {
	set := warninglist.New()
	var diags yamlfile.Diagnostics
	for _, pattern := range cfg.Paths {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			diags = append(diags, cfg.Errorf("allowlists: there is no file %s", pattern))
			continue
		}
		slices.Sort(paths)
		for _, path := range paths {
			diags = append(diags, addList(set, cfg.Node, path)...)
		}
	}
	return set, diags
}

func addList(set *warninglist.Set, n *yamlfile.Node, path string) (diags yamlfile.Diagnostics) {
	f, err := os.Open(path)
	if err != nil {
		return yamlfile.Diagnostics{n.Errorf("allowlists: %s: %v", path, errors.Unwrap(err))}
	}
	defer f.Close()
	problems, err := set.Add(f)
	if err != nil {
		return yamlfile.Diagnostics{n.Errorf("allowlists: %s: %v", path, err)}
	}
	for _, p := range problems {
		d := n.Errorf("allowlists: %s: left out %s", path, p)
		d.Severity = yamlfile.Warning
		diags = append(diags, d)
	}
	return diags
}

// listed asks the lists of a configuration; nil when it has none.
func (f *finders) listed() func(typ, value string) []string {
	if f.known == nil || f.known.Len() == 0 {
		return nil
	}
	return f.known.Lists
}
