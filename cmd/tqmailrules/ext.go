package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// kitFail reports what went wrong in a command of the ext group: the author's
// errors, and what is wrong with a module, are not those of the environment.
func (a *app) kitFail(name string, err error) exit {
	var own *extkit.Author
	var module *wasm.Error
	switch {
	case errors.As(err, &own):
		fmt.Fprintf(a.err, "tqmailrules %s: %v\n", name, err)
		if own.Hint != "" {
			fmt.Fprintf(a.err, "  hint: %s\n", own.Hint)
		}
		return exitAuthor
	case errors.As(err, &module):
		fmt.Fprintf(a.err, "tqmailrules %s: %v\n", name, err)
		writeTrace(a.err, module.Trace)
		return exitAuthor
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist):
		return a.usage(name, "%v", err)
	}
	return a.fail(err)
}

// writeTrace writes the calls that led to an error of a module.
func writeTrace(w io.Writer, trace string) {
	for line := range strings.Lines(trace) {
		fmt.Fprintf(w, "    in %s\n", ui.Line(strings.TrimSpace(line), 160))
	}
}

// configFlag reads the value of --config: JSON, or @FILE.
func configFlag(value string) (json.RawMessage, error) {
	data := []byte(value)
	if path, ok := strings.CutPrefix(value, "@"); ok {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	switch {
	case len(data) == 0:
		return nil, nil
	case !json.Valid(data):
		return nil, &extkit.Author{Text: "the configuration is not JSON", Hint: `--config '{"key": "value"}', or --config @FILE`}
	}
	return data, nil
}

// kitInput is what a module may see of a mail: all that a rule could ask for.
func kitInput(msg *engine.Message) engine.Input {
	return engine.Input{MessageID: msg.Meta.ID, Date: msg.Meta.Received, Parts: engine.InputParts(msg, []string{"headers", "body", "attachments"})}
}

// ran is one mail in a module, for people and for --json.
type ran struct {
	Mail         string           `json:"mail"`
	Found        []extkit.Finding `json:"found"`
	Error        string           `json:"error,omitempty"`
	Trace        string           `json:"trace,omitempty"`
	Notes        []wasm.Note      `json:"notes,omitempty"`
	Log          []string         `json:"log,omitempty"`
	Fuel         int64            `json:"fuel"`
	Memory       int64            `json:"memory"`
	Milliseconds float64          `json:"milliseconds"`
}

// runModule hands one mail to a module. Only ctx ends it with an error: what the
// module does wrong is part of the result.
func (a *app) runModule(ctx context.Context, x *wasm.Extractor, mail string, in engine.Input) (ran, error) {
	start := a.now()
	r, err := x.Run(ctx, in)
	if ctx.Err() != nil {
		return ran{}, ctx.Err()
	}
	out := ran{Mail: mail, Found: extkit.Findings(r.Findings), Notes: r.Notes, Fuel: r.Fuel, Memory: r.Memory}
	out.Milliseconds = float64(a.now().Sub(start).Round(time.Microsecond)) / float64(time.Millisecond)
	for _, l := range r.Log {
		out.Log = append(out.Log, [...]string{"info", "warning"}[min(max(l.Level, 0), 1)]+": "+l.Text)
	}
	var trouble *wasm.Error
	if err != nil {
		out.Error = err.Error()
	}
	if errors.As(err, &trouble) {
		out.Trace = trouble.Trace
	}
	return out, nil
}
