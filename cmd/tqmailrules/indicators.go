package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

var indicatorsCommand = command{
	name:    "indicators",
	args:    "[flags] [FILE...]",
	summary: "find indicators in text or HTML",
	long: `
Reads files, or standard input, and prints the indicators found: type, value,
where, and what is remarkable about each. With --jsonl it reads lines
{"id", "format", "text"} and writes lines {"id", "found": [{"type", "value"}]}
with the short names of types; a line that is not JSON is told and left out.

examples:
  tqmailrules indicators report.txt
  tqmailrules indicators --format html lure.html
  tqmailrules indicators --jsonl < cases.jsonl > found.jsonl`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		i := &indicators{}
		fs.StringVar(&i.format, "format", "text", "what is read, `text|html`")
		fs.BoolVar(&i.jsonl, "jsonl", false, "read and write lines of JSON")
		fs.BoolVar(&i.json, "json", false, "write findings as JSON")
		return i.run
	},
}

// maxText is how much of one text is looked at, in bytes.
const maxText = 64 << 20

type indicators struct {
	format      string
	jsonl, json bool
}

func (i *indicators) run(ctx context.Context, a *app, args []string) exit {
	if i.format != "text" && i.format != "html" {
		return a.usage("indicators", "--format is text or html, not %q", i.format)
	}
	if len(args) == 0 {
		args = []string{"-"}
	}
	code := exitOK
	for _, path := range args {
		code = worst(code, i.file(ctx, a, path))
	}
	return code
}

func (i *indicators) file(ctx context.Context, a *app, path string) exit {
	r := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return a.usage("indicators", "%v", err)
		}
		defer f.Close()
		r = f
	}
	if i.jsonl {
		return i.lines(ctx, a, r)
	}
	b, err := io.ReadAll(io.LimitReader(r, maxText))
	if err != nil {
		return a.fail(err)
	}
	found, err := findIn(ctx, string(b), i.format)
	if err != nil {
		return a.fail(err)
	}
	i.write(a, found)
	return exitOK
}

// findIn runs the built-in extractor over one text.
func findIn(ctx context.Context, text, format string) ([]engine.Finding, error) {
	part := engine.InputPart{PartInfo: engine.PartInfo{ID: engine.PartText, Kind: "text", MIME: "text/plain", Size: len(text)}, Text: text}
	if format == "html" {
		page := pageOf(text)
		part.PartInfo = engine.PartInfo{ID: engine.PartHTML, Kind: "html", MIME: "text/html", Size: len(text)}
		part.Page = &page
	}
	return extract.New(extract.Config{}).Extract(ctx, engine.Input{Parts: []engine.InputPart{part}})
}

type foundIndicator struct {
	Type     string   `json:"type"`
	Value    string   `json:"value"`
	Original string   `json:"original,omitempty"`
	Context  string   `json:"context"`
	Start    int      `json:"start"`
	End      int      `json:"end"`
	Flags    []string `json:"flags,omitempty"`
	Parent   string   `json:"parent,omitempty"`
}

func (i *indicators) write(a *app, found []engine.Finding) {
	var t ui.Table
	all := []foundIndicator{}
	for _, f := range found {
		row := foundIndicator{f.Type, f.Value, "", f.Spot.Context.String(), f.Spot.Span.Start, f.Spot.Span.End, f.Flags.Names(), f.Parent}
		if f.Original != f.Value {
			row.Original = f.Original
		}
		all = append(all, row)
		t.Row(f.Type, ui.Line(f.Value, 200), row.Context, ui.Line(strings.Join(row.Flags, " "), 100))
	}
	if i.json {
		a.printJSON(all)
		return
	}
	t.Write(a.out, "")
}

// lines answers a stream of cases.
func (i *indicators) lines(ctx context.Context, a *app, r io.Reader) (code exit) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxText)
	out := bufio.NewWriter(a.out)
	defer out.Flush()
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for n := 1; in.Scan(); n++ {
		if len(in.Bytes()) == 0 {
			continue
		}
		c := question{ID: json.RawMessage(`""`)}
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			code = worst(code, a.usage("indicators", "line %d: %v", n, err))
			continue
		}
		found, err := findIn(ctx, c.Text, c.Format)
		if err != nil {
			return a.fail(fmt.Errorf("line %d: %w", n, err))
		}
		enc.Encode(answer(c.ID, found)) // the writer remembers what fails
	}
	if err := in.Err(); err != nil {
		return a.fail(err)
	}
	return code
}

// question is one line of --jsonl. Its id comes back as it is, text or number.
type question struct {
	ID     json.RawMessage `json:"id"`
	Format string          `json:"format"`
	Text   string          `json:"text"`
}

type shortFinding struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type answered struct {
	ID    json.RawMessage `json:"id"`
	Found []shortFinding  `json:"found"`
}

// answer names each (type, value) once.
func answer(id json.RawMessage, found []engine.Finding) answered {
	out := answered{id, []shortFinding{}}
	seen := map[shortFinding]bool{}
	for _, f := range found {
		s := shortFinding{engine.ShortByType(f.Type), f.Value}
		if !seen[s] {
			seen[s] = true
			out.Found = append(out.Found, s)
		}
	}
	return out
}

func pageOf(html string) engine.Page {
	page, _ := htmltext.Project(html, htmltext.Options{Limits: engine.Limits{}.WithDefaults(), ParseURL: names.ParseURL})
	return page
}
