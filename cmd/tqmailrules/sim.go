package main

import (
	"cmp"
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
	args:    "threatq|ews [flags]",
	summary: "serve a simulated ThreatQ or Exchange, to try rules and connectors against",
	long: `
Serves the parts of ThreatQ's REST interface that connectors use, or a mailbox at an
Exchange server, in memory, over TLS with an authority of its own, whose certificate
it writes to --ca. Faults can be asked for at /_sim/faults, the state at /_sim/dump,
and the number of requests at /_sim/counts: docs/reference/simulator.md, exchange-simulator.md. It ends when
it is told to (SIGTERM), and everything in it is gone.

examples:
  tqmailrules sim threatq --listen 127.0.0.1:8443 --ca ca.pem --user a@b --password secret
  tqmailrules sim threatq --plain --listen 127.0.0.1:8080
  tqmailrules sim ews --listen 127.0.0.1:8444 --user 'CORP\phish' --mailbox phish@corp.example --password secret --mails corpus`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		s := &simulator{}
		fs.StringVar(&s.listen, "listen", "127.0.0.1:8443", "`address` to listen on")
		fs.StringVar(&s.ca, "ca", "", "`file` to write the authority's certificate to; threatq-ca.pem or ews-ca.pem when not given")
		fs.BoolVar(&s.plain, "plain", false, "no TLS")
		fs.StringVar(&s.user, "user", "", "the one `user`; analyst@threatq.example or phish@exchange.example when not given")
		fs.StringVar(&s.password, "password", "", "`password` of the user; the kind of the simulator when not given")
		fs.Uint64Var(&s.seed, "seed", 1, "`number` that ids depend on")
		fs.StringVar(&s.dump, "dump", "", "`file` to write the state to at the end")
		fs.StringVar(&s.client, "client-id", "", "threatq: `id` that clients must name; any when empty")
		fs.BoolVar(&s.normalize, "normalize", false, "threatq: normalise values as the platform does")
		fs.BoolVar(&s.oneShot, "oneshot", true, "threatq: take uploads in one request, too")
		s.exchange.register(fs)
		return s.run
	},
}

type simulator struct {
	listen, ca, user, password, client, dump string
	plain, normalize, oneShot                bool
	seed                                     uint64
	exchange                                 exchangeSimulator
}

// simServer is a server and its state as it is written at the end.
type simServer struct {
	*http.Server
	dump func() []byte
}

func (s *simulator) run(ctx context.Context, a *app, args []string) exit {
	if len(args) != 1 || args[0] != "threatq" && args[0] != "ews" {
		return a.usage("sim", "there are two simulators: threatq and ews")
	}
	kind := args[0]
	s.ca, s.password = cmp.Or(s.ca, kind+"-ca.pem"), cmp.Or(s.password, kind)
	listener, certificate, err := s.listener()
	if err != nil {
		return a.fail(err)
	}
	server, err := s.server(ctx, a, kind, certificate)
	if err != nil {
		return a.fail(errors.Join(err, listener.Close()))
	}
	scheme := "https"
	if s.plain {
		scheme = "http"
	}
	fmt.Fprintf(a.out, "%s://%s\n", scheme, listener.Addr())
	return s.serve(ctx, a, server, listener)
}

func (s *simulator) server(ctx context.Context, a *app, kind string, certificate []byte) (*simServer, error) {
	if kind == "ews" {
		s.user = cmp.Or(s.user, "phish@exchange.example")
		return s.exchange.server(ctx, s, certificate)
	}
	s.user = cmp.Or(s.user, "analyst@threatq.example")
	platform := threatqsim.New(s.config(a))
	return &simServer{&http.Server{Handler: platform}, platform.Dump}, nil
}

func (s *simulator) serve(ctx context.Context, a *app, server *simServer, listener net.Listener) exit {
	server.ReadHeaderTimeout, server.ErrorLog = 10*time.Second, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return a.fail(err)
	}
	if s.dump == "" {
		return exitOK
	}
	if err := os.WriteFile(s.dump, server.dump(), 0o600); err != nil {
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

// listener listens, and returns the certificate that clients see as DER; nil without
// TLS.
func (s *simulator) listener() (net.Listener, []byte, error) {
	l, err := net.Listen("tcp", s.listen)
	if err != nil || s.plain {
		return l, nil, err
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
		return nil, nil, errors.Join(err, l.Close())
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}}), own.Certificate[0], nil
}
