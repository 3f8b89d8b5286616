package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
)

// The command line of the vendor's connectors: no command, -c for a folder, and
// these flags. A crontab line of theirs runs with the name of the program changed.
type vendorFlags struct {
	name       string // of the instance
	log        string // folder, or stdout
	verbosity  int
	disableTLS bool
	files      string
	cron       string // schedule of an entry to make
}

func (v *vendorFlags) register(fs *flag.FlagSet) {
	for _, f := range []string{"n", "name"} {
		fs.StringVar(&v.name, f, "", "`name` of the instance: -c DIR reads DIR/tqmailrules-NAME.yaml")
	}
	for _, f := range []string{"ll", "loglocation"} {
		fs.StringVar(&v.log, f, "", "`folder` to log to, or stdout; instead of what the configuration says")
	}
	for _, f := range []string{"v", "verbosity"} {
		fs.IntVar(&v.verbosity, f, 0, "`1|2|3`: errors, what happens, everything; also -v3")
	}
	for _, f := range []string{"ds", "disable_ssl"} {
		fs.BoolVar(&v.disableTLS, f, false, "do not verify certificates of servers")
	}
	for _, f := range []string{"f", "files"} {
		fs.StringVar(&v.files, f, "", "`folder` to keep files in, instead of what the configuration says")
	}
	fs.StringVar(&v.cron, "cron", "", "install a cron entry with a `schedule`, and end: tqmailrules help cron")
}

// glued is a verbosity as the connectors take it.
var glued = regexp.MustCompile(`^--?v[123]$`)

// vendorArgs makes a command line without a command one of run, and takes glued
// verbosities apart.
func vendorArgs(args []string) []string {
	if strings.HasPrefix(args[0], "-") {
		args = append([]string{"run"}, args...)
	}
	if args[0] != "run" {
		return args
	}
	args = slices.Clone(args)
	for i, a := range args {
		if glued.MatchString(a) {
			args[i] = "-v=" + a[len(a)-1:]
		}
	}
	return args
}

// apply changes a configuration by what the command line says.
func (v *vendorFlags) apply(cfg *settings.Config) error {
	if v.verbosity < 0 || v.verbosity > 3 {
		return fmt.Errorf("-v is 1, 2 or 3, not %d", v.verbosity)
	}
	if v.verbosity > 0 {
		cfg.Log.Verbosity = v.verbosity
	}
	if v.name != "" {
		cfg.Instance = v.name
	}
	if v.files != "" {
		cfg.Files.Dir = v.files
	}
	if v.log != "" {
		cfg.Log.To = logFile(v.log, v.name)
	}
	if v.disableTLS {
		disableTLS(cfg)
	}
	return nil
}

func logFile(location, name string) string {
	if location == "stdout" || location == "stderr" {
		return location
	}
	if info, err := os.Stat(location); err != nil && filepath.Ext(location) != "" || err == nil && !info.IsDir() {
		return location
	}
	return filepath.Join(location, instanceFile(name, ".log"))
}

func instanceFile(name, extension string) string {
	if name == "" {
		return "tqmailrules" + extension
	}
	return "tqmailrules-" + name + extension
}

func disableTLS(cfg *settings.Config) {
	for _, s := range cfg.Sources {
		if m, _ := s.Mailbox(); m != nil {
			m.TLS.Insecure = true
		}
	}
	for i := range cfg.Sinks {
		if q := cfg.Sinks[i].ThreatQ; q != nil {
			q.TLS.Insecure = true
		}
	}
}

// instanceName is what may stand in names of files.
var instanceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// configFile finds a configuration: the file itself, or the one of an instance in
// a folder; in this folder when none is named.
func configFile(path, name string) (string, error) {
	if name != "" && !instanceName.MatchString(name) {
		return "", fmt.Errorf("the name %s: letters, digits, dots, dashes and underscores, 64 at most", strconv.Quote(name))
	}
	if path == "" {
		path = "."
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, nil // whoever reads it tells
	}
	file := filepath.Join(path, instanceFile(name, ".yaml"))
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return file, nil
	}
	err = fmt.Errorf("there is no %s", file)
	if others, _ := filepath.Glob(filepath.Join(path, "tqmailrules*.yaml")); len(others) > 0 {
		for i := range others {
			others[i] = filepath.Base(others[i])
		}
		return file, fmt.Errorf("%w; there are %s: say which with -n", err, strings.Join(others, ", "))
	}
	return file, fmt.Errorf("%w: make one with tqmailrules init -c %s", err, path)
}
