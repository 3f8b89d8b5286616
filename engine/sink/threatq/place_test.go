package threatq_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// dump is the graph at the server.
func (p *place) dump(t testing.TB) []threatqsim.Dumped {
	t.Helper()
	return decode[[]threatqsim.Dumped](t, p.sim.Dump())
}

func decode[T any](t testing.TB, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// find is the one object with a key.
func (p *place) find(t testing.TB, kind, key string) threatqsim.Dumped {
	t.Helper()
	var found []threatqsim.Dumped
	for _, d := range p.dump(t) {
		if d.Kind == kind && d.Key == key {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d %s are %q:\n%s", len(found), kind, key, p.sim.Dump())
	}
	return found[0]
}

func (p *place) count(t testing.TB, kind string) int {
	t.Helper()
	n := 0
	for _, d := range p.dump(t) {
		if d.Kind == kind {
			n++
		}
	}
	return n
}

// has tells whether an attribute stands on an object.
func has(d threatqsim.Dumped, attribute string) bool {
	for _, a := range d.Attributes {
		if strings.HasPrefix(a, attribute) {
			return true
		}
	}
	return false
}

// post is what another user of the platform does.
func (p *place) post(t testing.TB, path, body string) []byte {
	t.Helper()
	return p.send(t, http.MethodPost, p.token(t), path, body)
}

func (p *place) get(t testing.TB, path string) []byte {
	t.Helper()
	return p.send(t, http.MethodGet, p.token(t), path, "")
}

func (p *place) token(t testing.TB) string {
	t.Helper()
	raw := p.send(t, http.MethodPost, "", "/token?grant_type=password&client_id=client", `{"email":"`+user+`","password":"`+password+`"}`)
	return decode[wire.Token](t, raw).AccessToken
}

func (p *place) send(t testing.TB, method, token, path, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+"/api"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, raw, err)
	}
	return raw
}

// deleteAll deletes what a collection holds, as an analyst may.
func (p *place) deleteAll(t testing.TB, collection string) {
	t.Helper()
	page := decode[struct{ Data []wire.Object }](t, p.post(t, "/"+collection+"/query?limit=1000", `{"criteria":{},"filters":{}}`))
	for _, o := range page.Data {
		p.send(t, http.MethodDelete, p.token(t), fmt.Sprintf("/%s/%d", collection, o.ID), "")
	}
}

func readAll(t testing.TB, r *http.Request) string {
	t.Helper()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return string(raw)
}

func withBody(r *http.Request, body string) *http.Request {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

// meddling is a server in front of a simulator, where something happens before
// each request.
func meddling(t testing.TB, sim http.Handler, before func(r *http.Request)) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before(r)
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	return web.URL
}
