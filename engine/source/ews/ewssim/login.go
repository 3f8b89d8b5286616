package ewssim

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// HTTPServer is a server for this handler: each connection has its own login, as
// NTLM wants it, and HTTP/2 is off. The caller gives it a listener; over TLS, the
// leaf that Config.Certificate names.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler: s, ConnContext: s.ConnContext, ReadHeaderTimeout: time.Minute,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
}

// ConnContext is for http.Server.ConnContext, where HTTPServer is not used: it
// gives a connection the memory of who is logged in.
func (s *Server) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	s.count("connections")
	return context.WithValue(ctx, connKey{}, &conn{})
}

type connKey struct{}

// conn is what is known of a connection.
type conn struct {
	mu        sync.Mutex
	negotiate []byte // messages 1 and 2 of an NTLM login that is under way
	challenge []byte
	nonce     []byte
	stamp     []byte
	user      *account // who logged in by NTLM
}

func (c *conn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.user, c.negotiate, c.challenge = nil, nil, nil
}

func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// login finds out who asks; else it has the answer that says how to log in.
func (s *Server) login(r *http.Request) (*account, *answer) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	c := connOf(r)
	switch {
	case scheme == "" && c != nil && c.name() != nil:
		return c.name(), nil
	case scheme == "":
		s.count("challenged")
		return nil, s.unauthorised()
	case !slices.ContainsFunc(s.cfg.Schemes, func(offered string) bool { return strings.EqualFold(offered, scheme) }):
		return s.refuse("scheme is not offered")
	}
	token = strings.TrimSpace(token)
	switch strings.ToLower(scheme) {
	case "basic":
		return s.basic(token)
	case "bearer":
		return s.bearer(token)
	case "ntlm", "negotiate":
		return s.ntlm(c, scheme, token)
	}
	return s.refuse("scheme is not known")
}

func (c *conn) name() *account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// refuse counts why.
func (s *Server) refuse(why string) (*account, *answer) {
	s.count("refused: " + why)
	s.cfg.Log.Info("login refused", "why", why)
	return nil, s.unauthorised()
}

// unauthorised has each scheme in a line of its own.
func (s *Server) unauthorised() *answer {
	a := page(http.StatusUnauthorized, "401 - Unauthorized: Access is denied due to invalid credentials.")
	a.header = http.Header{}
	for _, scheme := range s.cfg.Schemes {
		switch strings.ToLower(scheme) {
		case "basic":
			scheme = `Basic realm="mail.sim.example"`
		case "bearer":
			scheme = `Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="", token_types="app_asserted_user_v1 service_asserted_app_v1"`
		}
		a.header.Add("WWW-Authenticate", scheme)
	}
	return &a
}

func (s *Server) basic(token string) (*account, *answer) {
	raw, err := base64.StdEncoding.DecodeString(token)
	name, password, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok {
		return s.refuse("malformed")
	}
	user := s.accounts.named(name)
	switch {
	case user == nil:
		return s.refuse("unknown user")
	case subtle.ConstantTimeCompare([]byte(user.password), []byte(password)) != 1:
		return s.refuse("wrong password")
	}
	return user, nil
}

func (s *Server) bearer(token string) (*account, *answer) {
	name, ok := s.cfg.Tokens[token]
	user := s.accounts.named(name)
	if !ok || user == nil {
		return s.refuse("unknown token")
	}
	return user, nil
}

// ntlm takes a message of either leg. The scheme Negotiate brings NTLM as it is;
// what is wrapped by SPNEGO is not read.
func (s *Server) ntlm(c *conn, scheme, token string) (*account, *answer) {
	raw, err := base64.StdEncoding.DecodeString(token)
	switch {
	case c == nil:
		return s.refuse("NTLM without ConnContext")
	case err != nil:
		return s.refuse("malformed")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.user = nil
	switch messageType(raw) {
	case 1:
		return s.challenge(c, scheme, raw)
	case 3:
		user, why := s.verify(c, raw)
		c.negotiate, c.challenge = nil, nil
		if user == nil {
			return s.refuse(why)
		}
		c.user = user
		return user, nil
	}
	return s.refuse("malformed")
}

// challenge answers the first message with the second.
func (s *Server) challenge(c *conn, scheme string, first []byte) (*account, *answer) {
	asked, ok := readNegotiate(first)
	if !ok {
		return s.refuse("malformed")
	}
	c.negotiate, c.nonce, c.stamp = first, s.nonce(), fileTime(s.cfg.Now())
	c.challenge = writeChallenge(asked, c.nonce, s.domain(), c.stamp)
	a := page(http.StatusUnauthorized, "401 - Unauthorized")
	a.header = http.Header{"Www-Authenticate": {scheme + " " + base64.StdEncoding.EncodeToString(c.challenge)}}
	s.count("challenged")
	return nil, &a
}

// nonce is the seed's, and never the same.
func (s *Server) nonce() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins++
	return s.store.draw("nonce " + decimal(int(s.logins)))[:8]
}

// domain of the server, by its NetBIOS name: that of the first account that has one.
func (s *Server) domain() string {
	for _, a := range s.accounts {
		if a.domain != "" {
			name, _, _ := strings.Cut(a.domain, ".")
			return strings.ToUpper(name)
		}
	}
	return "SIM"
}
