package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

var extInspectCommand = command{
	name:    "ext inspect",
	args:    "[--json] MODULE.wasm",
	summary: "show what a module is and wants, without running it",
	long: `
Prints the digest of a module, by which a configuration pins it, its description
(types, wanted parts, the schema of its configuration), and its imports and exports.
No code of the module runs. A module that would be refused ends with exit status 2
and the reason.

examples:
  tqmailrules ext inspect kits.wasm
  tqmailrules ext inspect --json kits.wasm | jq -r .sha256`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		i := &extInspect{}
		fs.BoolVar(&i.json, "json", false, "write JSON")
		return i.run
	},
}

type extInspect struct{ json bool }

// inspected is a module for people and for --json.
type inspected struct {
	File        string            `json:"file"`
	Size        int               `json:"size"`
	SHA256      string            `json:"sha256"`
	Kind        wasm.ModuleKind   `json:"kind"`
	Signature   string            `json:"signature,omitempty"` // file beside it
	Description *wasm.Description `json:"description"`
	Memory      [2]int            `json:"memory_pages"` // at the start, at most; -1 when it does not say
	Functions   int               `json:"functions"`
	Start       bool              `json:"start"` // code runs when it is instantiated, before anything is called
	Imports     []string          `json:"imports"`
	Exports     []string          `json:"exports"`
	Problem     string            `json:"problem,omitempty"`
}

func (i *extInspect) run(_ context.Context, a *app, args []string) exit {
	if len(args) != 1 {
		return a.usage("ext inspect", "give one module")
	}
	module, err := os.ReadFile(args[0])
	if err != nil {
		return a.kitFail("ext inspect", err)
	}
	found, err := extkit.Inspect(module)
	if err != nil {
		return a.kitFail("ext inspect", fmt.Errorf("%s: %w", args[0], err))
	}
	m := inspection(args[0], found)
	if i.json {
		a.printJSON(m)
	} else {
		m.write(a)
	}
	if found.Problem != nil {
		return a.kitFail("ext inspect", &extkit.Author{Text: args[0] + " would be refused: " + m.Problem})
	}
	return exitOK
}

func inspection(path string, found *wasm.Inspection) *inspected {
	m := &inspected{
		File: filepath.ToSlash(path), Size: found.Size, SHA256: found.Digest, Kind: found.Kind, Description: found.Description,
		Memory: [2]int{found.Info.MemoryMin, found.Info.MemoryMax}, Functions: found.Info.Functions, Start: found.Info.Start, Imports: []string{}, Exports: []string{},
	}
	for _, i := range found.Info.Imports {
		m.Imports = append(m.Imports, fmt.Sprintf("%s.%s %s", i.Module, i.Name, i.Type))
	}
	for _, e := range found.Info.Exports {
		what := e.Kind.String()
		if e.Kind == meter.KindFunction {
			what = e.Type.String()
		}
		m.Exports = append(m.Exports, e.Name+" "+what)
	}
	if isFile(path + signatureSuffix) {
		m.Signature = m.File + signatureSuffix
	}
	if found.Problem != nil {
		m.Problem = extkit.Reason(found.Problem)
	}
	return m
}

func (m *inspected) write(a *app) {
	var t ui.Table
	row := func(name, text string) {
		if text != "" {
			t.Row(name, ui.Line(text, 400))
		}
	}
	row("file", fmt.Sprintf("%s, %s", m.File, ui.Size(int64(m.Size))))
	row("sha256", m.SHA256)
	row("signature", m.Signature)
	row("kind", string(m.Kind))
	if d := m.Description; d != nil {
		row("name", d.Name+" "+d.Version)
		row("summary", d.Summary)
		row("types", strings.Join(d.Types, ", "))
		for _, w := range d.Wants {
			row("wants", wanted(w))
		}
		row("config", compact(d.Config))
		row("input", d.Input)
		row("license", d.License)
		row("author", d.Author)
	}
	row("memory", m.memory())
	row("functions", fmt.Sprint(m.Functions))
	if m.Start {
		row("start", "runs a function when it is instantiated")
	}
	for _, i := range m.Imports {
		row("import", i)
	}
	for _, e := range m.Exports {
		row("export", e)
	}
	t.Write(a.out, "")
}

// memory is what the module asks for at the start, and at most.
func (m *inspected) memory() string {
	const page = 64 << 10
	switch {
	case m.Memory[0] < 0:
		return "none"
	case m.Memory[1] < 0:
		return ui.Size(int64(m.Memory[0]) * page)
	}
	return fmt.Sprintf("%s, at most %s", ui.Size(int64(m.Memory[0])*page), ui.Size(int64(m.Memory[1])*page))
}

// wanted is an entry of wants on one line.
func wanted(w wasm.Want) string {
	text := w.Kind
	if len(w.MIME) > 0 {
		text += " of " + strings.Join(w.MIME, " or ")
	}
	if len(w.Name) > 0 {
		text += " named " + strings.Join(w.Name, " or ")
	}
	if w.MaxBytes > 0 {
		text += ", the first " + ui.Size(w.MaxBytes)
	}
	return text
}

func compact(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	out, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(out)
}
