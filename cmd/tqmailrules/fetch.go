package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

var fetchCommand = command{
	name:    "fetch",
	args:    "-c CONFIG --to DIR [flags]",
	summary: "copy mail out of the configured mailboxes, to try rules on",
	long: `
Writes every mail that a run would read as an .eml file below a folder, one folder
for each source and mailbox folder. A mailbox is opened read-only, and no flag in
it changes. Files that are there already are left as they are, so fetching again
adds what is new.

examples:
  tqmailrules fetch -c phish.yaml --to corpus --max 500
  tqmailrules dry-run -c phish.yaml corpus`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		f := &fetch{}
		fs.StringVar(&f.config, "c", "", "`configuration` file")
		fs.StringVar(&f.to, "to", "", "`folder` to write to")
		fs.IntVar(&f.max, "max", 0, "`number` of mails to end after")
		return f.run
	},
}

type fetch struct {
	config, to string
	max        int
}

func (f *fetch) run(ctx context.Context, a *app, args []string) exit {
	if f.to == "" || len(args) > 0 {
		return a.usage("fetch", "give the configuration with -c and the folder with --to, and nothing else")
	}
	cfg, code := a.configured("fetch", f.config)
	if code != exitOK {
		return code
	}
	all, err := a.sources(cfg, mailboxUse{readOnly: true})
	if err != nil {
		return a.fail(err)
	}
	defer all.Close()
	progress := ui.NewProgress(a.err, a.now())
	defer progress.Clear()
	written, known, err := f.copy(ctx, &progressed{Source: limit(all, f.max), app: a, p: progress})
	progress.Clear()
	fmt.Fprintf(a.out, "%d mails written to %s", written, f.to)
	if known > 0 {
		fmt.Fprintf(a.out, ", %d were there", known)
	}
	fmt.Fprintln(a.out)
	if err != nil {
		return a.fail(err)
	}
	return exitOK
}

// copy writes what a source hands over.
func (f *fetch) copy(ctx context.Context, src engine.Source) (written, known int, err error) {
	for {
		d, err := src.Next(ctx)
		if errors.Is(err, engine.ErrTemporary) && ctx.Err() == nil {
			continue // the sources count how often
		}
		if err == io.EOF {
			return written, known, nil
		}
		if err != nil {
			return written, known, err
		}
		switch fresh, err := f.write(d); {
		case err != nil:
			return written, known, err
		case fresh:
			written++
		default:
			known++
		}
	}
}

// write makes a file of a mail, unless there is one.
func (f *fetch) write(d engine.Delivery) (fresh bool, err error) {
	path := filepath.Join(f.to, fileOf(d.Origin))
	if _, err := os.Stat(path); err == nil {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, err
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".fetch-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(part.Name()) // in vain once it has its name
	raw, err := d.Raw.Open()
	if err != nil {
		return false, errors.Join(err, part.Close())
	}
	defer raw.Close()
	_, err = io.Copy(part, raw)
	if err = errors.Join(err, part.Close()); err != nil {
		return false, err
	}
	return true, os.Rename(part.Name(), path)
}

// fileOf is where a mail goes: source/folder/id.eml. Names of folders are data of
// the server, and become safe names.
func fileOf(o engine.Origin) string {
	steps := []string{safeStep(o.Source)}
	for _, step := range strings.FieldsFunc(o.Folder, func(r rune) bool { return r == '/' || r == '\\' }) {
		steps = append(steps, safeStep(step))
	}
	name := strings.TrimSuffix(safeStep(strings.ReplaceAll(o.ID, "/", "-")), ".eml")
	return filepath.Join(append(steps, name+".eml")...)
}

func safeStep(name string) string {
	step := filetype.SafeName(name)
	if step = strings.Trim(step, ". "); step == "" {
		return "unnamed"
	}
	return step
}
