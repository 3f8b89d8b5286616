package main

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
)

var initCommand = command{
	name:    "init",
	args:    "[-c DIR] [-n NAME] [flags]",
	summary: "ask for the mailbox and ThreatQ, and write a configuration",
	long: `
Writes DIR/tqmailrules.yaml, or DIR/tqmailrules-NAME.yaml, with mode 0600, the
passwords into files of their own beside it, and rules to begin with. What no flag
says is asked for on a terminal, passwords without showing them; without a terminal
nothing is asked, and what is missing is told. A question may be left empty where
an answer in brackets stands.

Without a ThreatQ host, findings go to a database in the folder.

examples:
  tqmailrules init -c /etc/tqmailrules
  tqmailrules init -c conf --threatq-host tq.example --threatq-client-id ID \
    --threatq-user u@example --threatq-password-file tq.pw --imap-host mail.example \
    --imap-user phish@example --imap-password-file imap.pw --check
  tqmailrules init -c conf --ews-server mail.example --ews-email phish@example \
    --ews-user 'CORP\phish' --ews-password-file ews.pw --ews-folders 'Inbox, Abuse'`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		i := newInitializer()
		i.register(fs)
		return i.run
	},
}

// initializer makes a configuration.
type initializer struct {
	dir, name, caFile      string
	state                  string // folder of what runs write; "": dir
	force, check, insecure bool
	answers                answers
	files                  answers // that hold secrets
}

func newInitializer() *initializer { return &initializer{answers: answers{}, files: answers{}} }

// register makes a flag of every question, and of how to write the answers.
func (i *initializer) register(fs *flag.FlagSet) {
	fs.StringVar(&i.dir, "c", ".", "`folder` to write to")
	fs.StringVar(&i.name, "n", "", "`name` of the instance")
	fs.BoolVar(&i.force, "force", false, "replace a configuration that is there")
	fs.StringVar(&i.state, "state", "", "`folder` for the store, files and results; that of the configuration when not given")
	fs.BoolVar(&i.check, "check", false, "try both ends afterwards")
	fs.StringVar(&i.caFile, "ca-file", "", "`file` with the certificates of authorities that both ends are known by")
	fs.BoolVar(&i.insecure, "insecure", false, "do not verify the certificates of both ends")
	for _, q := range questions {
		fs.Var(answerFlag{i.answers, q.flag}, q.flag, q.use)
		if q.secret {
			fs.Var(answerFlag{i.files, q.flag}, q.flag+"-file", "`file` that holds it")
		}
	}
}

// answerFlag is a flag whose value is an answer.
type answerFlag struct {
	to  answers
	key string
}

func (a answerFlag) String() string     { return "" }
func (a answerFlag) Set(v string) error { a.to[a.key] = v; return nil }

// interactive tells whether there is somebody to ask.
func (a *app) interactive() bool { return ui.IsTerminal(a.in) }

func (i *initializer) run(ctx context.Context, a *app, args []string) exit {
	if len(args) > 0 {
		return a.usage("init", "takes no arguments")
	}
	if i.name != "" && !instanceName.MatchString(i.name) {
		return a.usage("init", "the name %q: letters, digits, dots, dashes and underscores, 64 at most", i.name)
	}
	path := filepath.Join(i.dir, instanceFile(i.name, ".yaml"))
	if _, err := os.Stat(path); err == nil && !i.force {
		return a.usage("init", "%s is there; --force replaces it", path)
	}
	if err := i.readSecrets(); err != nil {
		return a.fail(err)
	}
	if err := i.ask(a); err != nil {
		return a.usage("init", "%v", err)
	}
	if err := i.write(path); err != nil {
		return a.fail(err)
	}
	fmt.Fprintf(a.out, "%s\n", path)
	return i.tried(ctx, a, path)
}

// tried checks what was written, and tries both ends if that was asked for.
func (i *initializer) tried(ctx context.Context, a *app, path string) exit {
	cfg, diags, err := readConfig(path)
	if err != nil {
		return a.fail(err)
	}
	if code := a.diagnose(diags); code != exitOK {
		return code
	}
	if !i.check {
		fmt.Fprintf(a.out, "next: tqmailrules check -c %s --connect, then tqmailrules run -c %[1]s\n", path)
		return exitOK
	}
	ends := a.connect(ctx, cfg)
	writeEnds(a.out, ends)
	if slices.ContainsFunc(ends, func(e end) bool { return !e.OK }) {
		return exitEnvironment
	}
	return exitOK
}

// readSecrets takes the secrets that stand in files.
func (i *initializer) readSecrets() error {
	for key, file := range i.files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		i.answers[key] = strings.TrimRight(string(b), "\r\n")
	}
	return nil
}

// ask completes the answers: by asking on a terminal, else by what is usual.
func (i *initializer) ask(a *app) error {
	in := bufio.NewReader(a.in)
	i.answers.infer()
	var missing []string
	for _, q := range questions {
		if q.only != nil && !q.only(i.answers) {
			continue
		}
		v, given := i.answers[q.flag]
		if !given && a.interactive() && (q.asked == nil || q.asked(i.answers)) {
			var err error
			if v, err = q.ask(a, in); err != nil {
				return err
			}
		}
		i.answers[q.flag] = cmp.Or(strings.TrimSpace(v), q.fallback)
		switch v := i.answers[q.flag]; {
		case v == "" && !q.optional:
			missing = append(missing, "--"+q.flag)
		case v != "" && q.wrong(v) != "":
			return fmt.Errorf("--%s: %s", q.flag, q.wrong(v))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not known, and nobody to ask: %s", strings.Join(missing, ", "))
	}
	return nil
}

// ask asks until there is an answer.
func (q initQuestion) ask(a *app, in *bufio.Reader) (string, error) {
	prompt := q.prompt
	if q.fallback != "" {
		prompt += " [" + q.fallback + "]"
	}
	for {
		fmt.Fprintf(a.err, "%s: ", prompt)
		v, err := q.read(a, in)
		if err != nil {
			return "", fmt.Errorf("%s: %w", q.prompt, err)
		}
		v = cmp.Or(strings.TrimSpace(v), q.fallback)
		switch {
		case v == "" && !q.optional:
			fmt.Fprintln(a.err, "  there must be an answer")
		case v != "" && q.wrong(v) != "":
			fmt.Fprintf(a.err, "  %s\n", q.wrong(v))
		default:
			return v, nil
		}
	}
}

func (q initQuestion) read(a *app, in *bufio.Reader) (string, error) {
	if !q.secret {
		line, err := in.ReadString('\n')
		if err == io.EOF && line != "" {
			err = nil
		}
		return line, err
	}
	v, err := ui.ReadSecret(a.in)
	fmt.Fprintln(a.err)
	return v, err
}

//go:embed starter/tqmailrules.yaml.tmpl
var starterConfig string

//go:embed starter/rules.yaml.tmpl
var starterRules string

// starter is what the templates see.
type starter struct {
	Name, Rules, CAFile string
	State               string // "", or a folder with a slash at its end
	Insecure            bool
	Answer              answers
	Folders, Domains    []string
	Secret              map[string]string // paths of files, by flag
}

// Pairs tells whether passwords come by other mails, or stand in the configuration.
func (st starter) Pairs() bool {
	return st.Answer["subject-string"] != "" || st.Answer["password-prefix"] != "" || st.Secret["default-file-password"] != ""
}

// write makes the files: secrets first, the configuration last.
func (i *initializer) write(path string) error {
	st := starter{
		Name: cmp.Or(i.name, "default"), Rules: strings.Replace(instanceFile(i.name, ".yaml"), "tqmailrules", "rules", 1), Insecure: i.insecure, Answer: i.answers,
		Folders: settings.SplitList(i.answers["imap-folders"] + i.answers["ews-folders"]), Domains: settings.SplitList(i.answers["own-domains"]), Secret: map[string]string{},
	}
	if i.caFile != "" {
		var err error
		if st.CAFile, err = filepath.Abs(i.caFile); err != nil {
			return err
		}
	}
	if i.state != "" {
		state, err := filepath.Abs(i.state)
		if err != nil {
			return err
		}
		st.State = state + "/"
	}
	secrets := filepath.Join(i.dir, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return err
	}
	for _, q := range questions {
		v := i.answers[q.flag]
		if !q.secret || v == "" {
			continue
		}
		name := strings.TrimPrefix(i.name+"-"+q.flag, "-")
		if err := writePrivate(filepath.Join(secrets, name), v+"\n"); err != nil {
			return err
		}
		st.Secret[q.flag] = "secrets/" + name
	}
	rules := filepath.Join(i.dir, st.Rules)
	if _, err := os.Stat(rules); errors.Is(err, os.ErrNotExist) { // what somebody has written stays
		if err := writeTemplate(rules, starterRules, st); err != nil {
			return err
		}
	}
	return writeTemplate(path, starterConfig, st)
}

func writeTemplate(path, text string, st starter) error {
	t, err := template.New("").Funcs(template.FuncMap{"quote": strconv.Quote, "single": singleQuoted, "folder": quotedFolder}).Parse(text)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, st); err != nil {
		return err
	}
	return writePrivate(path, b.String())
}

// quotedFolder is one folder, also where its name holds what separates folders.
func quotedFolder(name string) string {
	if strings.ContainsAny(name, `,"`) {
		name = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return strconv.Quote(name)
}

// singleQuoted is a text in YAML in which a backslash is one.
func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// writePrivate writes a file that its owner alone can read, whole or not at all.
func writePrivate(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".init-*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain once it has its name
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
