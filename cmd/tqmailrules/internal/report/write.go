package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
)

// Writer writes the reports of a corpus one by one, then their summary.
type Writer interface {
	Mail(Mail) error
	Summary(Summary) error
}

// JSON writes one line per mail and a last line {"summary": ...}.
func JSON(w io.Writer) Writer { return jsonWriter{json.NewEncoder(w)} }

type jsonWriter struct{ enc *json.Encoder }

func (j jsonWriter) Mail(m Mail) error { return j.enc.Encode(m) }
func (j jsonWriter) Summary(s Summary) error {
	return j.enc.Encode(struct {
		Summary Summary `json:"summary"`
	}{s})
}

// Text writes for a person at a terminal. verbose shows mails that ship
// nothing and have no defects as well, and every attribute.
func Text(w io.Writer, verbose bool) Writer { return &textWriter{w: w, verbose: verbose} }

type textWriter struct {
	w       io.Writer
	verbose bool
	err     error
}

func (t *textWriter) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// Mail implements Writer.
func (t *textWriter) Mail(m Mail) error {
	t.printf("%s  %s  %s\n", ui.Line(m.Name, 200), m.Disposition, ui.Line(m.Subject, 100))
	if m.Reason != "" {
		t.printf("  %-11s %s\n", "reason", ui.Line(m.Reason, 300))
	}
	for _, it := range m.Items {
		t.item(it)
	}
	for _, d := range m.Defects {
		t.printf("  %-11s %s\n", "defect", ui.Line(d.String(), 300))
	}
	return t.err
}

func (t *textWriter) item(it Item) {
	indent := "  "
	if it.Path != "" {
		t.printf("  %s  %s\n", it.Path, ui.Line(it.Subject, 100))
		indent = "    "
	}
	line := func(label, format string, args ...any) {
		t.printf("%s%-11s %s\n", indent, label, fmt.Sprintf(format, args...))
	}
	if it.Why != "" {
		line("ships not", "%s", ui.Line(it.Why, 200))
	}
	t.rules(it, line)
	if e := it.Event; e != nil {
		line("event", "%s, %s%s", ui.Line(e.Type, 60), e.When(), labelled(", TLP ", e.TLP)+labelled(", parsed by the ", e.Parse))
		if e.Title != it.Subject {
			line("title", "%s", ui.Line(e.Title, 200))
		}
		if t.verbose {
			for _, a := range e.Attributes {
				line("attribute", "%s = %s", ui.Line(a.Name, 60), ui.Line(a.Value, 200))
			}
		}
	}
	if len(it.Tags) > 0 {
		line("tags", "%s", ui.Line(strings.Join(it.Tags, ", "), 200))
	}
	if it.Score != 0 {
		line("score", "%d", it.Score)
	}
	if t.verbose && it.Cut != "" {
		line("cut", "%s", ui.Line(it.Cut, 200))
	}
	if t.verbose && len(it.Sinks) > 0 {
		line("sinks", "%s", strings.Join(it.Sinks, ", "))
	}
	t.files(it, line)
	for _, i := range it.Indicators {
		line("indicator", "%-16s %s%s", i.Type, ui.Line(i.Value, 200), where(i))
	}
	for _, r := range it.Related {
		line("relates", "%s", ui.Line(r, 200))
	}
	for _, d := range it.Dropped {
		line("dropped", "%-16s %s  by %s", d.Type, ui.Line(d.Value, 200), d.Rule)
	}
	for _, i := range it.Trimmed {
		line("trimmed", "%-16s %s", i.Type, ui.Line(i.Value, 200))
	}
}

// maxFiles is how many files of an item are shown unless all are asked for.
const maxFiles = 40

func (t *textWriter) files(it Item, line func(string, string, ...any)) {
	for i, f := range it.Files {
		if i == maxFiles && !t.verbose {
			line("file", "%d more; -v shows them", len(it.Files)-i)
			break
		}
		line("file", "%s  %s  %s  sha256 %.16s…%s", ui.Line(f.Within(), 120), ui.Line(f.Type, 40), ui.Size(f.Size), f.SHA256, inBrackets(f.Remarks()))
	}
	if len(it.Tried) > 0 && t.verbose {
		line("passwords", "%s", TriedText(it.Tried))
	}
	if it.Pair != nil && it.Pair.State != "none" {
		line("pair", "%s", it.Pair)
	}
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return "  (" + s + ")"
}

func (t *textWriter) rules(it Item, line func(string, string, ...any)) {
	var matched, shadow []string
	for _, r := range it.Rules {
		switch {
		case r.Error != "":
			line("error", "rule %s: %s", r.ID, ui.Line(r.Error, 200))
		case r.Result == "match" && r.Shadow:
			shadow = append(shadow, r.ID)
		case r.Result == "match":
			matched = append(matched, r.ID)
		}
	}
	if len(matched) > 0 {
		line("rules", "%s", strings.Join(matched, ", "))
	}
	if len(shadow) > 0 {
		line("shadow", "%s", strings.Join(shadow, ", "))
	}
}

func where(i Indicator) string {
	s := "  (" + strings.Join(i.Contexts, ", ")
	if len(i.Flags) > 0 {
		s += "; " + strings.Join(i.Flags, ", ")
	}
	if len(i.Extractors) > 0 {
		s += "; by " + strings.Join(i.Extractors, ", ")
	}
	if len(i.Locations) > 0 {
		s += "; in " + ui.Line(strings.Join(i.Locations[:min(3, len(i.Locations))], ", "), 200)
	}
	if i.StatusBy != "" {
		s += "; " + ui.Line(i.Status, 60) + " by " + i.StatusBy
	}
	return s + ")"
}

func labelled(label, s string) string {
	if s == "" {
		return ""
	}
	return label + s
}

// Summary implements Writer.
func (t *textWriter) Summary(s Summary) error {
	t.printf("\n%d mails, %s", s.Mails, ui.Size(s.Bytes))
	if s.Seconds > 0 {
		t.printf(", %.2f s, %.0f mails/s", s.Seconds, float64(s.Mails)/s.Seconds)
	}
	t.printf("\n")
	t.counts("became", s.Dispositions)
	t.printf("events %d, files %d\n", s.Events, s.Files)
	t.counts("indicators", s.Indicators)
	t.counts("defects", s.Defects)
	t.ruleTable(s.Rules)
	if s.Skipped > 0 {
		t.printf("%d files of the corpus are no mail and were left out\n", s.Skipped)
	}
	for _, e := range s.Errors {
		t.printf("error: %s\n", ui.Line(e, 300))
	}
	return t.err
}

func (t *textWriter) counts(title string, m map[string]int) {
	if len(m) == 0 {
		return
	}
	var table ui.Table
	for _, k := range byCount(m) {
		table.Row(k, m[k])
	}
	t.printf("%s\n", title)
	table.Write(t.w, "  ")
}

func (t *textWriter) ruleTable(rules []RuleCount) {
	if len(rules) == 0 {
		return
	}
	var table ui.Table
	table.Row("rule", "mode", "matches", "errors", "dropped")
	for _, r := range rules {
		table.Row(r.ID, r.Mode, r.Matches, r.Errors, r.Dropped)
	}
	table.Write(t.w, "")
}
