package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
)

// exchangeSimulator is what the command line says of a simulated Exchange.
type exchangeSimulator struct {
	mailbox, mails, schemes, version, protection, language string
	regenerate                                             bool
	latency                                                time.Duration
}

func (x *exchangeSimulator) register(fs *flag.FlagSet) {
	fs.StringVar(&x.mailbox, "mailbox", "", "ews: `address` of the mailbox; the user when that is one")
	fs.StringVar(&x.mails, "mails", "", "ews: `corpus` of mails that lie unread in the inbox")
	fs.StringVar(&x.schemes, "schemes", "NTLM,Basic", "ews: `ways` to log in: NTLM, Negotiate, Basic")
	fs.StringVar(&x.version, "exchange", "Exchange2016", "ews: `version`: Exchange2010_SP2, Exchange2013, Exchange2013_SP1, Exchange2016, Exchange2019")
	fs.StringVar(&x.protection, "protection", "allow", "ews: Extended Protection, `off|allow|require`")
	fs.StringVar(&x.language, "language", "en", "ews: of the names of folders, `en|de|fr|ja`")
	fs.BoolVar(&x.regenerate, "regenerate", false, "ews: contents are made anew at each reading")
	fs.DurationVar(&x.latency, "latency", 0, "ews: `time` before each answer")
}

func (x *exchangeSimulator) server(ctx context.Context, s *simulator, certificate []byte) (*simServer, error) {
	address := x.mailbox
	if address == "" {
		if address = s.user; !strings.Contains(address, "@") {
			return nil, fmt.Errorf("--mailbox is needed: %q is no address", s.user)
		}
	}
	server := ewssim.New(ewssim.Config{
		Users: map[string]string{s.user: s.password}, Mailboxes: map[string]string{address: s.user},
		Schemes: settings.SplitList(x.schemes), Version: x.version, Protection: x.protection, Certificate: certificate,
		Language: x.language, Regenerate: x.regenerate, Latency: x.latency, Seed: s.seed,
	})
	if x.mails != "" {
		if err := fillInbox(ctx, server, x.mails); err != nil {
			return nil, err
		}
	}
	return &simServer{server.HTTPServer(), server.Dump}, nil
}

// fillInbox delivers a corpus, in the order of its files.
func fillInbox(ctx context.Context, server *ewssim.Server, corpus string) error {
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
		raw, err := engine.ReadAll(d.Raw, d.Raw.Size())
		if err != nil {
			return err
		}
		m, err := parser.Parse(ctx, d.Raw, d.Origin)
		if err != nil {
			return err
		}
		server.AddMail("Inbox", raw, m.Meta.Received, false)
	}
}
