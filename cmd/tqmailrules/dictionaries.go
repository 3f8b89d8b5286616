package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract/dictionary"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// contextName is what rules call the extractor that knows what texts are about.
const contextName = "context"

// ownDictionary is the extractor of our own dictionary, which many commands share.
var ownDictionary = sync.OnceValue(func() engine.Extractor {
	x, err := dictionary.New(dictionary.Config{Name: contextName, Entries: dictionary.Builtin()})
	if err != nil {
		panic(err) // it is in the program: a test finds that
	}
	return x
})

// contextExtractor is the extractor of the dictionaries of a configuration; nil when it wants
// none. What is wrong with a file is told where the configuration names it.
func contextExtractor(cfg settings.Context) (engine.Extractor, yamlfile.Diagnostics) {
	switch {
	case len(cfg.Dictionaries) == 0 && cfg.NoBuiltin:
		return nil, nil
	case len(cfg.Dictionaries) == 0:
		return ownDictionary(), nil
	}
	var entries []dictionary.Entry
	var diags yamlfile.Diagnostics
	for _, path := range cfg.Dictionaries {
		more, trouble := dictionaryFile(cfg.Node, path)
		entries, diags = append(entries, more...), append(diags, trouble...)
	}
	if !cfg.NoBuiltin { // of two entries of one name the first counts: theirs
		entries = append(entries, dictionary.Builtin()...)
	}
	x, err := dictionary.New(dictionary.Config{Name: contextName, Entries: entries})
	if err != nil {
		return nil, append(diags, cfg.Errorf("context: %v", err))
	}
	return x, diags
}

func dictionaryFile(n *yamlfile.Node, path string) (entries []dictionary.Entry, diags yamlfile.Diagnostics) {
	f, err := os.Open(path)
	if err != nil {
		return nil, yamlfile.Diagnostics{n.Errorf("context: %s: %v", path, errors.Unwrap(err))}
	}
	defer f.Close()
	entries, problems, err := dictionary.ReadAny(f, filepath.Base(path))
	if err != nil {
		d := n.Errorf("context: %s: %v", path, err)
		d.Hint = "tqmailrules context import makes a dictionary of a STIX bundle or a MISP galaxy"
		return nil, yamlfile.Diagnostics{d}
	}
	for _, p := range problems {
		d := n.Errorf("context: %s: %s", path, p)
		d.Severity = yamlfile.Warning
		diags = append(diags, d)
	}
	return entries, diags
}
