package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// instance is a module that is ready for one mail.
type instance struct {
	session
}

// fresh makes an instance and initialises it. What the module sees while it starts
// depends on the module alone, so that it does not matter when it was started.
func (x *Extractor) fresh(ctx context.Context) (*instance, error) {
	i := &instance{session{limits: x.limits, journal: journal{left: x.limits.Log}}}
	if x.command {
		i.stdout = &capped{max: x.limits.Output}
	}
	seed := sha256.Sum256([]byte("start\n" + x.digest))
	ctx = i.begin(ctx, startFuel, x.limits.Deadline, time.Time{}, seed)
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := x.compiled.instantiate(ctx, config)
	if err != nil {
		return nil, i.unstarted(err)
	}
	i.module = module
	if init := module.ExportedFunction("_initialize"); init != nil && !x.command {
		if _, err := init.Call(ctx); err != nil {
			defer i.close()
			return nil, i.lastWords(i.ended(err))
		}
	}
	return i, nil
}

// unstarted tells trouble in the start function from a module that cannot be
// linked: segments outside the memory, say.
func (i *instance) unstarted(err error) error {
	if i.stop == nil && !strings.Contains(err.Error(), "wasm stack trace") {
		return refused("instantiate: %s", firstLine(err.Error()))
	}
	return i.ended(err)
}

// lastWords adds what a module said before it failed to start. No mail was near, so
// nothing of one can stand there.
func (i *instance) lastWords(err error) error {
	var e *Error
	if lines := i.journal.all(); errors.As(err, &e) && len(lines) > 0 {
		e.Detail += fmt.Sprintf("; it said: %.200q", lines[0].Text)
	}
	return err
}

func (i *instance) close() { i.module.Close(context.Background()) }

// Result is what a module gave for one mail.
type Result struct {
	Findings []engine.Finding
	Notes    []Note
	Log      []LogLine
	Fuel     int64 // units used, without the start
	Memory   int64 // bytes of linear memory at the end
}

// Note is a remark of a module for its author.
type Note struct {
	Level string `json:"level"`
	Text  string `json:"text"`
	Part  int    `json:"part"` // index into the parts it was handed; -1 when it names none
}

// Run is Extract, with what authors want to know. With an error the rest of the
// result is what came before it.
func (x *Extractor) Run(ctx context.Context, in engine.Input) (Result, error) {
	r, err := x.run(ctx, in)
	return r, named(err, x.info.Name)
}

func (x *Extractor) run(ctx context.Context, in engine.Input) (r Result, err error) {
	parts, bytes := x.handed(in)
	if len(parts) == 0 {
		return r, nil
	}
	config, err := x.merged(in.Config)
	if err != nil {
		return r, refused("configuration: %v", err)
	}
	i, err := x.stock.take(ctx)
	if err != nil {
		return r, err
	}
	defer i.close()
	fuel, deadline := x.limits.budget(bytes)
	c := call{Extractor: x, instance: i, in: in, parts: parts, config: config}
	out, err := c.run(ctx, fuel, deadline)
	if err == nil {
		err = i.overdrawn()
	}
	r = Result{Log: i.journal.all(), Fuel: i.consumed(), Memory: int64(i.module.Memory().Size())}
	if err != nil {
		return r, err
	}
	r.Findings, r.Notes, err = x.decode(out, parts)
	return r, err
}

// call is one call of an instance with one input.
type call struct {
	*Extractor
	*instance
	in     engine.Input
	parts  []given
	config map[string]json.RawMessage
}

// run gives the input to the module and returns a copy of its output.
func (c *call) run(ctx context.Context, fuel int64, deadline time.Duration) ([]byte, error) {
	f, err := c.Extractor.frame(c.in, c.parts, c.config)
	if err != nil {
		return nil, err
	}
	seed := sha256.Sum256(append([]byte("mail\n"+c.digest), f.head...))
	ctx = c.begin(ctx, fuel, deadline, c.in.Date, seed)
	if c.command {
		return c.runCommand(ctx, f)
	}
	at, err := c.place(ctx, f)
	if err != nil {
		return nil, err
	}
	results, err := c.module.ExportedFunction("tqx_extract").Call(ctx, uint64(at), uint64(f.size))
	if err != nil {
		return nil, c.ended(err)
	}
	return c.output("tqx_extract", results[0])
}

// place asks the module for memory and copies the frame there.
func (c *call) place(ctx context.Context, f frame) (uint32, error) {
	results, err := c.module.ExportedFunction("tqx_alloc").Call(ctx, uint64(f.size))
	if err != nil {
		return 0, c.ended(err)
	}
	at := uint32(results[0])
	memory, ok := c.module.Memory().Read(at, uint32(f.size))
	switch {
	case ok && at != 0:
		return at, f.copyTo(ctx, memory)
	case c.refusedGrowth():
		return 0, &Error{Kind: Memory, Detail: fmt.Sprintf("no room for an input of %d bytes in %d MiB", f.size, c.Extractor.limits.Memory/mib)}
	}
	return 0, &Error{Kind: ABI, Detail: fmt.Sprintf("tqx_alloc(%d) returned %d, which is no room in a memory of %d bytes", f.size, at, c.module.Memory().Size())}
}

// output copies what a packed address and length point to.
func (i *instance) output(function string, packed uint64) ([]byte, error) {
	if packed == 0 {
		return nil, nil
	}
	at, n := uint32(packed>>32), uint32(packed)
	if int64(n) > i.limits.Output {
		return nil, badOutput("%d bytes; %d are allowed", n, i.limits.Output)
	}
	view, ok := i.module.Memory().Read(at, n)
	if !ok {
		return nil, &Error{Kind: ABI, Detail: fmt.Sprintf("%s returned %d bytes at %d, outside a memory of %d bytes", function, n, at, i.module.Memory().Size())}
	}
	return append(make([]byte, 0, n), view...), nil
}

// runCommand runs a program whose standard input is the mail.
func (c *call) runCommand(ctx context.Context, f frame) (out []byte, err error) {
	if c.desc.Input == "json" {
		c.stdin, err = c.line(ctx, c.in, c.parts, c.config)
	} else {
		c.stdin = make([]byte, f.size)
		err = f.copyTo(ctx, c.stdin)
	}
	if err != nil {
		return nil, err
	}
	_, err = c.module.ExportedFunction("_start").Call(ctx)
	var exit *sys.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 0) {
		return nil, c.ended(err)
	}
	if c.stdout.over {
		return nil, badOutput("more than %d bytes on standard output", c.stdout.max)
	}
	return c.stdout.data, nil
}

// askDescription calls tqx_describe.
func (x *Extractor) askDescription(ctx context.Context, info *meter.Info) ([]byte, error) {
	if !exports(info, "tqx_describe", "() -> (i64)") || x.command {
		return nil, refused("no description: neither a section %s (tqmailrules ext pack adds one) nor an export tqx_describe", Section)
	}
	i, err := x.fresh(ctx)
	if err != nil {
		return nil, err
	}
	defer i.close()
	ctx = i.begin(ctx, startFuel, x.limits.Deadline, time.Time{}, sha256.Sum256([]byte("describe\n"+x.digest)))
	results, err := i.module.ExportedFunction("tqx_describe").Call(ctx)
	if err != nil {
		return nil, i.ended(err)
	}
	return i.output("tqx_describe", results[0])
}
