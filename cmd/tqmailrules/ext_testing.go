package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

var extTestCommand = command{
	name:    "ext test",
	args:    "[DIR|MODULE.wasm] [flags]",
	summary: "run a module over mails and compare with golden files",
	long: `
Builds a project, or takes a module as it is, hands it each mail of testdata/mails,
and compares what it finds with the file of the same name in testdata/golden. A mail
without a golden file is to have nothing in it. Mails inside a mail are mails of
their own and are not looked at. The configuration is that of --config, else
testdata/config.json, else empty. Exit status 1 says that something differs.

examples:
  tqmailrules ext test
  tqmailrules ext test --watch kits
  tqmailrules ext test --update --mails ~/samples kits.wasm`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		t := &extTest{}
		fs.StringVar(&t.mails, "mails", "", "`folder` of mails (*.eml); testdata/mails when left out")
		fs.StringVar(&t.golden, "golden", "", "`folder` of golden files; testdata/golden when left out")
		fs.StringVar(&t.config, "config", "", "configuration of the module: `JSON`, or @FILE")
		fs.BoolVar(&t.update, "update", false, "write what is found as what is expected")
		fs.BoolVar(&t.json, "json", false, "write JSON")
		fs.BoolVar(&t.watch, "watch", false, "run again whenever a file is saved, until interrupted")
		return t.run
	},
}

type extTest struct {
	mails, golden, config string
	update, json, watch   bool
}

// kitResult is the result of one run.
type kitResult struct {
	Module  string    `json:"module"`
	Version string    `json:"version"`
	SHA256  string    `json:"sha256"`
	Mails   []kitMail `json:"mails"`
	Passed  int       `json:"passed"`
	Failed  int       `json:"failed"`
	Written []string  `json:"written,omitempty"` // golden files, with --update
}

// kitMail is one mail of it.
type kitMail struct {
	ran
	OK       bool             `json:"ok"`
	Missing  []extkit.Finding `json:"missing"`
	Extra    []extkit.Finding `json:"extra"`
	NoGolden bool             `json:"no_golden,omitempty"`

	parts []engine.InputPart
}

func (t *extTest) run(ctx context.Context, a *app, args []string) exit {
	target, ok := oneOr(args, ".")
	if !ok {
		return a.usage("ext test", "one project or module at a time")
	}
	if !t.watch {
		return t.once(ctx, a, target)
	}
	for {
		before := extkit.Look(t.watched(target)...)
		code := t.once(ctx, a, target)
		if ctx.Err() != nil {
			return code
		}
		fmt.Fprintln(a.err, "waiting for a file to be saved; end with ctrl-c")
		if err := extkit.Changed(ctx, before, t.watched(target)...); err != nil {
			return code // interrupted, as it is meant to be
		}
	}
}

// watched are the folders on which a run depends.
func (t *extTest) watched(target string) []string {
	dirs := []string{target}
	if mails, golden, _, err := t.folders(target); err == nil {
		dirs = append(dirs, mails, golden)
	}
	return dirs
}

func (t *extTest) once(ctx context.Context, a *app, target string) exit {
	result, err := t.test(ctx, a, target)
	if err != nil {
		return a.kitFail("ext test", err)
	}
	if t.json {
		a.printJSON(result)
	} else {
		result.write(a)
	}
	if result.Failed > 0 {
		return exitUnexpected
	}
	return exitOK
}

func (t *extTest) test(ctx context.Context, a *app, target string) (*kitResult, error) {
	mails, golden, config, err := t.folders(target)
	if err != nil {
		return nil, err
	}
	paths, err := extkit.Mails(mails)
	if err != nil {
		return nil, err
	}
	x, closeHost, err := t.load(ctx, a, target, config)
	if err != nil {
		return nil, err
	}
	defer closeHost()
	result := &kitResult{Module: x.Info().Name, Version: x.Info().Version, SHA256: x.Digest(), Mails: []kitMail{}}
	for _, path := range paths {
		m, err := t.mail(ctx, a, x, path, extkit.GoldenPath(golden, path))
		if err != nil {
			return nil, err
		}
		if err := t.keep(result, m, extkit.GoldenPath(golden, path)); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// folders are where mails and golden files are, and the value of --config.
func (t *extTest) folders(target string) (mails, golden, config string, err error) {
	dir := target
	if info, err := os.Stat(target); err != nil {
		return "", "", "", err
	} else if !info.IsDir() {
		dir = filepath.Dir(target)
	}
	data, err := extkit.Testdata(dir)
	config = t.config
	if file := filepath.Join(data, "config.json"); config == "" && isFile(file) {
		config = "@" + file
	}
	return cmp.Or(t.mails, filepath.Join(data, "mails")), cmp.Or(t.golden, filepath.Join(data, "golden")), config, err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// load builds the module, or reads it, and loads it. One that was built is not
// kept in the cache: the next one is another.
func (t *extTest) load(ctx context.Context, a *app, target, config string) (x *wasm.Extractor, closeHost func(), err error) {
	given, err := configFlag(config)
	if err != nil {
		return nil, nil, err
	}
	module, built, err := t.module(ctx, a, target)
	if err != nil {
		return nil, nil, err
	}
	host, err := a.moduleHost(ctx, settings.Cache{Off: built})
	if err != nil {
		return nil, nil, err
	}
	x, err = host.Load(ctx, wasm.Config{Module: module, Config: given})
	if err != nil {
		return nil, nil, errors.Join(err, host.Close())
	}
	return x, func() { host.Close() }, nil
}

func (t *extTest) module(ctx context.Context, a *app, target string) (module []byte, built bool, err error) {
	if isFile(target) {
		module, err = os.ReadFile(target)
		return module, false, err
	}
	b, err := extkit.Build(ctx, target, "", a.err)
	if err != nil {
		return nil, false, err
	}
	return b.Module, true, nil
}

// mail runs one mail and compares.
func (t *extTest) mail(ctx context.Context, a *app, x *wasm.Extractor, path, golden string) (m kitMail, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	want, there, err := extkit.ReadGolden(golden)
	if err != nil && !t.update {
		return m, err
	}
	name := filepath.Base(path)
	msg, err := parserFor(&settings.Config{}).Parse(ctx, engine.Bytes(raw), engine.Origin{Source: "test", ID: name, Name: name})
	if err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	in := kitInput(msg)
	m.parts, m.NoGolden = in.Parts, !there
	if m.ran, err = a.runModule(ctx, x, name, in); err != nil {
		return m, err
	}
	m.Missing, m.Extra = extkit.Compare(want, m.Found)
	m.OK = m.Error == "" && len(m.Missing)+len(m.Extra) == 0
	return m, nil
}

// keep counts a mail, or writes what was found in it as its golden file.
func (t *extTest) keep(result *kitResult, m kitMail, golden string) error {
	if t.update && m.Error == "" && (!m.OK || m.NoGolden) {
		if err := extkit.WriteGolden(golden, m.Found); err != nil {
			return err
		}
		result.Written = append(result.Written, filepath.ToSlash(golden))
		m.OK, m.NoGolden, m.Missing, m.Extra = true, false, []extkit.Finding{}, []extkit.Finding{}
	}
	if m.OK {
		result.Passed++
	} else {
		result.Failed++
	}
	result.Mails = append(result.Mails, m)
	return nil
}

func (r *kitResult) write(a *app) {
	fmt.Fprintf(a.out, "%s %s\n", r.Module, r.Version)
	var t ui.Table
	var found, missing, extra, noGolden int
	var fuel int64
	var took float64
	for _, m := range r.Mails {
		t.Row(m.word(), ui.Line(m.Mail, 60), "found", len(m.Found), "missing", len(m.Missing), "extra", len(m.Extra), "fuel", m.Fuel, fmt.Sprintf("%.1f ms", m.Milliseconds))
		found, missing, extra = found+len(m.Found), missing+len(m.Missing), extra+len(m.Extra)
		fuel, took = fuel+m.Fuel, took+m.Milliseconds
		if m.NoGolden && len(m.Found) > 0 {
			noGolden++
		}
	}
	t.Write(a.out, "  ")
	for _, m := range r.Mails {
		m.explain(a)
	}
	for _, path := range r.Written {
		fmt.Fprintf(a.out, "written %s\n", path)
	}
	fmt.Fprintf(a.out, "%d mails: %d as expected, %d not; %d found, %d missing, %d extra; fuel %d, %.1f ms\n",
		len(r.Mails), r.Passed, r.Failed, found, missing, extra, fuel, took)
	if noGolden > 0 {
		fmt.Fprintf(a.out, "  hint: %d of them have no golden file; --update writes what was found as what is expected\n", noGolden)
	}
}

// word is the state of a mail.
func (m *kitMail) word() string {
	switch {
	case m.Error != "":
		return "failed"
	case !m.OK:
		return "differs"
	}
	return "ok"
}

// explain says what differs, with the text it is about.
func (m *kitMail) explain(a *app) {
	if m.OK {
		return
	}
	fmt.Fprintln(a.out, ui.Line(m.Mail, 200))
	m.trouble(a.out)
	for _, f := range m.Missing {
		m.difference(a, "missing", f)
	}
	for _, f := range m.Extra {
		m.difference(a, "extra", f)
	}
	m.talk(a.out)
}

func (m *kitMail) difference(a *app, word string, f extkit.Finding) {
	fmt.Fprintf(a.out, "  %-7s  %s  %s  %s, %s, %d to %d%s\n", word, f.Type, ui.Line(f.Value, 120), f.Part, f.Context, f.Start, f.End, attributesOf(f))
	if text := around(m.parts, f); text != "" {
		fmt.Fprintf(a.out, "           | %s\n", text)
	}
}

// attributesOf writes attributes behind a finding.
func attributesOf(f extkit.Finding) string {
	var b strings.Builder
	for _, k := range sortedKeys(f.Attributes) {
		fmt.Fprintf(&b, ", %s=%s", ui.Line(k, 40), ui.Line(f.Attributes[k], 80))
	}
	return b.String()
}

// around shows a finding in its text, between brackets; "" when it has no place.
func around(parts []engine.InputPart, f extkit.Finding) string {
	const reach = 40
	for i := range parts {
		text, ok := textOf(&parts[i], f.Context)
		if !ok || parts[i].ID != f.Part || f.End > len(text) || f.Start >= f.End || f.Start < 0 {
			continue
		}
		before := strings.ToValidUTF8(text[max(0, f.Start-reach):f.Start], "")
		after := strings.ToValidUTF8(text[f.End:min(len(text), f.End+reach)], "")
		return ui.Line(before, reach) + "[" + ui.Line(text[f.Start:f.End], 120) + "]" + ui.Line(after, reach)
	}
	return ""
}

// textOf is the text in which findings of a context are counted.
func textOf(p *engine.InputPart, context string) (string, bool) {
	switch {
	case context == engine.InSource.String() && p.Kind == "raw":
		data, err := engine.ReadAll(p.Content, int64(p.Size))
		return string(data), err == nil
	case context == engine.InSource.String():
		return p.Text, p.Kind == "html"
	case p.Kind == "html" && p.Page != nil:
		return p.Page.InnerText, context == engine.InText.String() || context == engine.InHidden.String()
	}
	return p.Text, p.Kind == context && p.Content == nil
}
