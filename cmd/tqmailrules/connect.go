package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
	"github.com/tqmailrules/tqmailrules/internal/dial"
)

// end is what trying a source or a sink came to.
type end struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	OK       bool     `json:"ok"`
	Facts    []string `json:"facts,omitempty"`    // what is there
	Problems []string `json:"problems,omitempty"` // what would keep mail from coming in or going out
	Remarks  []string `json:"remarks,omitempty"`  // what works, though not as one might think
}

func (e *end) fact(format string, args ...any) {
	e.Facts = append(e.Facts, fmt.Sprintf(format, args...))
}

func (e *end) problem(format string, args ...any) {
	e.Problems = append(e.Problems, fmt.Sprintf(format, args...))
}

// connect tries every end of a configuration. Nothing is changed anywhere.
func (a *app) connect(ctx context.Context, cfg *settings.Config) (all []end) {
	for _, s := range cfg.Sources {
		e := end{Name: s.Name, Kind: s.Kind}
		switch s.Kind {
		case "imap":
			a.tryMailbox(ctx, s, cfg, &e)
		case "ews":
			a.tryExchange(ctx, s, cfg, &e)
		default:
			tryFiles(s.Paths, &e)
		}
		e.OK = len(e.Problems) == 0
		all = append(all, e)
	}
	for _, s := range cfg.Sinks {
		e := end{Name: s.Name, Kind: s.Kind}
		if s.Kind == "threatq" {
			a.tryThreatQ(ctx, s, &e)
		} else {
			tryFolder(s.Path, &e)
		}
		e.OK = len(e.Problems) == 0
		all = append(all, e)
	}
	return all
}

func (a *app) tryMailbox(ctx context.Context, s settings.Source, cfg *settings.Config, e *end) {
	mailbox, err := a.imapConfig(s, cfg.Limits, mailboxUse{})
	if err != nil {
		e.problem("%v", err)
		return
	}
	r, err := imap.Probe(ctx, mailbox)
	if err != nil {
		e.problem("%v", dial.Explain(err))
		return
	}
	for _, f := range r.Folders {
		tryMailboxFolder(f, s.IMAP, e)
	}
}

func (a *app) tryExchange(ctx context.Context, s settings.Source, cfg *settings.Config, e *end) {
	mailbox, err := a.ewsConfig(s, cfg.Limits, mailboxUse{})
	if err != nil {
		e.problem("%v", err)
		return
	}
	r, err := ews.Probe(ctx, mailbox)
	if err != nil {
		e.problem("%v", dial.Explain(err))
		return
	}
	e.fact("%s, %s by %s", r.Server, r.Version, r.Scheme)
	for _, f := range r.Folders {
		if e.hasFolder(f.Name, f.Error, f.Exists, f.Near) {
			e.fact("%s: %d mails, %d unread", f.Name, f.Mails, f.Unread)
		}
	}
}

// hasFolder tells what is wrong with a folder; false: something is.
func (e *end) hasFolder(name, trouble string, exists bool, near []string) bool {
	switch {
	case trouble != "":
		e.problem("folder %s: %s", name, trouble)
	case !exists && len(near) > 0:
		e.problem("there is no folder %s; did you mean %s?", name, strings.Join(near, ", "))
	case !exists:
		e.problem("there is no folder %s", name)
	default:
		return true
	}
	return false
}

func tryMailboxFolder(f imap.FolderReport, m *settings.IMAP, e *end) {
	if !e.hasFolder(f.Name, f.Error, f.Exists, f.Near) {
		return
	}
	e.fact("%s: %d mails, %d unread", f.Name, f.Mails, f.Unseen)
	if !f.Writable {
		e.Remarks = append(e.Remarks, f.Name+" is read-only: mail stays unread, and the store alone remembers what was handled")
	}
	if m.Intake == "keyword" && !f.Keywords {
		e.problem("%s takes no keywords; use intake: unread or new", f.Name)
	}
}

func tryFiles(paths []string, e *end) {
	for _, p := range paths {
		if p == "-" {
			e.fact("standard input")
			continue
		}
		if _, err := os.Stat(p); err != nil {
			e.problem("%v", err)
		} else {
			e.fact("%s", p)
		}
	}
}

func (a *app) tryThreatQ(ctx context.Context, s settings.Sink, e *end) {
	platform, err := a.threatqConfig(s, nil, nil)
	if err != nil {
		e.problem("%v", err)
		return
	}
	sink, err := threatq.Open(ctx, platform)
	if err != nil {
		e.problem("%v", err)
		return
	}
	defer sink.Close()
	r, err := sink.Check(ctx)
	if err != nil {
		e.problem("%v", err)
		return
	}
	e.Problems, e.Remarks = r.Problems, r.Remarks
	e.fact("%s, %d indicator types", r.Address, r.Types)
	if r.User != "" {
		e.fact("logged in as %s", r.User)
	}
}

// tryFolder wants to write beside path.
func tryFolder(path string, e *end) {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		e.fact("%s will be made", dir)
		return
	}
	f, err := os.CreateTemp(dir, ".tqmailrules-*")
	if err != nil {
		e.problem("%v", err)
		return
	}
	f.Close()
	os.Remove(f.Name())
	e.fact("%s can be written", dir)
}

func writeEnds(w io.Writer, all []end) {
	var t ui.Table
	for _, e := range all {
		state := "ok"
		if !e.OK {
			state = "FAILED"
		}
		t.Row(e.Kind+" "+e.Name, state, ui.Line(strings.Join(e.Facts, "; "), 200))
		for _, p := range e.Problems {
			t.Row("", "problem", ui.Line(p, 400))
		}
		for _, r := range e.Remarks {
			t.Row("", "note", ui.Line(r, 400))
		}
	}
	t.Write(w, "")
}
