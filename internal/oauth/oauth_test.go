package oauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/oauth"
)

// server answers as token servers do. Refresh tokens are good once.
func server(t *testing.T) string {
	n := 0
	refresh := "r0"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, ok := r.BasicAuth()
		if !ok {
			id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/broken":
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<html>hunter2</html>")
		case id != "client" || secret != "hunter2":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"no such client"}`)
		case r.FormValue("grant_type") == "refresh_token" && r.FormValue("refresh_token") != refresh:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant"}`)
		case r.FormValue("grant_type") == "refresh_token":
			n++
			refresh = fmt.Sprintf("r%d", n)
			fmt.Fprintf(w, `{"access_token":"user-%d","token_type":"bearer","expires_in":3600,"refresh_token":%q}`, n, refresh)
		default:
			n++
			fmt.Fprintf(w, `{"access_token":"app-%d %s","token_type":"bearer"}`, n, r.FormValue("scope"))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestTokens(t *testing.T) {
	tests := []struct {
		name string
		cfg  oauth.Config
		path string
		want []string // token or words of the error, per call
	}{
		{"own credentials", oauth.Config{ClientID: "client", ClientSecret: "hunter2", Scopes: []string{"mail"}}, "", []string{"app-1 mail", "app-2 mail"}},
		{"refresh tokens that change", oauth.Config{ClientID: "client", ClientSecret: "hunter2", RefreshToken: "r0"}, "", []string{"user-1", "user-2", "user-3"}},
		{"wrong secret", oauth.Config{ClientID: "client", ClientSecret: "hunter3"}, "", []string{"is refused: 401 Unauthorized, invalid_client: no such client"}},
		{"old refresh token", oauth.Config{ClientID: "client", ClientSecret: "hunter2", RefreshToken: "gone"}, "", []string{"is refused: 400 Bad Request, invalid_grant"}},
		{"a proxy's page", oauth.Config{ClientID: "client", ClientSecret: "hunter2"}, "/broken", []string{"temporary: 502 Bad Gateway"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.TokenURL = server(t) + tt.path
			get := oauth.Tokens(tt.cfg)
			for i, want := range tt.want {
				got, err := get(t.Context())
				if err != nil {
					got = err.Error()
				}
				if !strings.HasSuffix(got, want) || strings.Contains(got, "hunter") {
					t.Errorf("call %d: %q, want %q at its end, and no secret", i+1, got, want)
				}
				if temporary := strings.Contains(want, "temporary"); errors.Is(err, engine.ErrTemporary) != temporary {
					t.Errorf("call %d: temporary %t, want %t", i+1, !temporary, temporary)
				}
			}
		})
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	_, err := oauth.Tokens(oauth.Config{TokenURL: "http://127.0.0.1:1/token", ClientID: "c", ClientSecret: "hunter2"})(t.Context())
	if !errors.Is(err, engine.ErrTemporary) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v: want a temporary error without the secret", err)
	}
}
