package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
)

// Where and as whom entries run unless somebody says otherwise.
const (
	cronDir  = "/etc/cron.d"
	cronUser = "root"
)

var cronCommand = command{
	name:    "cron",
	args:    "[-c CONFIG] [flags]",
	summary: "print or install a cron entry that runs a configuration",
	long: `
Prints a line for /etc/cron.d that runs the configuration on a schedule, or, with
--install, writes it there, as tqmailrules or tqmailrules-NAME. A run that is due
while another goes on ends at once, and the next one takes up what it left.

examples:
  tqmailrules cron -c /etc/tqmailrules
  tqmailrules cron -c /etc/tqmailrules --schedule "*/15 * * * *" --install`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		e := &cronEntry{}
		fs.StringVar(&e.config, "c", "", "`configuration`: a file, or a folder with tqmailrules.yaml")
		fs.StringVar(&e.name, "n", "", "`name` of the instance")
		fs.StringVar(&e.schedule, "schedule", "0 */2 * * *", "`when`: five fields of cron, or @hourly and the like")
		fs.StringVar(&e.user, "user", cronUser, "`user` that runs it")
		fs.StringVar(&e.log, "ll", "", "`folder` to log to")
		fs.IntVar(&e.verbosity, "v", 0, "`1|2|3`: verbosity of the log")
		fs.StringVar(&e.dir, "dir", cronDir, "`folder` of cron's files")
		install := fs.Bool("install", false, "write the file instead of printing the line")
		return func(_ context.Context, a *app, args []string) exit {
			switch {
			case len(args) > 0:
				return a.usage("cron", "takes no arguments")
			case *install:
				return a.installCron(*e)
			}
			line, err := e.line()
			if err != nil {
				return a.usage("cron", "%v", err)
			}
			fmt.Fprintln(a.out, line)
			return exitOK
		}
	},
}

// cronEntry is a line of /etc/cron.d.
type cronEntry struct {
	config, name, schedule, user, log, dir string
	verbosity                              int
}

var (
	cronFields = regexp.MustCompile(`^[0-9A-Za-z*/,-]+(\s+[0-9A-Za-z*/,-]+){4}$`)
	cronWords  = regexp.MustCompile(`^@(reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)$`)
	userName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*\$?$`)
)

func (e cronEntry) line() (string, error) {
	schedule := strings.TrimSpace(e.schedule)
	if !cronFields.MatchString(schedule) && !cronWords.MatchString(schedule) {
		return "", fmt.Errorf("%q is no schedule of cron: five fields, as in 0 */2 * * *, or @hourly", e.schedule)
	}
	if !userName.MatchString(e.user) {
		return "", fmt.Errorf("%q is no user", e.user)
	}
	config, err := filepath.Abs(cmp.Or(e.config, "."))
	if err != nil {
		return "", err
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	words := []string{program, "-c", config}
	if e.name != "" {
		words = append(words, "-n", e.name)
	}
	if e.log != "" {
		if e.log != "stdout" && e.log != "stderr" {
			if e.log, err = filepath.Abs(e.log); err != nil {
				return "", err
			}
		}
		words = append(words, "-ll", e.log)
	}
	if e.verbosity > 0 {
		words = append(words, fmt.Sprintf("-v%d", e.verbosity))
	}
	for i, w := range words {
		words[i] = cronWord(w)
	}
	return schedule + " " + e.user + " " + strings.Join(words, " "), nil
}

// cronWord writes a word for the shell that cron starts. Cron itself takes % for
// the end of the command.
func cronWord(w string) string {
	if strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") != "" {
		w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.ReplaceAll(w, "%", `\%`)
}

// installCron writes the entry, and says so.
func (a *app) installCron(e cronEntry) exit {
	if _, err := configFile(e.config, e.name); err != nil {
		return a.usage("cron", "%v", err)
	}
	line, err := e.line()
	if err != nil {
		return a.usage("cron", "%v", err)
	}
	if strings.ContainsAny(line, "\n\r") {
		return a.usage("cron", "no path may hold a line break")
	}
	path := filepath.Join(e.dir, strings.ReplaceAll(instanceFile(e.name, ""), ".", "_")) // cron reads no file with a dot in its name
	text := "# Written by tqmailrules cron.\n" + line + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
			fmt.Fprintf(a.err, "tqmailrules cron: %v\n  hint: put this line where your cron reads it\n%s\n", err, line)
			return exitEnvironment
		}
		return a.fail(err)
	}
	fmt.Fprintf(a.out, "%s\n  %s\n", path, ui.Line(line, 400))
	return exitOK
}
