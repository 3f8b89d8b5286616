package ruletest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// shipment is what a golden file holds of one mail: the graph that its sinks
// would get.
type shipment struct {
	Mail        string                   `json:"mail"`
	Disposition engine.Disposition       `json:"disposition"`
	Reason      string                   `json:"reason,omitempty"`
	Sinks       []string                 `json:"sinks,omitempty"`
	Events      []engine.EventRecord     `json:"events,omitempty"`
	Files       []engine.FileRecord      `json:"files,omitempty"`
	Indicators  []engine.IndicatorRecord `json:"indicators,omitempty"`
	Objects     []engine.ObjectRecord    `json:"objects,omitempty"`
	Relations   []string                 `json:"relations,omitempty"`
	Defects     []engine.Defect          `json:"defects,omitempty"`
}

func shipmentOf(name string, o *engine.Outcome) shipment {
	s := shipment{Mail: name, Disposition: o.Disposition, Reason: o.Reason, Defects: o.Defects}
	for _, b := range o.Batches {
		if s.Sinks = append(s.Sinks, b.Sink); len(s.Sinks) > 1 {
			continue
		}
		s.Events, s.Files, s.Indicators, s.Objects = b.Events, b.Files, b.Indicators, b.Objects
		for _, r := range b.Relations {
			s.Relations = append(s.Relations, relationText(r))
		}
	}
	return s
}

func relationText(r engine.Relation) string { return refText(r.From) + " -> " + refText(r.To) }

func refText(r engine.Ref) string {
	return r.Kind + " " + strings.ReplaceAll(r.Key, "\x1f", " ")
}

// golden compares what the case ships with its golden file, or writes it.
func golden(env Env, c *Case, outcomes []*engine.Outcome, res *Result) error {
	var all []shipment
	for i, o := range outcomes {
		all = append(all, shipmentOf(c.Messages[i].Name, o))
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	want, err := env.ReadFile(c.Golden)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	same := err == nil && bytes.Equal(want, got.Bytes())
	switch {
	case same:
	case env.WriteFile != nil:
		res.Updated = true
		return env.WriteFile(c.Golden, got.Bytes())
	case err != nil:
		res.Failures = append(res.Failures, Failure{c.Pos, fmt.Sprintf("golden file %s is missing: write it with --update", c.Golden)})
	default:
		res.Failures = append(res.Failures, Failure{c.Pos, fmt.Sprintf("golden file %s differs at %s", c.Golden, firstDifference(want, got.Bytes()))})
	}
	return nil
}

// firstDifference shows the first line that differs.
func firstDifference(want, got []byte) string {
	w, g := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = strings.TrimSpace(w[i])
		}
		if i < len(g) {
			b = strings.TrimSpace(g[i])
		}
		if a != b {
			return fmt.Sprintf("line %d: want %s, got %s", i+1, a, b)
		}
	}
	return "its end"
}
