package threatq_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// hostile answers requests with parts of one text: the platform may be anybody.
type hostile struct {
	answers []string
	n       int
}

// answer is what a request gets. Tokens and lists are as they should be,
// so that the rest is reached.
func (h *hostile) answer(path string) (int, string) {
	switch path {
	case "/api/token":
		return 200, `{"access_token":"t","expires_in":3600}`
	case "/api/indicator/types":
		return 200, `{"data":[{"id":5,"name":"URL","class":"network"},{"id":6,"name":"FQDN"},{"id":7,"name":"String"}]}`
	case "/api/indicator/statuses":
		return 200, `{"data":[{"id":1,"name":"Review"},{"id":2,"name":"Active"}]}`
	case "/api/event/types":
		return 200, `{"data":[{"id":1,"name":"Spearphish"},{"id":2,"name":"Incident"}]}`
	case "/api/attachments/types":
		return 200, `{"data":[{"id":1,"name":"Generic Text"}]}`
	}
	if len(h.answers) == 0 {
		return 200, ""
	}
	text := h.answers[h.n%len(h.answers)]
	h.n++
	status := 200
	if strings.HasPrefix(text, "!") {
		status = 400 + len(text)%200
	}
	return status, strings.TrimPrefix(text, "!")
}

// FuzzAnswers ships against a server whose answers are fuzzed: whatever it says,
// Ship ends, with an error or without.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"data":[]}`, `{"data":{"id":12}}`, `{"data":[{"id":12,"value":"h0.example/a","type_id":5,"attributes":[{"id":1,"name":"x","value":"y"}]}],"total":99}`,
		"{\"data\":[{\"id\":1,\"hash\":\"d41d8cd98f00b204e9800998ecf8427e\",\"file_size\":13}]}\n{\"data\":{\"id\":3}}", `!{"errors":["no"]}`,
		`{"data":[{"id":-1,"happened_at":"0000-00-00","attributes":null,"sources":{"name":"x","tlp_id":"1"}}]}`, `[1,2]`, `null`, "<html>",
		"{\"data\":[]}\n{\"data\":{\"id\":5,\"spearphish\":{\"value\":\"x\"}}}\n!{\"data\":{\"errors\":{\"tlp\":[\"no\"]}}}", `{"total":1000000000,"data":[{"id":1}]}`,
	} {
		f.Add(seed)
	}
	var h *hostile // one at a time
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		status, body := h.answer(r.URL.Path)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	f.Cleanup(web.Close)
	line := &http.Transport{}
	f.Fuzz(func(t *testing.T, text string) {
		h = &hostile{answers: strings.Split(text, "\n")}
		p := &place{url: web.URL, memory: notes{}}
		s := p.open(t, func(c *threatq.Config) { c.Tries, c.Transport = 2, line })
		b := spearphish(mailBatch("a", 3, 1))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := s.Ship(ctx, b)
		if errors.Is(err, context.DeadlineExceeded) || h.n > 2000 {
			t.Fatalf("no end after %d requests", h.n)
		}
		if _, err := s.Retract(ctx, b, engine.Batch{}); errors.Is(err, context.DeadlineExceeded) || h.n > 4000 {
			t.Fatalf("no end of taking back after %d requests", h.n)
		}
	})
}

// FuzzForms checks that the forms of an indicator are few, distinct and begin
// with itself, and that each form of a form is no worse.
func FuzzForms(f *testing.F) {
	for _, v := range []string{"http://a.example/b?c=d#e", "hxxp://[2001:db8::1]:80/", "192.0.2.1:99", "//", "://", "http://user:pw@h.example", "%zz", "a\x00b", "[.]", `"x"`} {
		f.Add("URL", v)
		f.Add("IP Address", v)
	}
	f.Fuzz(func(t *testing.T, typ, value string) {
		all := threatq.Forms(typ, value)
		if len(all) == 0 || len(all) > 20 {
			t.Fatalf("%d forms: %q", len(all), all)
		}
		seen := map[string]bool{}
		for _, one := range all {
			if seen[one] {
				t.Errorf("%q twice", one)
			}
			seen[one] = true
		}
	})
}

// FuzzUnlocked reads what claims to be a locked zip.
func FuzzUnlocked(f *testing.F) {
	for _, content := range []string{"", "x", strings.Repeat("deflate me ", 200)} {
		f.Add(locked(f, content), int64(len(content)))
	}
	f.Fuzz(func(t *testing.T, raw []byte, size int64) {
		if size < 0 || size > 1<<20 {
			return
		}
		if got := threatq.Unlocked(bytes.NewReader(raw), int64(len(raw)), size); got != "" && len(got) != 64 {
			t.Errorf("digest %q", got)
		}
	})
}

// locked is a zip as the simulator locks it.
func locked(t testing.TB, content string) []byte {
	t.Helper()
	p := newPlace(t, simConfig())
	b := mailBatch("a", 0, 0)
	b.Files = []engine.FileRecord{file("x.bin", content)}
	s := p.open(t)
	p.ship(t, s, b)
	page := decode[struct{ Data []wire.Object }](t, p.post(t, "/attachments/query", `{"criteria":{},"filters":{}}`))
	if len(page.Data) != 1 {
		t.Fatalf("%d files", len(page.Data))
	}
	return p.get(t, fmt.Sprintf("/attachments/%d/download", page.Data[0].ID))
}

func TestLockedFilesAreReadEvenWhenCut(t *testing.T) {
	content := strings.Repeat("deflate me ", 200)
	raw := locked(t, content)
	if got := threatq.Unlocked(bytes.NewReader(raw), int64(len(raw)), int64(len(content))); got != hexOf(content) {
		t.Fatalf("digest %q, want %q", got, hexOf(content))
	}
	for n := range raw {
		if got := threatq.Unlocked(bytes.NewReader(raw[:n]), int64(n), int64(len(content))); got != "" && got != hexOf(content) {
			t.Errorf("cut at %d: digest %q", n, got)
		}
	}
}
