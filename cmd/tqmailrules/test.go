package main

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
	"github.com/tqmailrules/tqmailrules/rules"
	"github.com/tqmailrules/tqmailrules/rules/ruletest"
)

var testCommand = command{
	name:    "test",
	args:    "[flags] RULES...",
	summary: "run the tests beside rule files",
	long: `
Runs every case of the test files (NAME.test.yaml) that arguments name: files,
folders or patterns. A case gives mails in time order and says what must come of
them; what would be shipped can be kept as a golden file.

examples:
  tqmailrules test examples/rules
  tqmailrules test --run spearphish --json rules/pair.test.yaml
  tqmailrules test --update rules/            write golden files anew
  tqmailrules test --junit report.xml rules/`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		t := &tester{}
		fs.StringVar(&t.only, "run", "", "run only cases whose name contains this `text`")
		fs.BoolVar(&t.update, "update", false, "write golden files instead of comparing")
		fs.BoolVar(&t.inProcess, "in-process", false, "open attachments in this process, unconfined")
		fs.BoolVar(&t.json, "json", false, "write results as JSON")
		fs.StringVar(&t.junit, "junit", "", "write JUnit XML to `file` as well")
		fs.BoolVar(&t.verbose, "v", false, "name cases that pass too")
		fs.StringVar(&t.config, "c", "", "`configuration` to take extractors from, for test files that name none")
		fs.IntVar(&t.cover, "min-cover", 0, "fail when fewer than this `percent` of the rules match in some case")
		return t.run
	},
}

type tester struct {
	loaded                map[string]*loaded // by configuration; "" is none
	only, junit, config   string
	update, json, verbose bool
	inProcess             bool
	cover                 int
}

// tested is the outcome of all test files.
type tested struct {
	Results []ruletest.Result `json:"results"`
	Passed  int               `json:"passed"`
	Failed  int               `json:"failed"`
	Rules   int               `json:"rules"`
	Matched int               `json:"matched"`
	Never   []string          `json:"never_matched"`
}

func (t *tester) run(ctx context.Context, a *app, args []string) exit {
	if len(args) == 0 {
		return a.usage("test", "no rule or test files given")
	}
	if t.cover < 0 || t.cover > 100 {
		return a.usage("test", "--min-cover is a number from 0 to 100, not %d", t.cover)
	}
	paths, err := testFiles(args)
	if err != nil {
		return a.usage("test", "%v", err)
	}
	all := tested{Results: []ruletest.Result{}, Never: []string{}}
	t.loaded = map[string]*loaded{}
	defer func() {
		for _, l := range t.loaded {
			l.close()
		}
	}()
	code := exitOK
	for _, p := range paths {
		code = worst(code, t.file(ctx, a, p, &all))
	}
	if code != exitOK {
		return code
	}
	if t.only != "" && len(all.Results) == 0 {
		return a.usage("test", "no case has %q in its name", t.only)
	}
	return worst(t.write(a, &all), t.verdict(a, &all))
}

func (t *tester) verdict(a *app, all *tested) exit {
	if t.cover > 0 && all.Matched*100 < t.cover*all.Rules {
		fmt.Fprintf(a.err, "tqmailrules test: %d of %d rules matched in some case, want %d %%\n", all.Matched, all.Rules, t.cover)
		return exitUnexpected
	}
	if all.Failed > 0 {
		return exitUnexpected
	}
	return exitOK
}

// testFiles finds test files; a rule file stands for the test file beside it.
func testFiles(args []string) ([]string, error) {
	for i, arg := range args {
		beside := strings.TrimSuffix(arg, filepath.Ext(arg)) + testSuffix
		if info, err := os.Stat(arg); err == nil && !info.IsDir() && !strings.HasSuffix(arg, testSuffix) {
			if _, err := os.Stat(beside); err != nil {
				return nil, fmt.Errorf("%s has no tests: there is no %s", arg, beside)
			}
			args[i] = beside
		}
	}
	return yamlFiles(args, "test files (NAME"+testSuffix+")", func(name string) bool { return strings.HasSuffix(name, testSuffix) })
}

// file runs the cases of one test file.
func (t *tester) file(ctx context.Context, a *app, path string, all *tested) exit {
	data, err := os.ReadFile(path)
	if err != nil {
		return a.fail(err)
	}
	file, diags := ruletest.Load(path, data)
	if code := a.diagnose(diags); code != exitOK {
		return code
	}
	l, code := t.configured(ctx, a, cmp.Or(file.Config, t.config))
	if code != exitOK {
		return code
	}
	opt := ruleOptions(l.cfg, l.finders, false)
	set, diags, err := loadRules(file.Rules, opt)
	if err != nil {
		return a.usage("test", "%s: %v", path, err)
	}
	if code := a.diagnose(diags.Errors()); code != exitOK {
		return code
	}
	if code := a.diagnose(file.Check(set)); code != exitOK {
		return code
	}
	return t.cases(ctx, a, set, l, file, all)
}

// configured loads the extractors of a configuration, once for all test files.
func (t *tester) configured(ctx context.Context, a *app, path string) (*loaded, exit) {
	if l, ok := t.loaded[path]; ok {
		return l, exitOK
	}
	l := &loaded{cfg: &settings.Config{}, finders: builtin()}
	if path != "" {
		if code := l.configure(ctx, a, "test", path); code != exitOK {
			return nil, code
		}
	}
	l.ready(a, t.inProcess)
	t.loaded[path] = l
	return l, exitOK
}

func (t *tester) cases(ctx context.Context, a *app, set *rules.Set, l *loaded, file *ruletest.File, all *tested) exit {
	env := t.env(l)
	env.Sinks = set.Sinks()
	maps.Copy(env.Secrets, file.Secrets)
	var results []ruletest.Result
	for i := range file.Cases {
		c := &file.Cases[i]
		if !strings.Contains(c.Name, t.only) {
			continue
		}
		res, err := ruletest.Run(ctx, env, set, file, c)
		if errors.Is(err, fs.ErrNotExist) {
			return a.usage("test", "%v", err) // a mail that the case names
		}
		if err != nil {
			return a.fail(err)
		}
		results = append(results, res)
		if res.Passed {
			all.Passed++
		} else {
			all.Failed++
		}
	}
	matched, count, never := ruletest.Coverage(set, results)
	all.Results = append(all.Results, results...)
	all.Matched, all.Rules, all.Never = all.Matched+matched, all.Rules+count, append(all.Never, never...)
	return exitOK
}

func (t *tester) env(l *loaded) ruletest.Env {
	env := ruletest.Env{
		Parser: func(m ruletest.Mailbox) engine.Parser {
			return parserFor(&settings.Config{Mailbox: settings.Mailbox(m)})
		},
		Extractors: l.finders.all, Unpacker: l.opener, Secrets: maps.Clone(l.secrets), DomainOf: domainOf, MarkupAt: mail.MarkupAt(engine.Limits{}), Listed: l.finders.listed(),
		Store:    func() engine.Store { return mem.New() },
		ReadFile: os.ReadFile,
	}
	if t.update {
		env.WriteFile = writeGolden
	}
	return env
}

func writeGolden(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func (t *tester) write(a *app, all *tested) exit {
	if t.json {
		a.printJSON(all)
	} else {
		t.text(a, all)
	}
	if t.junit == "" {
		return exitOK
	}
	if err := os.WriteFile(t.junit, junit(all), 0o644); err != nil {
		return a.fail(err)
	}
	return exitOK
}

func (t *tester) text(a *app, all *tested) {
	for _, r := range all.Results {
		switch {
		case !r.Passed:
			fmt.Fprintf(a.out, "FAIL  %s: %s\n", r.Pos, r.Case)
			for _, f := range r.Failures {
				fmt.Fprintf(a.out, "      %s: %s\n", f.Pos, f.Message)
			}
		case r.Updated:
			fmt.Fprintf(a.out, "wrote %s: %s\n", r.Pos, r.Case)
		case t.verbose:
			fmt.Fprintf(a.out, "ok    %s: %s\n", r.Pos, r.Case)
		}
	}
	fmt.Fprintf(a.out, "%d passed, %d failed; %d of %d rules matched in some case\n", all.Passed, all.Failed, all.Matched, all.Rules)
	if len(all.Never) > 0 && t.only == "" { // a few cases cannot be meant to match them all
		fmt.Fprintf(a.out, "never matched: %s\n", strings.Join(all.Never, ", "))
	}
}

type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []junitSuite
	}
	junitSuite struct {
		XMLName  xml.Name `xml:"testsuite"`
		Name     string   `xml:"name,attr"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Cases    []junitCase
	}
	junitCase struct {
		XMLName xml.Name `xml:"testcase"`
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *junitFailure
	}
	junitFailure struct {
		XMLName xml.Name `xml:"failure"`
		Message string   `xml:"message,attr"`
		Text    string   `xml:",chardata"`
	}
)

// junit writes one suite per test file.
func junit(all *tested) []byte {
	var suites junitSuites
	for _, r := range all.Results {
		n := len(suites.Suites)
		if n == 0 || suites.Suites[n-1].Name != r.File {
			suites.Suites = append(suites.Suites, junitSuite{Name: r.File})
			n++
		}
		s := &suites.Suites[n-1]
		c := junitCase{Class: r.File, Name: r.Case}
		s.Tests++
		if !r.Passed {
			s.Failures++
			c.Failure = &junitFailure{Message: r.Failures[0].Message}
			for _, f := range r.Failures {
				c.Failure.Text += f.Pos.String() + ": " + f.Message + "\n"
			}
		}
		s.Cases = append(s.Cases, c)
	}
	out, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return nil // strings and numbers always marshal
	}
	return append([]byte(xml.Header), append(out, '\n')...)
}
