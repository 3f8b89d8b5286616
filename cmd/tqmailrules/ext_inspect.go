package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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
(types, wanted parts, the schema of its configuration), the limits that hold unless a
configuration says otherwise, and its imports and exports. No code of the module runs. A module that would be refused ends with exit status 2
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
	Limits      inspectedLimits   `json:"limits"`
	Problem     string            `json:"problem,omitempty"`
}

// inspectedLimits are those that hold for a module unless a configuration says
// otherwise, under the names that they have there. Sizes are bytes.
type inspectedLimits struct {
	Module         int64   `json:"module"`
	Memory         int64   `json:"memory"`
	Stack          int64   `json:"stack"`
	Fuel           int64   `json:"fuel"`
	FuelPerMiB     int64   `json:"fuel_per_mib"`
	Deadline       seconds `json:"deadline"`
	DeadlinePerMiB seconds `json:"deadline_per_mib"`
	Output         int64   `json:"output"`
	Findings       int64   `json:"findings"`
	Log            int64   `json:"log"`
}

// seconds is a duration as a configuration has it.
type seconds time.Duration

func (s seconds) String() string               { return time.Duration(s).String() }
func (s seconds) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func defaultLimits() inspectedLimits {
	l := wasm.Limits{}.WithDefaults()
	return inspectedLimits{
		l.Module, l.Memory, l.Stack, l.Fuel, l.FuelPerMiB, seconds(l.Deadline), seconds(l.DeadlinePerMiB), l.Output, l.Findings, l.Log,
	}
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
		Limits: defaultLimits(), Memory: [2]int{found.Info.MemoryMin, found.Info.MemoryMax}, Functions: found.Info.Functions, Start: found.Info.Start, Imports: []string{}, Exports: []string{},
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
		for _, line := range configKeys(d.Config) {
			row("config", line)
		}
		row("input", d.Input)
		row("license", d.License)
		row("author", d.Author)
	}
	row("memory", m.memory())
	for _, l := range m.Limits.lines() {
		row("limits", l)
	}
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

// memory is what the module asks for at the start, and what it can have at most.
func (m *inspected) memory() string {
	const page = 64 << 10
	switch {
	case m.Memory[0] < 0:
		return "none"
	case m.Memory[1] < 0 || int64(m.Memory[1])*page > m.Limits.Memory:
		return fmt.Sprintf("%s, at most its limit", ui.Size(int64(m.Memory[0])*page))
	}
	return fmt.Sprintf("%s, at most %s", ui.Size(int64(m.Memory[0])*page), ui.Size(int64(m.Memory[1])*page))
}

// lines are the limits for people, without that of the file, which it has passed.
func (l inspectedLimits) lines() []string {
	return []string{
		fmt.Sprintf("fuel %s, and %s per MiB; deadline %s, and %s per MiB", millions(l.Fuel), millions(l.FuelPerMiB), l.Deadline, l.DeadlinePerMiB),
		fmt.Sprintf("memory %s, stack %s, output %s, findings %d, log %s", ui.Size(l.Memory), ui.Size(l.Stack), ui.Size(l.Output), l.Findings, ui.Size(l.Log)),
	}
}

// millions writes a count of fuel as a configuration has it.
func millions(n int64) string { return strconv.FormatInt(n/1e6, 10) + "M" }

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

// configKey is what people want to know of a key of the configuration.
type configKey struct {
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Type        string            `json:"type"`
	Items       *configKey        `json:"items"`
	Enum        []json.RawMessage `json:"enum"`
	Default     json.RawMessage   `json:"default"`
}

// configKeys are the keys of the configuration, one to a line; all there is to the
// schema is in --json.
func configKeys(schema json.RawMessage) (lines []string) {
	var s struct {
		Properties map[string]*configKey `json:"properties"`
		Required   []string              `json:"required"`
	}
	if len(schema) == 0 || json.Unmarshal(schema, &s) != nil {
		return nil
	}
	for _, name := range sortedKeys(s.Properties) {
		line := name + ": " + s.Properties[name].String()
		if slices.Contains(s.Required, name) {
			line += ", needed"
		}
		lines = append(lines, line)
	}
	return lines
}

func (k *configKey) String() string {
	parts := []string{cmp.Or(k.Type, "anything")}
	values := k.Enum
	if k.Items != nil {
		parts[0] += " of " + cmp.Or(k.Items.Type, "anything")
		values = append(values, k.Items.Enum...)
	}
	if len(values) > 0 {
		parts[0] += " (" + listed(values) + ")"
	}
	if text := cmp.Or(k.Title, k.Description); text != "" {
		parts = append(parts, text)
	}
	if len(k.Default) > 0 {
		parts = append(parts, "default "+string(k.Default))
	}
	return strings.Join(parts, ", ")
}

func listed(values []json.RawMessage) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}
