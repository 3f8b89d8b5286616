package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

// operatorsWord reads what an operator says of single mails: nothing, which is
// list, or one of the verbs and their numbers. A reason belongs to drop.
func operatorsWord(args []string, reason string, verbs ...string) (verb string, ids []int64, err error) {
	verb = "list"
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	if ids, err = numbers(args); err != nil {
		return verb, nil, err
	}
	last := len(verbs) - 1
	switch {
	case verb != "list" && !slices.Contains(verbs, verb):
		return verb, nil, fmt.Errorf("list, %s or %s, not %q", strings.Join(verbs[:last], ", "), verbs[last], verb)
	case (verb == "list") != (len(ids) == 0):
		return verb, nil, fmt.Errorf("%s and %s take the numbers that list shows; list takes none", strings.Join(verbs[:last], ", "), verbs[last])
	case reason != "" && verb != "drop":
		return verb, nil, errors.New("--reason belongs to drop")
	}
	return verb, ids, nil
}

// dropped is what the ledger says of a mail that was given up.
func dropped(reason string) string {
	return strings.TrimSuffix("dropped by an operator: "+reason, ": ")
}

// numbers reads the IDs of mails.
func numbers(args []string) (ids []int64, err error) {
	for _, s := range args {
		id, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number of a mail", s)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// decide carries out a decision about each mail, and says what became of it.
func (a *app) decide(ids []int64, done string, f func(id int64) error) exit {
	code := exitOK
	for _, id := range ids {
		switch err := f(id); {
		case errors.Is(err, engine.ErrNotFound):
			fmt.Fprintf(a.err, "tqmailrules: there is no mail %d\n", id)
			code = worst(code, exitAuthor)
		case err != nil:
			code = worst(code, a.fail(err))
		default:
			fmt.Fprintf(a.out, "%d %s\n", id, done)
		}
	}
	return code
}

// desk opens the store of a configuration for an operator.
func (a *app) desk(ctx context.Context, name, config string) (*sqlite.Desk, exit) {
	cfg, code := a.configured(name, config)
	if code != exitOK {
		return nil, code
	}
	if cfg.Store.Path == "" {
		return nil, a.usage(name, "%s has no store: nothing is remembered from run to run", config)
	}
	d, err := sqlite.OpenDesk(ctx, sqlite.Config{Path: cfg.Store.Path, Now: a.now})
	if err != nil {
		return nil, a.fail(err)
	}
	return d, exitOK
}

// configured reads the configuration that a command cannot do without.
func (a *app) configured(name, config string) (*settings.Config, exit) {
	if config == "" {
		return nil, a.usage(name, "give the configuration with -c")
	}
	cfg, diags, err := readConfig(config)
	if err != nil {
		return nil, a.usage(name, "%v", err)
	}
	return cfg, a.diagnose(diags)
}
