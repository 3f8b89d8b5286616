package threatqsim

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// grant is one login: what its tokens may do and until when.
type grant struct {
	user            string
	access, refresh string
	expires         time.Time
}

type tokens struct {
	access  map[string]*grant
	refresh map[string]*grant
}

func newTokens() *tokens {
	return &tokens{access: map[string]*grant{}, refresh: map[string]*grant{}}
}

// credentials are read from wherever clients put them: the query, a JSON object,
// a JSON array of id and secret, a form, HTTP Basic.
type credentials struct {
	grant, email, password, id, secret, refresh string
}

func readCredentials(c *call) credentials {
	fields := map[string]string{}
	var pair []string
	if form, err := url.ParseQuery(string(c.body)); err == nil && strings.HasPrefix(c.header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		for k := range form {
			fields[k] = form.Get(k)
		}
	} else if json.Unmarshal(c.body, &pair) == nil && len(pair) == 2 {
		fields["client_id"], fields["client_secret"] = pair[0], pair[1]
	} else {
		_ = json.Unmarshal(c.body, &fields) // what cannot be read is missing, and refused as that
	}
	for k := range c.query {
		fields[k] = c.query.Get(k)
	}
	got := credentials{fields["grant_type"], fields["email"], fields["password"], fields["client_id"], fields["client_secret"], fields["refresh_token"]}
	if id, secret, ok := basic(c.header); ok {
		got.id, got.secret = id, secret
	}
	return got
}

func basic(h http.Header) (id, secret string, ok bool) {
	text, isBasic := strings.CutPrefix(h.Get("Authorization"), "Basic ")
	if !isBasic {
		return "", "", false
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(plain), ":")
}

// postToken logs in, or trades a refresh token for new tokens.
func (s *Server) postToken(c *call) answer {
	in := readCredentials(c)
	switch in.grant {
	case "password":
		want, known := s.cfg.Users[in.email]
		if s.cfg.ClientID != "" && in.id != s.cfg.ClientID {
			return badLogin(http.StatusUnauthorized, "invalid_client", "Client authentication failed.")
		}
		if !known || !same(want, in.password) {
			return badLogin(http.StatusBadRequest, "invalid_grant", "The user credentials were incorrect.")
		}
		return s.issue(c, in.email)
	case "client_credentials":
		want, known := s.cfg.Clients[in.id]
		if !known || !same(want, in.secret) {
			return badLogin(http.StatusUnauthorized, "invalid_client", "Client authentication failed.")
		}
		return s.issue(c, in.id)
	case "refresh_token":
		g := s.tokens.refresh[in.refresh]
		if g == nil {
			return badLogin(http.StatusBadRequest, "invalid_grant", "The refresh token is invalid.")
		}
		delete(s.tokens.refresh, g.refresh)
		delete(s.tokens.access, g.access)
		return s.issue(c, g.user)
	default:
		return badLogin(http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server.")
	}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func badLogin(code int, name, words string) answer {
	return answer{code: code, body: object{"error": name, "error_description": words}}
}

func (s *Server) issue(c *call, user string) answer {
	g := &grant{user: user, access: s.secret(), refresh: s.secret(), expires: c.now.Add(s.cfg.TokenTTL)}
	s.tokens.access[g.access] = g
	body := object{"access_token": g.access, "token_type": "bearer", "expires_in": int(s.cfg.TokenTTL / time.Second)}
	if !s.cfg.NoRefresh {
		s.tokens.refresh[g.refresh] = g
		body["refresh_token"] = g.refresh
	}
	return answer{code: http.StatusOK, body: body}
}

func (s *Server) secret() string { return fmt.Sprintf("%016x%016x", s.rng.Uint64(), s.rng.Uint64()) }

// authorise finds out who calls, and whether he may.
func (s *Server) authorise(c *call) (answer, bool) {
	token, _ := strings.CutPrefix(c.header.Get("Authorization"), "Bearer ")
	g := s.tokens.access[token]
	if g == nil {
		return badLogin(http.StatusUnauthorized, "access_denied", "The resource owner or authorization server denied the request."), false
	}
	if !c.now.Before(g.expires) {
		delete(s.tokens.access, token)
		return badLogin(http.StatusUnauthorized, "access_denied", "The access token has expired."), false
	}
	c.user = g.user
	may := s.cfg.Permissions[g.user]
	switch {
	case may == None && c.route.class == lookup:
		return answer{code: http.StatusOK, body: object{}}, false
	case may == None, may == Read && c.route.writes():
		return refuse(http.StatusForbidden, "You do not have permission to perform this action."), false
	}
	return answer{}, true
}
