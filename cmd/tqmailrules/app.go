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
	name    string
	args    string // synopsis of what follows the name
	summary string
	long    string // help, with examples
	flags   func(*flag.FlagSet) (run func(ctx context.Context, a *app, args []string) exit)
}

// commands in the order in which help lists them.
func commands() []command {
	return []command{
		checkCommand, dryRunCommand, runCommand, testCommand, explainCommand, inspectCommand, indicatorsCommand,
		queryCommand, demoCommand, schemaCommand, completionCommand(), versionCommand,
	}
}

// main runs the command that args name.
func (a *app) main(ctx context.Context, args []string) exit {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help", "-help"}, args[0]) {
		return a.help(args)
	}
	if args[0] == "--version" || args[0] == "-version" {
		args = append([]string{versionCommand.name}, args[1:]...)
	}
	c, ok := find(args[0])
	if !ok {
		return a.unknownCommand(args[0])
	}
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	run := c.flags(fs)
	rest, err := parseFlags(fs, args[1:])
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

func (a *app) unknownCommand(name string) exit {
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

func find(name string) (command, bool) {
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return command{}, false
	}
	return all[i], true
}

func commandNames() (all []string) {
	for _, c := range commands() {
		all = append(all, c.name)
	}
	return all
}

func (a *app) help(args []string) exit {
	if len(args) > 1 {
		c, ok := find(args[1])
		if !ok {
			return a.unknownCommand(args[1])
		}
		a.commandHelp(c)
		return exitOK
	}
	fmt.Fprint(a.out, "tqmailrules: a rules engine for security mailboxes\n\nusage: tqmailrules COMMAND [flags] [arguments]\n\n")
	var t ui.Table
	for _, c := range commands() {
		t.Row(c.name, c.summary)
	}
	t.Write(a.out, "  ")
	fmt.Fprint(a.out, "\ntqmailrules help COMMAND tells more about one.\nexit status: 0 fine, 1 a test failed, 2 rules or usage are wrong, 3 mail quarantined, 4 environment\n")
	return exitOK
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
