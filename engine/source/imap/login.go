package imap

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strconv"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// login proves who we are, in the way that the configuration or the server
// names.
func (c *session) login(ctx context.Context, cfg *Config) error {
	how, err := c.mechanism(ctx, cfg)
	if err != nil {
		return err
	}
	err = c.do(ctx, talk, func() error {
		if how == nil {
			return c.client.Login(cfg.User, cfg.Password).Wait()
		}
		err := c.client.Authenticate(how)
		var bearer *sasl.OAuthBearerError
		if errors.As(err, &bearer) { // the challenge that explains a refusal; the NO behind it is not waited for
			return &goimap.Error{Type: goimap.StatusResponseTypeNo, Text: bearer.Status}
		}
		return err
	})
	return c.refused(cfg.User, err)
}

// mechanism chooses; nil is the LOGIN command.
func (c *session) mechanism(ctx context.Context, cfg *Config) (sasl.Client, error) {
	if cfg.oauth() {
		return c.bearer(ctx, cfg)
	}
	plain := c.caps.Has(goimap.AuthCap(sasl.Plain))
	switch {
	case cfg.Auth == AuthPlain, cfg.Auth == Auto && plain:
		c.secrets = c.secrets.With("\x00" + cfg.User + "\x00" + cfg.Password)
		return sasl.NewPlainClient("", cfg.User, cfg.Password), nil
	case c.caps.Has(goimap.CapLoginDisabled) && cfg.Security == Plain:
		return nil, mailbox.Final("log in as %q: the server takes no password without TLS: say security: tls or starttls", cfg.User)
	case c.caps.Has(goimap.CapLoginDisabled):
		return nil, mailbox.Final("log in as %q: the server takes no password: it may want OAuth", cfg.User)
	}
	return nil, nil
}

func (c *session) bearer(ctx context.Context, cfg *Config) (sasl.Client, error) {
	token, err := cfg.Token(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, mailbox.Temporary("log in as %q: no token: %s", cfg.User, c.secrets.Clean(err.Error()))
	}
	c.secrets = c.secrets.With(token)
	if cfg.Auth == XOAuth2 {
		x := xoauth2{cfg.User, token}
		c.secrets = c.secrets.With(x.proof())
		return x, nil
	}
	host, port, _ := net.SplitHostPort(cfg.Addr)
	number, _ := strconv.Atoi(port)
	return sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: cfg.User, Token: token, Host: host, Port: number}), nil
}

// xoauth2 is the mechanism of Google and Microsoft, which has no RFC. A challenge
// is a refusal, explained.
type xoauth2 struct{ user, token string }

func (x xoauth2) proof() string {
	return "user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"
}

func (x xoauth2) Start() (string, []byte, error) { return "XOAUTH2", []byte(x.proof()), nil }

func (x xoauth2) Next(challenge []byte) ([]byte, error) {
	var why sasl.OAuthBearerError
	if json.Unmarshal(challenge, &why) != nil {
		why.Status = string(challenge)
	}
	return nil, &why
}
