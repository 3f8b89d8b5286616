package threatq

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

const (
	earlier    = time.Minute      // that a token is renewed before it runs out
	shutFor    = 60 * time.Second // that a refused login is not tried again, lest the account be locked
	shortToken = 5 * time.Minute  // assumed life of a token whose life is not said
)

// login is what is known about who we are.
type login struct {
	cfg     *Config
	access  string
	refresh string
	until   time.Time // of access
	shut    error     // why the last login was refused
	again   time.Time // when it may be tried again
}

// expire forgets the access token, and the refresh token, too, if all is set.
func (l *login) expire(all bool) {
	l.until = time.Time{}
	if all {
		l.refresh = ""
	}
}

// token is a bearer that is still good: the one at hand, a renewed one, or that
// of a new login.
func (a *api) token(ctx context.Context) (string, error) {
	l := &a.login
	now := a.cfg.Now()
	switch {
	case l.access != "" && now.Before(l.until):
		return l.access, nil
	case l.shut != nil && now.Before(l.again):
		return "", l.shut
	}
	if l.refresh != "" {
		err := a.grant(ctx, l.refreshCall())
		if err == nil {
			return l.access, nil
		}
		if !isKind(err, closed, refused, forbidden) {
			return "", err
		}
		l.expire(true)
	}
	c, err := l.passwordCall()
	if err == nil {
		err = a.grant(ctx, c)
	}
	if isKind(err, refused, forbidden, closed) {
		l.shut = &fault{"log in", closed, l.words(cause(err))}
		l.again = now.Add(shutFor)
		return "", l.shut
	}
	l.shut = nil
	return l.access, err
}

// words say that the server refuses us, or that there is no way to it.
func (l *login) words(why error) error {
	var said *wire.Error
	if errors.As(why, &said) {
		return fmt.Errorf("ThreatQ refuses %s: %w", l.who(), why)
	}
	return fmt.Errorf("no way to ThreatQ for %s: %w", l.who(), why)
}

// cause is what stands behind a fault.
func cause(err error) error {
	var f *fault
	if errors.As(err, &f) {
		return f.err
	}
	return err
}

// who names the account, for people.
func (l *login) who() string {
	if l.cfg.ClientSecret != "" {
		return fmt.Sprintf("client %q", l.cfg.ClientID)
	}
	return fmt.Sprintf("user %q with client id %q", l.cfg.User, l.cfg.ClientID)
}

// passwordCall logs in: with API credentials if there is a secret, else as a
// user.
func (l *login) passwordCall() (*call, error) {
	if l.cfg.ClientSecret != "" {
		return &call{method: http.MethodPost, path: "/token", open: true, auth: l.basic(), query: url.Values{"grant_type": {"client_credentials"}}}, nil
	}
	raw, err := json.Marshal(map[string]string{"email": l.cfg.User, "password": l.cfg.Password, "grant_type": "password", "client_id": l.cfg.ClientID})
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	c := &call{method: http.MethodPost, path: "/token", open: true, query: url.Values{"grant_type": {"password"}, "client_id": {l.cfg.ClientID}}}
	c.setBody(raw, "application/json")
	return c, nil
}

// refreshCall renews the token, in the name of the old one or of the API
// credentials.
func (l *login) refreshCall() *call {
	c := &call{method: http.MethodPost, path: "/token", open: true, auth: l.basic(), query: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {l.refresh}}}
	if l.cfg.ClientSecret == "" {
		c.auth = "Bearer " + l.access
	}
	return c
}

func (l *login) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.cfg.ClientID+":"+l.cfg.ClientSecret))
}

// grant asks for a token and keeps it.
func (a *api) grant(ctx context.Context, c *call) error {
	status, raw, err := a.send(ctx, c)
	if err != nil {
		return err
	}
	if e := wire.Refusal(status, raw); e != nil {
		return newFault(c, e)
	}
	var t wire.Token
	if err := json.Unmarshal(raw, &t); err != nil || t.AccessToken == "" {
		return &fault{c.name(), passing, errors.New("the answer holds no token")}
	}
	a.login.keep(t, a.cfg.Now())
	return nil
}

func (l *login) keep(t wire.Token, now time.Time) {
	life := time.Duration(t.ExpiresIn) * time.Second
	switch {
	case life <= 0:
		life = shortToken
	case life > 2*earlier:
		life -= earlier
	default:
		life /= 2
	}
	l.access, l.refresh, l.until = t.AccessToken, t.RefreshToken, now.Add(life)
}
