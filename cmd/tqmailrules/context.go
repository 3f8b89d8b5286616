package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine/extract/dictionary"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

var contextImportCommand = command{
	name:    "context import",
	args:    "[-o FILE] [--name NAME] FILE...",
	summary: "make a dictionary of STIX bundles and MISP galaxies",
	long: `
Reads STIX 2.0 and 2.1 bundles, such as ATT&CK, and cluster files of MISP galaxies,
which are told by their content, and writes what they name, a JSON object for each
line: malware, adversaries, attack patterns, tools, vulnerabilities, campaigns, and
tags for what a galaxy holds else. What is revoked or deprecated is left out. A
configuration names the result under context.dictionaries.

A file that is neither, or that ends early, is an error, and nothing is written.

examples:
  tqmailrules context import -o attack.jsonl enterprise-attack.json
  tqmailrules context import --name galaxy -o actors.jsonl threat-actor.json`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		i := &contextImport{}
		fs.StringVar(&i.out, "o", "", "`file` to write; standard output when left out")
		fs.StringVar(&i.name, "name", "", "`name` of the dictionary, which objects carry; that of the file when left out")
		return i.run
	},
}

type contextImport struct{ out, name string }

func (i *contextImport) run(_ context.Context, a *app, args []string) exit {
	if len(args) == 0 {
		return a.usage("context import", "give a STIX bundle or a MISP galaxy")
	}
	var all []dictionary.Entry
	for _, path := range args {
		name := i.name
		if name == "" {
			name = dictionaryName(path)
		}
		entries, code := readDictionary(a, "context import", path, name)
		if code != exitOK {
			return code
		}
		all = append(all, entries...)
	}
	if _, err := dictionary.New(dictionary.Config{Entries: all}); err != nil {
		return a.usage("context import", "%v", err)
	}
	var b bytes.Buffer
	if err := dictionary.Write(&b, all); err != nil {
		return a.fail(err)
	}
	if i.out == "" {
		if _, err := b.WriteTo(a.out); err != nil {
			return a.fail(err)
		}
	} else if err := writeWhole(i.out, b.Bytes()); err != nil {
		return a.fail(err)
	}
	writeCounts(a.err, all)
	return exitOK
}

// dictionaryName is the name of a file without its ending.
func dictionaryName(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// readDictionary reads a file of any form that is known, and tells what is wrong
// with it.
func readDictionary(a *app, command, path, name string) ([]dictionary.Entry, exit) {
	f, err := os.Open(path)
	if err != nil {
		return nil, a.usage(command, "%v", err)
	}
	defer f.Close()
	entries, problems, err := dictionary.ReadAny(f, name)
	for _, p := range problems {
		fmt.Fprintf(a.err, "%s: %s\n", path, ui.Line(p, 300))
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, a.usage(command, "%s: it ends early, after %d names; nothing is taken of it", path, len(entries))
	case err != nil:
		return nil, a.usage(command, "%s: %v", path, err)
	}
	return entries, exitOK
}

// writeWhole writes a file whole or not at all.
func writeWhole(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".context-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain once it has its name
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// writeCounts tells how many entries there are of each type.
func writeCounts(w io.Writer, all []dictionary.Entry) {
	var t ui.Table
	names := 0
	for _, kind := range dictionary.Types {
		n := 0
		for _, e := range all {
			if e.Type == kind {
				n, names = n+1, names+1+len(e.Aliases)
			}
		}
		if n > 0 {
			t.Row(kind, n)
		}
	}
	t.Row("names", names)
	t.Write(w, "")
}

var contextListCommand = command{
	name:    "context list",
	args:    "[--type T] [--json] [FILE...]",
	summary: "show what dictionaries know",
	long: `
Lists type, name, id and other names of what dictionaries hold, of the built-in
one when no file is given. Files are in the form that context import writes, STIX
bundles or MISP galaxies.

examples:
  tqmailrules context list
  tqmailrules context list --type Adversary attack.jsonl`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		l := &contextList{}
		fs.StringVar(&l.kind, "type", "", "`type` to list: "+strings.Join(dictionary.Types, ", "))
		fs.BoolVar(&l.json, "json", false, "write JSON")
		return l.run
	},
}

type contextList struct {
	kind string
	json bool
}

func (l *contextList) run(_ context.Context, a *app, args []string) exit {
	if l.kind != "" && !slices.Contains(dictionary.Types, l.kind) {
		hint := ""
		if near, ok := yamlfile.Nearest(l.kind, dictionary.Types); ok {
			hint = "; did you mean " + strconv.Quote(near) + "?"
		}
		return a.usage("context list", "no type %q%s", l.kind, hint)
	}
	all, code := dictionaries(a, "context list", args)
	if code != exitOK {
		return code
	}
	if l.kind != "" {
		all = slices.DeleteFunc(all, func(e dictionary.Entry) bool { return e.Type != l.kind })
	}
	if l.json {
		a.printJSON(append([]dictionary.Entry{}, all...))
		return exitOK
	}
	var t ui.Table
	for _, e := range all {
		t.Row(e.Type, ui.Line(e.Name, 60), ui.Line(e.ID, 20), ui.Line(strings.Join(e.Aliases, ", "), 160))
	}
	t.Write(a.out, "")
	return exitOK
}

// dictionaries reads files, or returns the built-in dictionary when there are none.
func dictionaries(a *app, command string, paths []string) (all []dictionary.Entry, code exit) {
	if len(paths) == 0 {
		return dictionary.Builtin(), exitOK
	}
	for _, path := range paths {
		entries, code := readDictionary(a, command, path, dictionaryName(path))
		if code != exitOK {
			return nil, code
		}
		all = append(all, entries...)
	}
	return all, exitOK
}

var contextFindCommand = command{
	name:    "context find",
	args:    "[--dictionary FILE]... [--json] FILE...|-",
	summary: "show the names in texts, and why others do not count",
	long: `
Reads texts and lists the names of dictionaries in them: what counts, what speaks
for it, and what does not count: names that are words of daily use need a capital
and evidence in the text around them, such as "ransomware", an id, or a name that is
beyond doubt. Without --dictionary the built-in one is used.

The exit status is 0 whether something is found or not.

examples:
  tqmailrules context find report.txt
  tqmailrules context find --dictionary attack.jsonl - < report.txt`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		f := &contextFind{}
		fs.Var(&f.dictionaries, "dictionary", "`file` with a dictionary; may be given several times")
		fs.BoolVar(&f.json, "json", false, "write JSON")
		return f.run
	},
}

type contextFind struct {
	dictionaries list
	json         bool
}

// judgedName is a name in a text.
type judgedName struct {
	Type       string `json:"type"`
	Value      string `json:"value"`
	Original   string `json:"original"`
	ID         string `json:"id,omitempty"`
	Dictionary string `json:"dictionary,omitempty"`
	Counts     bool   `json:"counts"`
	Evidence   string `json:"evidence,omitempty"`
	Against    string `json:"against,omitempty"`
	Wanting    string `json:"wanting,omitempty"`
	Sentence   string `json:"sentence"`
	Start      int    `json:"start"`
	End        int    `json:"end"`
}

func (c *contextFind) run(_ context.Context, a *app, args []string) exit {
	if len(args) == 0 {
		return a.usage("context find", "give a text, or - for standard input")
	}
	entries, code := dictionaries(a, "context find", c.dictionaries)
	if code != exitOK {
		return code
	}
	x, err := dictionary.New(dictionary.Config{Entries: entries, MaxText: maxText})
	if err != nil {
		return a.usage("context find", "%v", err)
	}
	all := []judgedName{}
	for _, path := range args {
		text, code := readText(a, "context find", path)
		if code != exitOK {
			return code
		}
		for _, j := range x.Judge(text) {
			at := x.Sentence(text, j.Spot.Span)
			all = append(all, judgedAs(j, text[at.Start:at.End]))
		}
	}
	if c.json {
		a.printJSON(all)
		return exitOK
	}
	c.write(a, all)
	return exitOK
}

// readText reads a text, of standard input for "-".
func readText(a *app, command, path string) (string, exit) {
	r := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", a.usage(command, "%v", err)
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, maxText))
	if err != nil {
		return "", a.fail(err)
	}
	return string(b), exitOK
}

func judgedAs(j dictionary.Judged, sentence string) judgedName {
	n := judgedName{
		Type: j.Type, Value: j.Value, Original: j.Original, ID: j.Extra["id"], Dictionary: j.Extra["dictionary"], Counts: j.Counts,
		Evidence: j.Speaks, Against: j.Against, Sentence: ui.Line(strings.TrimSpace(sentence), 120), Start: j.Spot.Span.Start, End: j.Spot.Span.End,
	}
	if !j.Counts {
		n.Wanting = j.Wanting()
	}
	return n
}

func (c *contextFind) write(a *app, all []judgedName) {
	var t, refused ui.Table
	for _, n := range all {
		value := strings.TrimSpace(ui.Line(n.Value, 60) + " " + ui.Line(n.ID, 20))
		switch {
		case n.Counts && n.Evidence != "":
			t.Row(n.Type, value, ui.Line(n.Original, 60), "for: "+ui.Line(n.Evidence, 40))
		case n.Counts:
			t.Row(n.Type, value, ui.Line(n.Original, 60), "")
		default:
			why := n.Wanting
			if n.Against != "" {
				why = "against: " + ui.Line(n.Against, 40) + "; " + why
			}
			refused.Row(n.Type, value, ui.Line(n.Original, 60), why)
		}
	}
	t.Write(a.out, "")
	if refused.Len() > 0 {
		fmt.Fprintln(a.out, "does not count:")
		refused.Write(a.out, "  ")
	}
}
