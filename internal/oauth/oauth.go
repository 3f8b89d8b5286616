// Package oauth gets access tokens from an OAuth 2.0 server (RFC 6749): with a
// refresh token, or with the client's own credentials. No token and no secret is
// in an error.
package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Config says where tokens come from.
type Config struct {
	TokenURL     string
	ClientID     string
	ClientSecret string
	RefreshToken string // empty: the client's own credentials
	Scopes       []string
	Client       *http.Client // brings proxies and TLS; nil: the default
}

// Tokens returns a function that gets a token that was made for the call. It is
// safe for concurrent use. A server that hands out a new refresh token with each
// is followed, within this process. Errors of the network and of the server
// wrap engine.ErrTemporary; a refusal does not.
func Tokens(cfg Config) func(ctx context.Context) (string, error) {
	t := &tokens{cfg: cfg, refresh: cfg.RefreshToken}
	return t.get
}

type tokens struct {
	cfg     Config
	mu      sync.Mutex
	refresh string
}

func (t *tokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cfg.Client != nil {
		ctx = context.WithValue(ctx, oauth2.HTTPClient, t.cfg.Client)
	}
	got, err := t.ask(ctx)
	if err != nil {
		return "", explain(t.cfg.TokenURL, err)
	}
	if got.RefreshToken != "" {
		t.refresh = got.RefreshToken
	}
	return got.AccessToken, nil
}

func (t *tokens) ask(ctx context.Context) (*oauth2.Token, error) {
	if t.refresh == "" {
		c := clientcredentials.Config{ClientID: t.cfg.ClientID, ClientSecret: t.cfg.ClientSecret, TokenURL: t.cfg.TokenURL, Scopes: t.cfg.Scopes}
		return c.Token(ctx)
	}
	c := oauth2.Config{ClientID: t.cfg.ClientID, ClientSecret: t.cfg.ClientSecret, Scopes: t.cfg.Scopes, Endpoint: oauth2.Endpoint{TokenURL: t.cfg.TokenURL}}
	return c.TokenSource(ctx, &oauth2.Token{RefreshToken: t.refresh}).Token()
}

// explain leaves the body of an answer out, which may hold anything.
func explain(server string, err error) error {
	if u, e := url.Parse(server); e == nil {
		server = u.Host
	}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		return fmt.Errorf("token from %s: %w: %w", server, engine.ErrTemporary, err)
	}
	words := refused.Response.Status
	if refused.ErrorCode != "" {
		words += ", " + refused.ErrorCode
	}
	if refused.ErrorDescription != "" {
		words += ": " + refused.ErrorDescription
	}
	if code := refused.Response.StatusCode; code >= 500 || code == http.StatusTooManyRequests {
		return fmt.Errorf("token from %s: %w: %s", server, engine.ErrTemporary, words)
	}
	return fmt.Errorf("token from %s is refused: %s", server, words)
}
