package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// exit is the status of the process; of several reasons the highest counts.
type exit int

const (
	exitOK          exit = 0
	exitUnexpected  exit = 1 // expectations of a test failed
	exitAuthor      exit = 2 // rules, configuration or usage are wrong
	exitQuarantined exit = 3 // some mail could not be handled and was kept
	exitEnvironment exit = 4 // disk, network, permissions; work is kept for the next run
)

// app is one invocation of the program. Tests run it with writers of their own.
type app struct {
	in  io.Reader
	out io.Writer // results
	err io.Writer // talk
	env func(string) (string, bool)
	now func() time.Time
}

// command is one subcommand.
type command struct {
	name    string // of two words when it is of a group: "ext build"
	args    string // synopsis of what follows the name
	summary string
	long    string // help, with examples
	flags   func(*flag.FlagSet) (run func(ctx context.Context, a *app, args []string) exit)
}

// commands in the order in which help lists them.
func commands() []command {
	return []command{
		initCommand, importConfigCommand, checkCommand, dryRunCommand, runCommand, testCommand, explainCommand, inspectCommand, unpackCommand, indicatorsCommand,
		queryCommand, demoCommand,
		statusCommand, pendingCommand, quarantineCommand, shipCommand, shippedCommand, reprocessCommand, retractCommand, purgeCommand, fetchCommand, cronCommand, simCommand,
		extNewCommand, extBuildCommand, extTestCommand, extRunCommand, extInspectCommand,
		extPackCommand, extKeygenCommand, extSignCommand, extVerifyCommand,
		contextImportCommand, contextListCommand, contextFindCommand,
		schemaCommand, completionCommand(), versionCommand,
	}
}

// groups are the first words of commands of two words, with what help says of
// them all.
var groups = map[string]string{
	"ext":     "write, build, test, run and sign extractor modules",
	"context": "dictionaries of malware, adversaries and techniques",
}

// main runs the command that args name.
func (a *app) main(ctx context.Context, args []string) exit {
	if len(args) == 0 || isHelp(args[0]) {
		return a.help(args)
	}
	if args[0] == workerCommand {
		return serveUnpacking(a)
	}
	if args[0] == "--version" || args[0] == "-version" {
		args = append([]string{versionCommand.name}, args[1:]...)
	}
	args = vendorArgs(args)
	if groups[args[0]] != "" && (len(args) == 1 || isHelp(args[1])) {
		return a.help([]string{"help", args[0]})
	}
	c, args, ok := find(args)
	if !ok {
		return a.unknownCommand(args)
	}
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	run := c.flags(fs)
	rest, err := parseFlags(fs, args)
	out := &written{Writer: a.out}
	a.out = out
	switch {
	case errors.Is(err, flag.ErrHelp):
		a.commandHelp(c)
		return exitOK
	case err != nil:
		return a.usage(c.name, "%v", err)
	}
	code := run(ctx, a, rest)
	if out.err != nil && code != exitEnvironment {
		return a.fail(out.err)
	}
	return code
}

// written remembers that results could not be written, so that no command ends
// well on a full disk.
type written struct {
	io.Writer
	err error
}

func (w *written) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	w.err = cmp.Or(w.err, err)
	return n, err
}

func isHelp(word string) bool {
	return slices.Contains([]string{"help", "-h", "--help", "-help"}, word)
}

func (a *app) unknownCommand(args []string) exit {
	name := args[0]
	if groups[name] != "" && len(args) > 1 {
		name += " " + args[1]
	}
	fmt.Fprintf(a.err, "tqmailrules: unknown command %q\n", name)
	if near, ok := yamlfile.Nearest(name, commandNames()); ok {
		fmt.Fprintf(a.err, "  hint: did you mean %s?\n", near)
	}
	return exitAuthor
}

// parseFlags lets flags stand before and after arguments; -- ends them.
func parseFlags(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		before := len(args)
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if used := before - len(left); used > 0 && args[used-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// find returns the command that the first word or two of args name, and what
// follows them; all of args when there is none.
func find(args []string) (c command, rest []string, ok bool) {
	words := 1
	if groups[args[0]] != "" {
		words = min(2, len(args))
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == strings.Join(args[:words], " ") })
	if i < 0 {
		return command{}, args, false
	}
	return all[i], args[words:], true
}

func commandNames() (all []string) {
	for _, c := range commands() {
		all = append(all, c.name)
	}
	return all
}

func (a *app) help(args []string) exit {
	switch {
	case len(args) == 2 && groups[args[1]] != "":
		a.groupHelp(args[1])
		return exitOK
	case len(args) > 1:
		c, _, ok := find(args[1:])
		if !ok {
			return a.unknownCommand(args[1:])
		}
		a.commandHelp(c)
		return exitOK
	}
	fmt.Fprint(a.out, "tqmailrules: a rules engine for security mailboxes\n\nusage: tqmailrules COMMAND [flags] [arguments]\n\n")
	var t ui.Table
	told := map[string]bool{}
	for _, c := range commands() {
		group, _, two := strings.Cut(c.name, " ")
		switch {
		case !two:
			t.Row(c.name, c.summary)
		case !told[group]:
			told[group] = true
			t.Row(group, groups[group])
		}
	}
	t.Write(a.out, "  ")
	fmt.Fprint(a.out, "\ntqmailrules help COMMAND tells more about one.\nexit status: 0 fine, 1 a test failed, 2 rules or usage are wrong, 3 mail quarantined, 4 environment\n")
	return exitOK
}

// groupHelp lists the commands of a group.
func (a *app) groupHelp(group string) {
	fmt.Fprintf(a.out, "usage: tqmailrules %s COMMAND [flags] [arguments]\n\n%s:\n\n", group, groups[group])
	var t ui.Table
	for _, c := range commands() {
		if strings.HasPrefix(c.name, group+" ") {
			t.Row(c.name, c.summary)
		}
	}
	t.Write(a.out, "  ")
	fmt.Fprintf(a.out, "\ntqmailrules help %s COMMAND tells more about one.\n", group)
}

func (a *app) commandHelp(c command) {
	fmt.Fprintf(a.out, "usage: tqmailrules %s\n\n%s\n", strings.TrimSpace(c.name+" "+c.args), strings.TrimSpace(c.long))
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.flags(fs)
	var t ui.Table
	fs.VisitAll(func(f *flag.Flag) {
		kind, use := flag.UnquoteUsage(f)
		name := "-"
		if len(f.Name) > 1 {
			name = "--"
		}
		t.Row(strings.TrimSpace(name+f.Name+" "+kind), use)
	})
	if t.Len() > 0 {
		fmt.Fprintln(a.out, "\nflags:")
		t.Write(a.out, "  ")
	}
}

// usage reports a wrong command line.
func (a *app) usage(name, format string, args ...any) exit {
	fmt.Fprintf(a.err, "tqmailrules %s: %s\n  hint: tqmailrules help %s\n", name, fmt.Sprintf(format, args...), name)
	return exitAuthor
}

// fail reports an error of the environment.
func (a *app) fail(err error) exit {
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted; what is not done is left for the next run")
	}
	fmt.Fprintf(a.err, "tqmailrules: %v\n", err)
	return exitEnvironment
}

// diagnose writes what is wrong with files of the author, and returns the exit
// status: warnings alone are fine.
func (a *app) diagnose(diags yamlfile.Diagnostics) exit {
	if len(diags) > 0 {
		fmt.Fprintln(a.err, diags.Sorted())
	}
	if len(diags.Errors()) > 0 {
		return exitAuthor
	}
	return exitOK
}

func (a *app) printJSON(v any) {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	enc.Encode(v)
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func worst(all ...exit) exit { return slices.MaxFunc(all, cmp.Compare) }
