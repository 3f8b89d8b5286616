package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/internal/dial"
)

var simCommand = command{
	name:    "sim",
	args:    "threatq [flags]",
	summary: "serve a simulated ThreatQ, to try rules and connectors against",
	long: `
Serves the parts of ThreatQ's REST interface that connectors use, in memory, over
TLS with an authority of its own, whose certificate it writes to --ca. Faults can
be asked for at /_sim/faults, the object graph at /_sim/dump, and the number of
requests at /_sim/counts: docs/reference/simulator.md. It ends when it is told to
(SIGTERM), and everything in it is gone.

examples:
  tqmailrules sim threatq --listen 127.0.0.1:8443 --ca ca.pem --user a@b --password secret
  tqmailrules sim threatq --plain --listen 127.0.0.1:8080`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		s := &simulator{}
		fs.StringVar(&s.listen, "listen", "127.0.0.1:8443", "`address` to listen on")
		fs.StringVar(&s.ca, "ca", "threatq-ca.pem", "`file` to write the authority's certificate to")
		fs.BoolVar(&s.plain, "plain", false, "no TLS")
		fs.StringVar(&s.user, "user", "analyst@threatq.example", "`email` of the one user")
		fs.StringVar(&s.password, "password", "threatq", "`password` of the user")
		fs.StringVar(&s.client, "client-id", "", "`id` that clients must name; any when empty")
		fs.Uint64Var(&s.seed, "seed", 1, "`number` that ids depend on")
		fs.BoolVar(&s.normalize, "normalize", false, "normalise values as the platform does")
		fs.BoolVar(&s.oneShot, "oneshot", true, "take uploads in one request, too")
		fs.StringVar(&s.dump, "dump", "", "`file` to write the object graph to at the end")
		return s.run
	},
}

type simulator struct {
	listen, ca, user, password, client, dump string
	plain, normalize, oneShot                bool
	seed                                     uint64
}

func (s *simulator) run(ctx context.Context, a *app, args []string) exit {
	if len(args) != 1 || args[0] != "threatq" {
		return a.usage("sim", "there is one simulator: threatq")
	}
	server := threatqsim.New(s.config(a))
	listener, scheme, err := s.listener()
	if err != nil {
		return a.fail(err)
	}
	fmt.Fprintf(a.out, "%s://%s\n", scheme, listener.Addr())
	web := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	stop := context.AfterFunc(ctx, func() { web.Close() })
	defer stop()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return a.fail(err)
	}
	if s.dump == "" {
		return exitOK
	}
	if err := os.WriteFile(s.dump, server.Dump(), 0o600); err != nil {
		return a.fail(err)
	}
	return exitOK
}

func (s *simulator) config(a *app) threatqsim.Config {
	return threatqsim.Config{
		Seed: s.seed, Users: map[string]string{s.user: s.password}, ClientID: s.client,
		Normalize: s.normalize, DeriveFQDN: s.normalize, OneShot: s.oneShot, InlineAttachments: true,
		Parser: parserFor(&settings.Config{}), Extract: simulatedParser(), Now: a.now,
	}
}

// simulatedParser finds indicators for the simulated platform as we do.
func simulatedParser() func(context.Context, string) []threatqsim.Indicator {
	finder := extract.New(extract.Config{})
	return func(ctx context.Context, text string) (all []threatqsim.Indicator) {
		part := engine.InputPart{PartInfo: engine.PartInfo{ID: engine.PartText, Kind: "text", Size: len(text)}, Text: text}
		found, _ := finder.Extract(ctx, engine.Input{Parts: []engine.InputPart{part}})
		for _, f := range found {
			all = append(all, threatqsim.Indicator{Type: f.Type, Value: f.Value})
		}
		return all
	}
}

func (s *simulator) listener() (l net.Listener, scheme string, err error) {
	l, err = net.Listen("tcp", s.listen)
	if err != nil || s.plain {
		return l, "http", err
	}
	host, _, _ := net.SplitHostPort(l.Addr().String())
	own, ca, err := dial.OwnAuthority(host, "localhost")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.ca), 0o755)
	}
	if err == nil {
		err = os.WriteFile(s.ca, ca, 0o644)
	}
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}}), "https", nil
}
