package threatq_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
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
