package threatqsim_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// clock is a time that tests set.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(1_800_000_000+c.seconds.Load(), 0) }

type tokenRequest struct {
	query, kind, body string
	basic             [2]string
	bearer            string
}

func token(t *testing.T, sim http.Handler, in tokenRequest) (int, wire.Token, string) {
	t.Helper()
	r := httptest.NewRequest("POST", "/api/token"+in.query, bytes.NewReader([]byte(in.body)))
	r.Header.Set("Content-Type", in.kind)
	if in.basic[0] != "" {
		r.SetBasicAuth(in.basic[0], in.basic[1])
	}
	if in.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+in.bearer)
	}
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	var tok wire.Token
	_ = json.Unmarshal(w.Body.Bytes(), &tok)
	return w.Code, tok, w.Body.String()
}

func status(sim http.Handler, bearer string) int {
	r := httptest.NewRequest("GET", "/api/indicator/types", nil)
	r.Header.Set("Authorization", "Bearer "+bearer)
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	return w.Code
}

const asForm = "application/x-www-form-urlencoded"

func TestLoginsInEveryEncoding(t *testing.T) {
	cfg := config()
	cfg.Clients = map[string]string{"machine": "s3cret"}
	sim := threatqsim.New(cfg)
	tests := []struct {
		name string
		in   tokenRequest
		code int
		says string
	}{
		{"query and body", tokenRequest{query: "?grant_type=password&client_id=client", body: `{"email":"soc@example.org","password":"secret"}`}, 200, ""},
		{"body alone", tokenRequest{body: `{"grant_type":"password","client_id":"client","email":"soc@example.org","password":"secret"}`}, 200, ""},
		{"form", tokenRequest{kind: asForm, body: "grant_type=password&client_id=client&email=soc%40example.org&password=secret"}, 200, ""},
		{"form with charset", tokenRequest{kind: asForm + "; charset=utf-8", body: "grant_type=password&client_id=client&email=soc%40example.org&password=secret"}, 200, ""},
		{"machine by Basic", tokenRequest{query: "?grant_type=client_credentials", basic: [2]string{"machine", "s3cret"}}, 200, ""},
		{"machine by array", tokenRequest{query: "?grant_type=client_credentials", body: `["machine","s3cret"]`}, 200, ""},
		{"machine by form", tokenRequest{kind: asForm, body: "grant_type=client_credentials&client_id=machine&client_secret=s3cret"}, 200, ""},
		{"wrong password", tokenRequest{query: "?grant_type=password&client_id=client", body: `{"email":"soc@example.org","password":"x"}`}, 400, "invalid_grant"},
		{"unknown user", tokenRequest{query: "?grant_type=password&client_id=client", body: `{"email":"x","password":""}`}, 400, "invalid_grant"},
		{"unknown client", tokenRequest{query: "?grant_type=password&client_id=x", body: `{"email":"soc@example.org","password":"secret"}`}, 401, "invalid_client"},
		{"wrong secret", tokenRequest{query: "?grant_type=client_credentials", basic: [2]string{"machine", "x"}}, 401, "invalid_client"},
		{"no such machine", tokenRequest{query: "?grant_type=client_credentials", basic: [2]string{"x", ""}}, 401, "invalid_client"},
		{"no grant", tokenRequest{body: `{}`}, 400, "unsupported_grant_type"},
		{"nonsense", tokenRequest{body: "\xff{"}, 400, "unsupported_grant_type"},
		{"form that is none", tokenRequest{kind: asForm, body: "%zz"}, 400, "unsupported_grant_type"},
		{"no refresh token", tokenRequest{query: "?grant_type=refresh_token"}, 400, "invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, tok, body := token(t, sim, tt.in)
			if code != tt.code || !strings.Contains(body, tt.says) {
				t.Fatalf("%d %s", code, body)
			}
			if code != 200 {
				return
			}
			if tok.TokenType != "bearer" || tok.ExpiresIn != 3600 || tok.RefreshToken == "" || status(sim, tok.AccessToken) != 200 {
				t.Errorf("%+v", tok)
			}
		})
	}
}

func TestTokensLiveAndRotate(t *testing.T) {
	var now clock
	cfg := config()
	cfg.TokenTTL, cfg.Now = 100*time.Second, now.now
	sim := threatqsim.New(cfg)
	_, first, _ := token(t, sim, tokenRequest{query: "?grant_type=password&client_id=client&email=soc@example.org&password=secret"})
	if first.ExpiresIn != 100 {
		t.Errorf("expires in %d", first.ExpiresIn)
	}
	now.seconds.Store(99)
	if got := status(sim, first.AccessToken); got != 200 {
		t.Errorf("before its end: %d", got)
	}
	now.seconds.Store(100)
	if got := status(sim, first.AccessToken); got != 401 {
		t.Errorf("at its end: %d", got)
	}
	code, second, body := token(t, sim, tokenRequest{query: "?grant_type=refresh_token&refresh_token=" + first.RefreshToken, bearer: first.AccessToken})
	if code != 200 || status(sim, second.AccessToken) != 200 || second.RefreshToken == first.RefreshToken {
		t.Fatalf("refresh: %d %s", code, body)
	}
	if code, _, _ := token(t, sim, tokenRequest{query: "?grant_type=refresh_token&refresh_token=" + first.RefreshToken}); code != 400 {
		t.Errorf("the old refresh token works again: %d", code)
	}
	if code, _, _ := token(t, sim, tokenRequest{query: "?grant_type=refresh_token&refresh_token=" + second.RefreshToken}); code != 200 || status(sim, second.AccessToken) != 401 {
		t.Errorf("refreshed early: %d, and the old token is good for %d", code, status(sim, second.AccessToken))
	}
}

func TestNoRefresh(t *testing.T) {
	cfg := config()
	cfg.NoRefresh = true
	if _, tok, body := token(t, threatqsim.New(cfg), tokenRequest{query: "?grant_type=password&client_id=client&email=soc@example.org&password=secret"}); tok.AccessToken == "" || strings.Contains(body, "refresh") {
		t.Error(body)
	}
}

func TestNobodyLogsInToTheZeroValue(t *testing.T) {
	sim := threatqsim.New(threatqsim.Config{})
	for _, query := range []string{"?grant_type=password", "?grant_type=client_credentials", "?grant_type=refresh_token&refresh_token="} {
		if code, tok, body := token(t, sim, tokenRequest{query: query}); code == 200 || tok.AccessToken != "" {
			t.Errorf("%s: %s", query, body)
		}
	}
	if got := status(sim, ""); got != 401 {
		t.Errorf("without a token: %d", got)
	}
}
