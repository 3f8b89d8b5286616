package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
	"github.com/tqmailrules/tqmailrules/engine/source/imap/imapsim"
)

// demoEnds are a mailbox and a ThreatQ in this process.
type demoEnds struct {
	imap, threatq string // where they listen
	mailbox       *imapsim.Server
	platform      *threatqsim.Server
	web           *http.Server
}

// demoEnds fills a mailbox with a corpus, and serves it and an empty platform on
// loopback.
func (a *app) demoEnds(ctx context.Context, corpus string) (*demoEnds, error) {
	e := &demoEnds{mailbox: imapsim.New("phish@nordhafen.example", demoPassword)}
	if err := deliver(ctx, e.mailbox, corpus); err != nil {
		return nil, err
	}
	e.platform = threatqsim.New((&simulator{seed: 1, user: "analyst@nordhafen.example", password: demoPassword, oneShot: true}).config(a))
	mail, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	tq, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, mail.Close())
	}
	e.imap, e.threatq = mail.Addr().String(), "http://"+tq.Addr().String()
	e.web = &http.Server{Handler: e.platform, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go e.mailbox.Serve(mail)
	go e.web.Serve(tq)
	return e, nil
}

func (e *demoEnds) close() {
	e.web.Close()
	e.mailbox.Close()
}

// deliver puts mails into the inbox, as received when they say that they were.
func deliver(ctx context.Context, mailbox *imapsim.Server, corpus string) error {
	src, err := files.Open(files.Config{Paths: []string{corpus}})
	if err != nil {
		return err
	}
	defer src.Close()
	parser := parserFor(&settings.Config{})
	for {
		d, err := src.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		m, err := parser.Parse(ctx, d.Raw, d.Origin)
		if err != nil {
			return err
		}
		raw, err := engine.ReadAll(d.Raw, 1<<30)
		if err != nil {
			return err
		}
		if _, err := mailbox.AddMail("INBOX", raw, m.Meta.Received); err != nil {
			return err
		}
	}
}

// simulated is an object of the platform, as its dump has it.
type simulated struct {
	Kind    string   `json:"kind"`
	Key     string   `json:"key"`
	Type    string   `json:"type"`
	Related []string `json:"related"`
}

// demoEvents is how many events are shown.
const demoEvents = 12

// show tells what the platform holds, and writes all of it to a file.
func (e *demoEnds) show(w io.Writer, path string) error {
	dump := e.platform.Dump()
	if err := os.WriteFile(path, dump, 0o600); err != nil {
		return err
	}
	var all []simulated
	if err := json.Unmarshal(dump, &all); err != nil {
		return err
	}
	counts := map[string]int{}
	var events []simulated
	for _, o := range all {
		counts[o.Kind]++
		if o.Kind == "events" {
			events = append(events, o)
		}
	}
	var kinds []string
	for _, k := range sortedKeys(counts) {
		kinds = append(kinds, fmt.Sprintf("%d %s", counts[k], k))
	}
	fmt.Fprintf(w, "\nwhat ThreatQ holds after %d requests: %s\n", e.platform.Counts().Total, strings.Join(kinds, ", "))
	slices.SortStableFunc(events, func(x, y simulated) int { return len(y.Related) - len(x.Related) })
	all, events = events, slices.CompactFunc(events, func(x, y simulated) bool { return x.Key == y.Key })
	for _, o := range events[:min(demoEvents, len(events))] {
		o.write(w)
	}
	fmt.Fprintf(w, "  ... %d more events in %s\n", max(0, len(all)-demoEvents), path)
	return nil
}

// write shows an event and what hangs on it.
func (o simulated) write(w io.Writer) {
	fmt.Fprintf(w, "  %s: %s\n", o.Type, ui.Line(o.Key, 70))
	for i, r := range o.Related {
		if i == 6 {
			fmt.Fprintf(w, "    ... and %d more\n", len(o.Related)-i)
			break
		}
		kind, rest, _ := strings.Cut(r, ": ")
		if i := strings.LastIndex(rest, ": "); kind == "attachments" && i > 0 {
			rest = rest[:i] // the digest says little here
		}
		fmt.Fprintf(w, "    %s  %s\n", strings.TrimSuffix(kind, "s"), ui.Line(rest, 90))
	}
}
