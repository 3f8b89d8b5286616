package ews_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/ews"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	good := ews.Config{Server: "mail.example", Email: "phish@corp.example", Password: "p"}
	if _, err := ews.New(good); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*ews.Config)
		want   string
	}{
		{"no server", func(c *ews.Config) { c.Server = "" }, "no server given"},
		{"no host in it", func(c *ews.Config) { c.Server = "https:///EWS" }, "want a host"},
		{"another scheme", func(c *ews.Config) { c.Server = "ftp://mail.example" }, "want https"},
		{"no TLS", func(c *ews.Config) { c.Server = "http://mail.example" }, "without TLS"},
		{"a line break", func(c *ews.Config) { c.Server = "mail.example\r\nX: y" }, "want a host"},
		{"no mailbox", func(c *ews.Config) { c.Email = "" }, "want the address"},
		{"a mailbox that is no address", func(c *ews.Config) { c.Email = "phish" }, "want the address"},
		{"no password", func(c *ews.Config) { c.Password = "" }, "no password"},
		{"a password with a line break", func(c *ews.Config) { c.Password = "p\n" }, "line break"},
		{"a password without end", func(c *ews.Config) { c.Password = strings.Repeat("x", 2000) }, "longer than"},
		{"auth", func(c *ews.Config) { c.Auth = "kerberos" }, "want auto"},
		{"intake", func(c *ews.Config) { c.Intake = "all" }, "want unread or new"},
		{"OAuth without tokens", func(c *ews.Config) { c.Auth = ews.OAuth }, "needs a token"},
		{"empty folder", func(c *ews.Config) { c.Folders = []string{" / "} }, "without a name"},
		{"folder twice", func(c *ews.Config) { c.Folders = []string{"inbox", "Inbox/"} }, "given twice"},
		{"too many connections", func(c *ews.Config) { c.Workers = 1000 }, "want 1 to 64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			if _, err := ews.New(cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New: %v, want %q", err, tt.want)
			}
		})
	}
	bad := good
	bad.Server = "https://phish:hunter2@mail.example/x"
	if _, err := ews.New(bad); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password in the address: %v", err)
	}
}

func TestAServerIsWrittenInAnyForm(t *testing.T) {
	s, cfg := safe(t)
	fill(t, s, "Inbox", 1)
	_, port, _ := net.SplitHostPort(cfg.Server)
	cfg.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) { // whatever the name, it is there
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	for _, server := range []string{
		"127.0.0.1", "127.0.0.1:" + port, "localhost", "mail.corp.example:443", "https://mail.corp.example", "https://mail.corp.example/",
		"https://mail.corp.example/ews/exchange.asmx", "HTTPS://mail.corp.example/EWS/Exchange.asmx?x=y#z",
	} {
		cfg := cfg
		cfg.Server, cfg.ReadOnly = server, true
		if good, _, err := read(t, open(t, cfg)); len(good) != 1 || err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
}

func TestTheVersionGoesDownAndStays(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"Exchange2010_SP2": "Exchange2010_SP2", "Exchange2013": "Exchange2010_SP2", "Exchange2013_SP1": "Exchange2013_SP1", "Exchange2019": "Exchange2013_SP1"} {
		for _, folder := range []string{"Inbox", "archive", "Conversation History"} {
			s, cfg := sim(t, func(c *ewssim.Config) { c.Version = version })
			fill(t, s, "Inbox", 1)
			s.AddFolder("Archive")
			var mu sync.Mutex
			last, quiet := "", false
			cfg.Server = "http://" + between(t, s, func(a *asked) bool {
				mu.Lock()
				defer mu.Unlock()
				_, rest, _ := strings.Cut(string(a.body), `RequestServerVersion Version="`)
				last, _, _ = strings.Cut(rest, `"`)
				quiet = quiet || strings.Contains(string(a.body), `SuppressReadReceipts="true"`)
				return false
			})
			cfg.Folders = []string{folder, "Inbox/"}
			if folder == "Inbox" {
				cfg.Folders = cfg.Folders[:1]
			}
			log := &logged{}
			cfg.Log = log.logger()
			src := open(t, cfg)
			var got []engine.Delivery
			for {
				d, err := src.Next(t.Context())
				if err != nil {
					if err != io.EOF && !strings.Contains(err.Error(), "there is none of that name") {
						t.Errorf("%s, %s first: %v", version, folder, err)
					}
					break
				}
				got = append(got, d)
			}
			ack(t, src, got, engine.Route{})
			if told := strings.Contains(log.String(), "too old to be told that no receipts be sent"); told == quiet {
				t.Errorf("%s: told of receipts: %v", version, told)
			}
			if last != want || quiet != (want == "Exchange2013_SP1") || len(got) != 1 {
				t.Errorf("%s, %s first: asked for %s at last, receipts kept back: %v, %d mails", version, folder, last, quiet, len(got))
			}
		}
	}
}

func TestTheServerIsFoundByTheAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		sim    func(*ewssim.Config)
		dial   func(addr string) bool // reaches the server
		change func(*ews.Config)
		want   string
	}{
		{"at autodiscover", nil, nil, nil, ""},
		{"at the domain", nil, func(addr string) bool { return !strings.HasPrefix(addr, "autodiscover.") }, nil, ""},
		{"nowhere", nil, func(string) bool { return false }, nil, "find the server of phish@corp.example: connect to autodiscover.corp.example:443"},
		{"by way of another address", func(c *ewssim.Config) { c.Redirect = "phish@corp.example" }, nil, nil, "sends us on for ever"},
		{"by way of http", func(c *ewssim.Config) { c.Redirect = "http://mail.corp.example/autodiscover/autodiscover.xml" }, nil, nil, "only https is"},
		{"in a circle", func(c *ewssim.Config) { c.Redirect = "https://mail.corp.example/autodiscover/autodiscover.xml" }, nil, nil, "sends us on for ever"},
		{"with a wrong password", nil, nil, func(c *ews.Config) { c.Password = "wrong" }, "the server refuses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, cfg := safe(t, func(c *ewssim.Config) {
				if tt.sim != nil {
					tt.sim(c)
				}
			})
			fill(t, s, "Inbox", 2)
			at := cfg.Server
			cfg.Server, cfg.Autodiscover = "", true
			cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if strings.HasSuffix(addr, ":80") || tt.dial != nil && !tt.dial(addr) {
					return nil, errors.New("not there")
				}
				return new(net.Dialer).DialContext(ctx, network, at)
			}
			if tt.change != nil {
				tt.change(&cfg)
			}
			good, _, err := read(t, open(t, cfg))
			if tt.want == "" && (len(good) != 2 || err != nil) {
				t.Errorf("%d mails: %v", len(good), err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(fmt.Sprint(err), password)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
