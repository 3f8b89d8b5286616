package extkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// Built is a module that a compiler made.
type Built struct {
	Path   string // where it was written
	Module []byte // with its description
	Found  *wasm.Inspection
}

// Build compiles the project in dir, packs its description, checks the result as
// the host would, and writes it to out, or to dir/NAME.wasm when out is empty. What
// the compiler says goes to talk. Nothing is written unless all went well.
func Build(ctx context.Context, dir, out string, talk io.Writer) (*Built, error) {
	packed, description, err := readDescription(dir)
	if err != nil {
		return nil, err
	}
	raw, err := compile(ctx, dir, description.Input != "", talk)
	if err != nil {
		return nil, err
	}
	b := &Built{Path: out}
	if b.Module, err = wasm.Pack(raw, packed); err != nil {
		return nil, author("", "%s: %v", filepath.Join(dir, DescriptionFile), err)
	}
	if b.Found, err = Inspect(b.Module); err == nil {
		err = b.Found.Problem
	}
	if err != nil {
		return nil, author(programHint(b.Found), "the module would be refused: %s", Reason(err))
	}
	if b.Path == "" {
		name, err := Name(dir)
		if err != nil {
			return nil, err
		}
		b.Path = filepath.Join(dir, name+".wasm")
	}
	return b, writeFile(b.Path, b.Module)
}

// programHint is for who wrote a program and did not say so: neither marker is
// exported then.
func programHint(found *wasm.Inspection) string {
	if found == nil || found.Kind != "" {
		return ""
	}
	return `a program that reads standard input is told by "input": "frame" or "json" in ` + DescriptionFile
}

// readDescription reads extractor.json before the compiler is asked, which takes
// longer to find fault.
func readDescription(dir string) ([]byte, *wasm.Description, error) {
	name := filepath.Join(dir, DescriptionFile)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, author("tqmailrules ext new NAME makes a project", "%s has no %s", dir, DescriptionFile)
	}
	if err != nil {
		return nil, nil, err
	}
	description, err := wasm.ParseDescription(data)
	if err != nil {
		return nil, nil, author("", "%s: %v", name, err)
	}
	return data, description, nil
}

// compile runs the compiler of the project's language.
func compile(ctx context.Context, dir string, program bool, talk io.Writer) ([]byte, error) {
	l, sources, err := detect(dir)
	if err != nil {
		return nil, err
	}
	if program && l.name != "go" {
		return nil, author("compile it yourself, and tqmailrules ext pack adds the description", "programs (\"input\" in %s) are built here from Go only", DescriptionFile)
	}
	temp, err := os.MkdirTemp("", "tqmailrules-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	out := filepath.Join(temp, "module.wasm")
	steps, err := l.compile(job{dir, sources, out, program})
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		if err := runTool(ctx, step, talk); err != nil {
			return nil, err
		}
	}
	return os.ReadFile(out)
}

// runTool passes on what the tool says, and ends it when ctx does.
func runTool(ctx context.Context, cmd *exec.Cmd, talk io.Writer) error {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	err := cmd.Wait()
	if said.Len() > 0 {
		fmt.Fprintln(talk, strings.TrimSpace(said.String()))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return author("", "%s: %v", filepath.Base(cmd.Path), err)
	}
	return nil
}

// Reason is why a module is refused, without the word itself.
func Reason(err error) string {
	var refused *wasm.Error
	if errors.As(err, &refused) {
		return refused.Detail
	}
	return err.Error()
}

// Pack writes a copy of a module with a description in it, both given as files.
func Pack(module, description, out string) (*wasm.Inspection, error) {
	raw, err := os.ReadFile(module)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(description)
	if err != nil {
		return nil, err
	}
	if _, err := wasm.ParseDescription(data); err != nil {
		return nil, author("", "%s: %v", description, err)
	}
	packed, err := wasm.Pack(raw, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", module, err)
	}
	found, err := Inspect(packed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", module, err)
	}
	return found, writeFile(out, packed)
}

// Inspect reads a module as wasm.Inspect does, under the default limits. That it
// has no description, which only loading would find, is its Problem, too.
func Inspect(module []byte) (*wasm.Inspection, error) {
	found, err := wasm.Inspect(module, wasm.Limits{})
	if err != nil || found.Problem != nil || found.Description != nil {
		return found, err
	}
	for _, e := range found.Info.Exports {
		if e.Name == "tqx_describe" {
			return found, nil
		}
	}
	found.Problem = errors.New("it has no description; tqmailrules ext pack adds one")
	return found, nil
}
