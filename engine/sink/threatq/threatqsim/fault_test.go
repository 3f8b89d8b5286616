package threatqsim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

func TestFaults(t *testing.T) {
	tests := []struct {
		what threatqsim.What
		code int    // 0: no answer, -1: a cut one
		body string // that is in it
		done bool
	}{
		{"401", 401, "access_denied", false},
		{"429", 429, "Too Many", false},
		{"500", 500, "errors", false},
		{"503", 503, "", false},
		{"504", 504, "", false},
		{"500-after", 500, "errors", true},
		{"503-after", 503, "errors", true},
		{"429-after", 429, "errors", true},
		{threatqsim.HTML, 502, "<html>", false},
		{threatqsim.HTMLGood, 200, "<html>", false},
		{threatqsim.Errors, 200, `"errors"`, false},
		{threatqsim.Cut, 0, "", true},
		{threatqsim.CutBefore, 0, "", false},
		{threatqsim.Truncated, -1, `{"data`, true},
		{threatqsim.WrongLength, -1, "a.example", true},
		{threatqsim.Slow, 201, "a.example", true},
		{threatqsim.Shuffled, 201, "a.example", true},
		{threatqsim.NoRefresh, 201, "a.example", true},
		{threatqsim.EmptyLists, 201, "a.example", true},
		{threatqsim.Twice, 201, "a.example", true},
	}
	for _, tt := range tests {
		t.Run(string(tt.what), func(t *testing.T) {
			c := connect(t, config())
			if err := c.sim.Fault(threatqsim.Fault{Method: "POST", Path: "/indicators/*", What: tt.what, Delay: time.Millisecond, RetryAfter: 3}); err != nil {
				t.Fatal(err)
			}
			code, raw := c.do("POST", "/api/indicators/consume", object{"value": "a.example", "type": "FQDN", "attributes": object{"name": "n", "value": "v"}})
			if code != tt.code || !strings.Contains(string(raw), tt.body) {
				t.Errorf("%d %s", code, raw)
			}
			dump := string(c.sim.Dump())
			if done := strings.Contains(dump, "a.example"); done != tt.done {
				t.Errorf("done: %v", done)
			}
			if twice := strings.Count(dump, "n: v") == 2; twice != (tt.what == threatqsim.Twice) {
				t.Errorf("%s", dump)
			}
			if got := c.sim.Struck(); got != 1 {
				t.Errorf("struck %d", got)
			}
			c.one("POST", "/api/indicators/consume", object{"value": "b.example", "type": "FQDN"}) // the fault is over
		})
	}
}

func TestScriptsStrikeWhatFits(t *testing.T) {
	tests := []struct {
		name  string
		fault threatqsim.Fault
		want  string // codes of GET /indicator/types, GET /events, GET /events, POST /events
	}{
		{"any", threatqsim.Fault{What: "503", Times: -1}, "503 503 503 503"},
		{"once", threatqsim.Fault{What: "503"}, "503 200 200 201"},
		{"later", threatqsim.Fault{What: "503", After: 1, Times: 2}, "200 503 503 201"},
		{"a method", threatqsim.Fault{What: "503", Method: "post"}, "200 200 200 503"},
		{"a path", threatqsim.Fault{What: "503", Path: "/events"}, "200 503 200 201"},
		{"a path with /api", threatqsim.Fault{What: "503", Path: "/api/events", Times: 2}, "200 503 503 201"},
		{"a pattern", threatqsim.Fault{What: "503", Path: "/*/types", Times: 9}, "503 200 200 201"},
		{"all below", threatqsim.Fault{What: "503", Path: "/indicator/**", Times: 9}, "503 200 200 201"},
		{"the second of both", threatqsim.Fault{What: "503", Method: "GET", Path: "/events", After: 1}, "200 200 503 201"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, config())
			if err := c.sim.Fault(tt.fault); err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, in := range []struct {
				method, path string
				body         any
			}{{"GET", "/api/indicator/types", nil}, {"GET", "/api/events", nil}, {"GET", "/api/events", nil}, {"POST", "/api/events", object{"title": "t", "type": "Incident", "happened_at": "2026-01-01 00:00:00"}}} {
				code, _ := c.do(in.method, in.path, in.body)
				codes = append(codes, fmt.Sprint(code))
			}
			if got := strings.Join(codes, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestFaultsThatAreNone(t *testing.T) {
	sim := threatqsim.New(config())
	for _, f := range []threatqsim.Fault{{}, {What: "200"}, {What: "600"}, {What: "sloth"}, {What: "503-before"}, {What: "503", Path: "/["}} {
		if err := sim.Fault(f); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
	if err := sim.Chaos(1, 1, "sloth"); err == nil {
		t.Error("chaos of a kind that is none is taken")
	}
}

func TestRetryAfter(t *testing.T) {
	c := connect(t, config())
	_ = c.sim.Fault(threatqsim.Fault{What: "429", RetryAfter: 7})
	resp, err := http.Get(c.url + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Retry-After"); got != "7" || resp.StatusCode != 429 {
		t.Errorf("%d, Retry-After %q", resp.StatusCode, got)
	}
}

func TestListsWithoutPermissionByFault(t *testing.T) {
	c := connect(t, config())
	_ = c.sim.Fault(threatqsim.Fault{Path: "/*/types", What: threatqsim.EmptyLists})
	if code, raw := c.do("GET", "/api/event/types", nil); code != 200 || string(raw) != "{}" {
		t.Errorf("%d %s", code, raw)
	}
}

func TestSlowEndsWithTheClient(t *testing.T) {
	c := connect(t, config())
	_ = c.sim.Fault(threatqsim.Fault{What: threatqsim.Slow, Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", c.url+"/api/events", nil)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Error("answered")
	}
}

func TestFaultsByHTTP(t *testing.T) {
	c := connect(t, config())
	if code, raw := c.do("POST", "/_sim/faults", object{"path": "/events", "what": "500", "times": 2}); code != 201 || !strings.Contains(string(raw), "/events") {
		t.Errorf("%d %s", code, raw)
	}
	if code, _ := c.do("GET", "/api/events", nil); code != 500 {
		t.Errorf("%d", code)
	}
	if _, raw := c.do("GET", "/_sim/faults", nil); !strings.Contains(string(raw), `"struck":1`) {
		t.Errorf("%s", raw)
	}
	for _, bad := range []any{"x", object{"what": "x"}, []object{{"what": "500"}, {"what": "x"}}} {
		if code, _ := c.do("POST", "/_sim/faults", bad); code != 400 {
			t.Errorf("%v: %d", bad, code)
		}
	}
	if code, _ := c.do("DELETE", "/_sim/faults", nil); code != 204 {
		t.Errorf("%d", code)
	}
	if code, raw := c.do("POST", "/_sim/chaos", object{"seed": 1, "rate": 1, "kinds": []string{"503"}}); code != 204 {
		t.Errorf("%d %s", code, raw)
	}
	if code, _ := c.do("GET", "/api/events", nil); code != 503 {
		t.Errorf("%d", code)
	}
	if code, _ := c.do("POST", "/_sim/chaos", object{"seed": 1, "rate": 1, "kinds": []string{"x"}}); code != 400 {
		t.Errorf("%d", code)
	}
}

func TestChaosIsThatOfItsSeed(t *testing.T) {
	run := func(seed uint64) string {
		c := connect(t, config())
		if err := c.sim.Chaos(seed, 0.3, "401", "503", threatqsim.HTML); err != nil {
			t.Fatal(err)
		}
		var codes []string
		for range 100 {
			code, _ := c.do("GET", "/api/events", nil)
			codes = append(codes, fmt.Sprint(code))
		}
		if got := c.sim.Struck(); got < 15 || got > 45 {
			t.Errorf("struck %d of 100", got)
		}
		return strings.Join(codes, " ")
	}
	a, again, b := run(1), run(1), run(2)
	if a != again || a == b {
		t.Errorf("%s\n%s\n%s", a, again, b)
	}
}

func TestShuffledKeepsAllOfTheAnswer(t *testing.T) {
	c := connect(t, config())
	_ = c.sim.Fault(threatqsim.Fault{Path: "/indicators/consume", What: threatqsim.Shuffled})
	var batch []object
	for i := range 50 {
		batch = append(batch, object{"value": fmt.Sprintf("%02d", i), "type": "String"})
	}
	seen, moved := map[string]bool{}, 0
	for i, o := range c.ask("POST", "/api/indicators/consume", batch) {
		seen[o.Value] = true
		if o.Value != batch[i]["value"] {
			moved++
		}
	}
	if len(seen) != 50 || moved < 25 {
		t.Errorf("%d different, %d moved", len(seen), moved)
	}
}

// TestCutsOverHTTP2 wants cut answers to be seen as cut where a connection is
// shared by many requests, and the connection to live on.
func TestCutsOverHTTP2(t *testing.T) {
	sim := threatqsim.New(config())
	web := httptest.NewUnstartedServer(sim)
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	ask := func() (*http.Response, error) {
		resp, err := web.Client().Get(web.URL + "/api/nothing")
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		return resp, err
	}
	for _, what := range []threatqsim.What{threatqsim.Cut, threatqsim.CutBefore, threatqsim.Truncated, threatqsim.WrongLength} {
		if err := sim.Fault(threatqsim.Fault{What: what}); err != nil {
			t.Fatal(err)
		}
		if _, err := ask(); err == nil {
			t.Errorf("%s: a whole answer", what)
		}
		if resp, err := ask(); err != nil || resp.ProtoMajor != 2 || resp.StatusCode != 404 {
			t.Errorf("after %s: %v, %v", what, resp, err)
		}
	}
}

func TestBodyThatIsTooLarge(t *testing.T) {
	cfg := config()
	cfg.MaxBody = 1000
	c := connect(t, cfg)
	if code, raw := c.do("POST", "/api/events", object{"title": strings.Repeat("x", 2000), "type": "Incident", "happened_at": "2026-01-01 00:00:00"}); code != 413 {
		t.Errorf("%d %s", code, raw)
	}
	if n := c.sim.Counts(); n.Routes["POST /api/events"] != 1 {
		t.Errorf("%+v", n)
	}
}

func TestCounts(t *testing.T) {
	c := connect(t, config())
	c.sim.ResetCounts()
	c.login("soc@example.org", "secret")
	c.id("/event/types", "Incident")
	event := c.event("x")
	c.do("GET", fmt.Sprintf("/api/events/%d", event.ID), nil)
	c.do("GET", "/api/nonsense", nil)
	c.do("GET", "/_sim/counts", nil)
	n := c.sim.Counts()
	if n.Total != 5 || n.Login != 1 || n.Lookup != 1 || n.Other != 3 || n.Routes["GET /api/events/{id}"] != 1 || n.Routes["unknown"] != 1 {
		t.Errorf("%+v", n)
	}
	_, raw := c.do("GET", "/_sim/counts", nil)
	var got threatqsim.Counts
	if err := json.Unmarshal(raw, &got); err != nil || got.Total != 5 {
		t.Errorf("%s %v", raw, err)
	}
	if code, _ := c.do("DELETE", "/_sim/counts", nil); code != 204 || c.sim.Counts().Total != 0 {
		t.Errorf("%d, %+v", code, c.sim.Counts())
	}
}

// graph builds the same objects in the order that is told.
func graph(c *client, order []int) {
	event := c.event("e")
	file := c.upload("f", []byte("f"), 1, true)
	values := []string{"a", "b", "c", "d"}
	for _, i := range order {
		c.ask("POST", "/api/indicators/consume", object{"value": values[i], "type": "String", "status": "Active", "tags": []string{values[i], "t"}, "events": []object{{"id": event.ID}}})
	}
	for _, i := range order {
		c.ask("POST", fmt.Sprintf("/api/events/%d/attributes", event.ID), object{"name": "n", "value": values[i]})
	}
	c.ask("POST", fmt.Sprintf("/api/attachments/%d/events", file.ID), object{"id": event.ID})
}

func TestDumpKnowsNoIdsOrderOrTime(t *testing.T) {
	var dumps []string
	for i, order := range [][]int{{0, 1, 2, 3}, {3, 1, 0, 2}} {
		cfg := config()
		cfg.Seed = uint64(i)
		cfg.Now = func() time.Time { return time.Unix(int64(1_700_000_000+i*1_000_000), 0) }
		c := connect(t, cfg)
		graph(c, order)
		dumps = append(dumps, string(c.sim.Dump()))
		if _, raw := c.do("GET", "/_sim/dump", nil); string(raw) != dumps[i] {
			t.Errorf("by HTTP:\n%s", raw)
		}
	}
	if dumps[0] != dumps[1] {
		t.Errorf("%s\n%s", dumps[0], dumps[1])
	}
	var all []threatqsim.Dumped
	if err := json.Unmarshal([]byte(dumps[0]), &all); err != nil || len(all) != 6 {
		t.Fatalf("%v\n%s", err, dumps[0])
	}
	file := all[0]
	if file.Kind != "attachments" || !file.Locked || file.SHA256 != "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111" || len(file.Related) != 1 || file.Related[0] != "events: Incident: e: 2026-01-02 03:04:05" {
		t.Errorf("%+v", file)
	}
}

func TestDumpTellsDifferencesApart(t *testing.T) {
	base := func(c *client) wire.Object {
		graph(c, []int{0, 1, 2, 3})
		return c.one("GET", "/api/events?title=e", nil)
	}
	reference := connect(t, config())
	base(reference)
	changes := map[string]func(c *client, e wire.Object){
		"attribute twice": func(c *client, e wire.Object) {
			c.ask("POST", fmt.Sprintf("/api/events/%d/attributes", e.ID), object{"name": "n", "value": "a"})
		},
		"status": func(c *client, e wire.Object) {
			c.ask("POST", "/api/indicators", object{"value": "a", "type": "String", "status": "Review"})
		},
		"comment": func(c *client, e wire.Object) {
			c.ask("POST", fmt.Sprintf("/api/events/%d/comments", e.ID), object{"value": "x"})
		},
		"tag": func(c *client, e wire.Object) {
			c.ask("POST", fmt.Sprintf("/api/events/%d/tags", e.ID), object{"name": "x"})
		},
		"source": func(c *client, e wire.Object) {
			c.ask("POST", fmt.Sprintf("/api/events/%d/sources", e.ID), object{"name": "x"})
		},
		"time": func(c *client, e wire.Object) {
			c.ask("PUT", fmt.Sprintf("/api/events/%d", e.ID), object{"happened_at": "2026-09-09 09:09:09"})
		},
		"link": func(c *client, e wire.Object) {
			for _, l := range c.ask("GET", fmt.Sprintf("/api/events/%d/indicators", e.ID), nil)[:1] {
				c.do("DELETE", fmt.Sprintf("/api/events/%d/indicators", e.ID), []wire.Int{l.Pivot.ID})
			}
		},
		"file":   func(c *client, e wire.Object) { c.upload("f", []byte("g"), 1, true) },
		"gone":   func(c *client, e wire.Object) { c.do("DELETE", fmt.Sprintf("/api/events/%d", e.ID), nil) },
		"second": func(c *client, e wire.Object) { c.event("e") },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			c := connect(t, config())
			change(c, base(c))
			if string(c.sim.Dump()) == string(reference.sim.Dump()) {
				t.Error("not seen")
			}
		})
	}
}

// TestManyClientsAtOnce is for the race detector, and wants nothing lost.
func TestManyClientsAtOnce(t *testing.T) {
	c := connect(t, config())
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			own := &client{t: t, sim: c.sim, url: c.url, token: c.token}
			for i := range 20 {
				own.do("POST", "/api/indicators/consume", []object{{"value": fmt.Sprintf("%d-%d", worker, i), "type": "String"}, {"value": "shared", "type": "String", "tags": []string{fmt.Sprint(worker)}}})
				own.do("GET", "/api/indicators?with=tags,events", nil)
				own.do("POST", "/api/indicators/query", object{})
				own.sim.Dump()
				own.sim.Counts()
				_ = own.sim.Fault(threatqsim.Fault{Path: "/nothing", What: "500"})
			}
		})
	}
	wg.Wait()
	code, raw := c.do("GET", "/api/indicators?limit=1000", nil)
	page, err := wire.Decode[wire.Object](code, raw)
	if err != nil || page.Total != 8*20+1 {
		t.Errorf("%d, %v", page.Total, err)
	}
}
