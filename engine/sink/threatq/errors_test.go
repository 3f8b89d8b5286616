package threatq_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
)

// TestErrorsSayWhatToDo answers the making of the event in every shape of error
// that the platform is known to use, and in some that it is not.
func TestErrorsSayWhatToDo(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		body      string
		temporary bool
		words     string
	}{
		{"by field", 400, `{"data":{"errors":{"title":["The title field is required."]}}}`, false, "title: The title field is required."},
		{"a list", 400, `{"errors":["no","really not"]}`, false, "no; really not"},
		{"lists in a list", 400, `{"errors":[["no"],"never"]}`, false, "no; never"},
		{"errors with a good status", 200, `{"errors":["quota exceeded"]}`, false, "quota exceeded"},
		{"in the elements", 400, `{"data":[{"error":"bad row"}]}`, false, "bad row"},
		{"as OAuth says it", 400, `{"error":"invalid_request","error_description":"what?"}`, false, "invalid_request; what?"},
		{"name and message", 403, `{"name":"Forbidden","message":"You may not."}`, false, "lacks the permission"},
		{"a proxy's page", 502, `<html>Bad Gateway</html>`, true, "not an answer of ThreatQ"},
		{"a login page", 200, `<html>Please log in</html>`, true, "not an answer of ThreatQ"},
		{"nothing", 500, ``, true, "status 500"},
		{"good, and nothing", 200, ``, true, "names no object"},
		{"good, and not an object", 200, `{"data":"yes"}`, true, "not an answer of ThreatQ"},
		{"cut", 200, `{"data":{"id":12,"tit`, true, "not an answer of ThreatQ"},
		{"no id", 201, `{"data":{"title":"x"}}`, true, "names no object"},
		{"a negative id", 201, `{"data":{"id":-4}}`, true, "names no object"},
		{"a redirection", 302, ``, true, "set host to where ThreatQ is"},
		{"too many requests", 429, `{"errors":["slow down"]}`, true, "slow down"},
		{"controls for a terminal", 400, `{"errors":["\u001b[2Jboo\nbar"]}`, false, "[2Jboo bar"},
		{"unavailable", 503, `{"message":"maintenance"}`, true, "maintenance"},
		{"no words", 422, `{}`, false, "status 422"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sim := threatqsim.New(simConfig())
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.Path != "/api/events" {
					sim.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Location", "https://elsewhere.example/")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			defer web.Close()
			p := &place{sim: sim, url: web.URL, memory: notes{}}
			err := p.open(t).Ship(t.Context(), mailBatch("a", 1, 0))
			if err == nil || errors.Is(err, engine.ErrTemporary) != tt.temporary || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("got %v, temporary %v; want %q, temporary %v", err, errors.Is(err, engine.ErrTemporary), tt.words, tt.temporary)
			}
			if strings.ContainsAny(fmt.Sprint(err), "\x1b\n") {
				t.Errorf("the error is not fit for a terminal: %q", err)
			}
		})
	}
}

func TestLoginTroubleIsNotTheBatchs(t *testing.T) {
	tests := []struct {
		name   string
		sim    func(*threatqsim.Config)
		change func(*threatq.Config)
		words  string
	}{
		{name: "wrong password", change: func(c *threatq.Config) { c.Password = "wrong" }, words: `refuses user "soc@example.org" with client id "client"`},
		{name: "wrong client id", change: func(c *threatq.Config) { c.ClientID = "other" }, words: `client id "other"`},
		{name: "wrong secret", change: func(c *threatq.Config) { c.ClientID, c.ClientSecret = "api", "wrong" }, words: `refuses client "api"`},
		{name: "no permissions", sim: func(c *threatqsim.Config) { c.Permissions = map[string]threatqsim.Permission{user: threatqsim.None} }, words: "may not read it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := simConfig()
			if tt.sim != nil {
				tt.sim(&cfg)
			}
			p := newPlace(t, cfg)
			if tt.change == nil {
				tt.change = func(*threatq.Config) {}
			}
			s := p.open(t, tt.change)
			err := s.Ship(t.Context(), mailBatch("a", 1, 0))
			if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("Ship: %v, want a temporary error with %q", err, tt.words)
			}
			if _, err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("Check: %v", err)
			}
			for range 5 {
				_ = s.Ship(t.Context(), mailBatch("a", 1, 0))
			}
			if n := p.sim.Counts().Login; n > 1 {
				t.Errorf("%d logins in one second: an account may be locked by that", n)
			}
			if strings.Contains(fmt.Sprint(err), "wrong") {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}

func TestReadOnlyUserIsToldSo(t *testing.T) {
	cfg := simConfig()
	cfg.Permissions = map[string]threatqsim.Permission{user: threatqsim.Read}
	err := newPlace(t, cfg).open(t).Ship(t.Context(), mailBatch("a", 1, 0))
	if err == nil || errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "lacks the permission") {
		t.Errorf("Ship: %v", err)
	}
}

func TestUnknownNamesAreToldWithThoseThereAre(t *testing.T) {
	tests := map[string]func(*engine.Batch){
		`event type "Spearfish" is not at the server, which has: Anonymization`:    func(b *engine.Batch) { b.Events[0].Type = "Spearfish" },
		`indicator status "Reviw" is not at the server, which has: Active, Expire`: func(b *engine.Batch) { b.Indicators[0].Status = "Reviw" },
	}
	for words, change := range tests {
		p := newPlace(t, simConfig())
		b := mailBatch("a", 1, 0)
		change(&b)
		if err := p.open(t).Ship(t.Context(), b); err == nil || errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), words) {
			t.Errorf("Ship: %v, want %q", err, words)
		}
		if p.count(t, "events") != 0 {
			t.Error("half of the batch was shipped")
		}
	}
}

func TestTokensAreRenewed(t *testing.T) {
	for _, refreshes := range []bool{true, false} {
		now := enginetest.Epoch
		cfg := simConfig()
		cfg.TokenTTL, cfg.NoRefresh, cfg.Now = 10*time.Minute, !refreshes, func() time.Time { return now }
		p := newPlace(t, cfg)
		s := p.open(t, func(c *threatq.Config) { c.Now = func() time.Time { return now } })
		for i := range 5 {
			p.ship(t, s, mailBatch(fmt.Sprint(i), 2, 0))
			now = now.Add(9*time.Minute + 30*time.Second)
		}
		if n := p.sim.Counts(); n.Login != 5 {
			t.Errorf("refresh %v: %d requests for tokens, want 5", refreshes, n.Login)
		}
	}
}

func TestLostTokenIsReplacedOnce(t *testing.T) {
	p := newPlace(t, simConfig())
	s := p.open(t)
	p.ship(t, s, mailBatch("a", 1, 0))
	if err := p.sim.Fault(threatqsim.Fault{Path: "/events", Method: http.MethodPost, Times: 1, What: "401"}); err != nil {
		t.Fatal(err)
	}
	p.ship(t, s, mailBatch("b", 1, 0))
	if err := p.sim.Fault(threatqsim.Fault{Path: "/events", Method: http.MethodPost, Times: -1, What: "401"}); err != nil {
		t.Fatal(err)
	}
	before := p.sim.Counts().Login
	if err := s.Ship(t.Context(), mailBatch("c", 1, 0)); !errors.Is(err, engine.ErrTemporary) {
		t.Errorf("Ship: %v", err)
	}
	if n := p.sim.Counts().Login - before; n > 2 {
		t.Errorf("%d requests for tokens against a server that takes none", n)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	p := newPlace(t, simConfig())
	if err := p.sim.Fault(threatqsim.Fault{Path: "/indicators/consume", Times: 3, What: "429", RetryAfter: 7}); err != nil {
		t.Fatal(err)
	}
	p.ship(t, p.open(t), mailBatch("a", 1, 0))
	if p.slept < 21*time.Second || p.slept > 30*time.Second {
		t.Errorf("waited %v, want three times 7 s", p.slept)
	}
	if err := p.sim.Fault(threatqsim.Fault{Path: "/indicators/consume", Times: -1, What: "429", RetryAfter: 86400}); err != nil {
		t.Fatal(err)
	}
	p.slept = 0
	if err := p.open(t).Ship(t.Context(), mailBatch("b", 1, 0)); !errors.Is(err, engine.ErrTemporary) || p.slept > time.Minute {
		t.Errorf("a day was asked for: waited %v, %v", p.slept, err)
	}
}

func TestOneBadIndicatorDoesNotSinkTheOthers(t *testing.T) {
	p := newPlace(t, simConfig())
	p.url = refusing(t, p.sim, "h13.example")
	b := mailBatch("a", 64, 0)
	p.ship(t, p.open(t), b)
	if n := p.count(t, "indicators"); n != 63 {
		t.Errorf("%d indicators, want 63", n)
	}
	event := p.find(t, "events", b.Events[0].Title)
	if !has(event, "Not Shipped: indicator URL http://h13.example/a?q=13: status 400: value: is evil") || len(event.Related) != 63 {
		t.Errorf("the event does not say what is missing: %q", event.Attributes)
	}
	if n := p.sim.Counts().Other; n > 40 {
		t.Errorf("%d requests", n)
	}
	p.memory = notes{}
	p.ship(t, p.open(t), b)
	if again := p.find(t, "events", b.Events[0].Title); len(again.Attributes) != len(event.Attributes) {
		t.Errorf("shipping again changed the event: %q", again.Attributes)
	}
}

// refusing is a server in front of a simulator that refuses bulk calls with one
// value.
func refusing(t *testing.T, sim http.Handler, value string) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := readAll(t, r)
		if r.URL.Path == "/api/indicators/consume" && strings.Contains(body, value) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"data":{"errors":{"value":["is evil"]}}}`)
			return
		}
		sim.ServeHTTP(w, withBody(r, body))
	}))
	t.Cleanup(web.Close)
	return web.URL
}

func TestBulkAdapts(t *testing.T) {
	cfg := simConfig()
	cfg.MaxBody = 20 << 10
	p := newPlace(t, cfg)
	s := p.open(t)
	p.ship(t, s, mailBatch("a", 300, 0))
	if n := p.count(t, "indicators"); n != 300 {
		t.Fatalf("%d indicators, want 300", n)
	}
	p.sim.ResetCounts()
	p.ship(t, s, mailBatch("b", 300, 0))
	if n := p.sim.Counts().Routes["POST /api/indicators/consume"]; n > 12 {
		t.Errorf("%d bulk requests: the size that fits was not remembered", n)
	}
}

func TestSlowBulkIsHalved(t *testing.T) {
	p := newPlace(t, simConfig())
	if err := p.sim.Fault(threatqsim.Fault{Path: "/indicators/consume", Times: 2, What: "504-after"}); err != nil {
		t.Fatal(err)
	}
	p.ship(t, p.open(t), mailBatch("a", 100, 0))
	if n := p.count(t, "indicators"); n != 100 {
		t.Errorf("%d indicators, want 100", n)
	}
}

func TestOnlyAddressesThatAreMeant(t *testing.T) {
	bad := []string{"http://tq.example", "ftp://tq.example", "https://tq.example/other", "https://a:b@tq.example", "https://", "https://tq.example?x=1", "https://tq .example"}
	for _, host := range bad {
		cfg := (&place{}).config()
		cfg.Host, cfg.AllowHTTP = host, false
		if _, err := threatq.Open(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "a:b") {
			t.Errorf("%q: %v", host, err)
		}
	}
	for _, host := range []string{"tq.example", "https://tq.example", "https://tq.example/api", "https://tq.example:8443/api/"} {
		cfg := (&place{}).config()
		cfg.Host, cfg.AllowHTTP = host, false
		if _, err := threatq.Open(t.Context(), cfg); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestRedirectionsGetNoCredentials(t *testing.T) {
	got := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got++ }))
	defer other.Close()
	web := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer web.Close()
	p := &place{url: web.URL, memory: notes{}}
	err := p.open(t).Ship(t.Context(), mailBatch("a", 1, 0))
	if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "not followed") || got != 0 {
		t.Errorf("followed %d times: %v", got, err)
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	p := newPlace(t, simConfig())
	r, err := p.open(t, func(c *threatq.Config) { c.Status, c.Types = "Nonesuch", map[string]string{"btc": "Wallet"} }).Check(t.Context())
	if err != nil || r.User != user || len(r.Problems) != 2 || !strings.Contains(r.Problems[0], "Nonesuch") || !strings.Contains(r.Problems[1], "Wallet") {
		t.Errorf("report %+v, %v", r, err)
	}
	if n := len(p.dump(t)); n != 0 {
		t.Errorf("checking left %d objects", n)
	}
}

func TestDeletedObjectsAreMadeAgain(t *testing.T) {
	p := newPlace(t, simConfig())
	s := p.open(t)
	a, b := mailBatch("a", 2, 2), mailBatch("a", 2, 2)
	b.Key, b.Events[0].SeenIn = "batch-b", "imap box Junk 77"
	p.ship(t, s, a)
	for _, d := range []string{"events", "attachments"} {
		p.deleteAll(t, d)
	}
	p.ship(t, s, b)
	event := p.find(t, "events", a.Events[0].Title)
	if len(event.Related) != 4 || !has(event, "Seen In: imap box Junk 77") {
		t.Errorf("event: %+v", event)
	}
}

func TestCancelledShipEndsAtOnce(t *testing.T) {
	p := newPlace(t, simConfig())
	if err := p.sim.Fault(threatqsim.Fault{Times: -1, What: threatqsim.Slow, Delay: time.Minute}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := p.open(t).Ship(ctx, mailBatch("a", 1, 1))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

func TestSilentServerIsLeftAfterAWhile(t *testing.T) {
	p := newPlace(t, simConfig())
	if err := p.sim.Fault(threatqsim.Fault{Path: "/indicators/consume", Times: -1, What: threatqsim.Slow, Delay: 2 * time.Second}); err != nil {
		t.Fatal(err)
	}
	err := p.open(t, func(c *threatq.Config) { c.Timeout, c.Tries = 100*time.Millisecond, 2 }).Ship(t.Context(), mailBatch("a", 4, 0))
	if !errors.Is(err, engine.ErrTemporary) {
		t.Errorf("Ship: %v", err)
	}
}

// TestErrorsInGoodAnswersAreDoubted has one answer of each shipment call itself
// good and hold errors.
func TestErrorsInGoodAnswersAreDoubted(t *testing.T) {
	calm := newPlace(t, simConfig())
	calm.ship(t, calm.open(t), rich())
	want := string(calm.sim.Dump())
	for k := range calm.sim.Counts().Total {
		p := newPlace(t, simConfig())
		if err := p.sim.Fault(threatqsim.Fault{After: k, What: threatqsim.Errors}); err != nil {
			t.Fatal(err)
		}
		s := p.open(t)
		if s.Ship(t.Context(), rich()) != nil {
			p.ship(t, s, rich()) // a login or a list: the environment's trouble
		}
		if diff := cmp.Diff(want, string(p.sim.Dump())); diff != "" {
			t.Fatalf("at request %d (-undisturbed +disturbed):\n%s", k, diff)
		}
	}
}

// TestOlderServersGetOlderTLPs is against servers that know four TLPs: one that
// lists them, and one that does not.
func TestOlderServersGetOlderTLPs(t *testing.T) {
	lists := map[string]string{
		"listed":     `{"data":[{"id":1,"name":"RED"},{"id":2,"name":"AMBER"},{"id":3,"name":"GREEN"},{"id":4,"name":"WHITE"}]}`,
		"not listed": "",
	}
	for name, list := range lists {
		for newer, older := range map[string]string{"CLEAR": "WHITE", "AMBER+STRICT": "RED"} {
			t.Run(name+" "+newer, func(t *testing.T) {
				p := newPlace(t, simConfig())
				p.url = older4(t, p.sim, list)
				b := mailBatch("a", 3, 2)
				b.Events[0].TLP = newer
				for i := range b.Files {
					b.Files[i].TLP = newer
				}
				for i := range b.Indicators {
					b.Indicators[i].TLP = newer
				}
				p.ship(t, p.open(t), b)
				for _, d := range p.dump(t) {
					if want := "Phishing Mailbox (" + older + ")"; len(d.Sources) != 1 || d.Sources[0] != want {
						t.Errorf("%s %q: sources %q, want %q", d.Kind, d.Key, d.Sources, want)
					}
				}
				if n := len(p.dump(t)); n != 6 {
					t.Errorf("%d objects, want 6", n)
				}
			})
		}
	}
}

// older4 is a server that knows four TLPs. list is its answer to who asks for
// them; "" when there is none.
func older4(t *testing.T, sim http.Handler, list string) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := readAll(t, r)
		switch {
		case r.URL.Path == "/api/tlp" && list == "":
			http.NotFound(w, r)
		case r.URL.Path == "/api/tlp":
			fmt.Fprint(w, list)
		case strings.Contains(body, `"CLEAR"`) || strings.Contains(body, `"AMBER+STRICT"`):
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"data":{"errors":{"sources.0.tlp":["The selected tlp is invalid."]}}}`)
		default:
			sim.ServeHTTP(w, withBody(r, body))
		}
	}))
	t.Cleanup(web.Close)
	return web.URL
}

func TestUntrustedCertificateIsToldAtOnce(t *testing.T) {
	web := httptest.NewTLSServer(threatqsim.New(simConfig()))
	defer web.Close()
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	p := &place{url: web.URL, memory: notes{}}
	err := p.open(t).Ship(t.Context(), mailBatch("a", 1, 0))
	if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "certificate") || p.slept != 0 {
		t.Errorf("waited %v: %v", p.slept, err)
	}
	p.ship(t, p.open(t, func(c *threatq.Config) { c.Transport = web.Client().Transport.(*http.Transport) }), mailBatch("a", 1, 0))
}

// forgetful fails when asked.
type forgetful struct{ notes }

func (forgetful) Recall(context.Context, string, string, string) (string, bool, error) {
	return "", false, errors.New("database is locked")
}

func TestMemoryThatFailsIsNotTheBatchs(t *testing.T) {
	p := newPlace(t, simConfig())
	err := p.open(t, func(c *threatq.Config) { c.Memory = forgetful{} }).Ship(t.Context(), mailBatch("a", 1, 1))
	if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "database is locked") {
		t.Errorf("Ship: %v", err)
	}
}

// zeros is a file of that many bytes.
type zeros int64

func (z zeros) Size() int64 { return int64(z) }

func (z zeros) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(endless{}, int64(z))), nil
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFilesAreStreamed(t *testing.T) {
	const size = 64 << 20
	sim := threatqsim.New(simConfig())
	got := int64(0)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/attachments" || r.Method != http.MethodPost {
			sim.ServeHTTP(w, r)
			return
		}
		got, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer web.Close()
	p := &place{sim: sim, url: web.URL, memory: notes{}}
	b := mailBatch("a", 1, 1)
	b.Files[0].Content, b.Files[0].Size = zeros(size), size
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p.ship(t, p.open(t, oneShot), b)
	runtime.ReadMemStats(&after)
	if got < size || after.TotalAlloc-before.TotalAlloc > 16<<20 {
		t.Errorf("sent %d bytes, allocated %d", got, after.TotalAlloc-before.TotalAlloc)
	}
	if event := p.find(t, "events", b.Events[0].Title); !has(event, "Not Shipped: file a file 0.docx (SHA-256 ") {
		t.Errorf("the event does not say that a file is missing: %q", event.Attributes)
	}
}

// TestServerThatFailsAtWhatItDoesNotKnow answers 500 to the ways of asking that
// no document names.
func TestServerThatFailsAtWhatItDoesNotKnow(t *testing.T) {
	p := newPlace(t, simConfig())
	unknown := func(r *http.Request) bool {
		return r.URL.Query().Has("happened_at") || strings.Contains(r.URL.RawQuery, "spearphish") || strings.HasSuffix(r.URL.Path, "/attachments/query") || strings.HasSuffix(r.URL.Path, "/events/query")
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if unknown(r) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		p.sim.ServeHTTP(w, r)
	}))
	defer web.Close()
	p.url = web.URL
	s := p.open(t)
	for range 4 {
		if s.Ship(t.Context(), rich()) == nil {
			break
		}
	}
	p.ship(t, s, rich())
	calm := newPlace(t, simConfig())
	calm.ship(t, calm.open(t), rich())
	if diff := cmp.Diff(string(calm.sim.Dump()), string(p.sim.Dump())); diff != "" {
		t.Errorf("(-able server +poor server):\n%s", diff)
	}
}

// TestLongAnswersAreAskedForInPieces has strangers' events of the same time that
// are too long to be read together.
func TestLongAnswersAreAskedForInPieces(t *testing.T) {
	p := newPlace(t, simConfig())
	b := mailBatch("a", 0, 0)
	p.ship(t, p.open(t), b)
	attributes := strings.Repeat(`{"name":"x","value":"`+strings.Repeat("y", 60_000)+`"},`, 10)
	noise := `{"title":"noise","type":"Incident","happened_at":"2026-03-01 09:00:00","attributes":[` + strings.TrimSuffix(attributes, ",") + `]}`
	p.post(t, "/events/consume", "["+strings.TrimSuffix(strings.Repeat(noise+",", 28), ",")+"]")
	p.memory = notes{}
	p.ship(t, p.open(t), b)
	if n := p.count(t, "events"); n != 29 {
		t.Errorf("%d events, want 29", n)
	}
}

func TestSeenInHasAnEnd(t *testing.T) {
	p := newPlace(t, simConfig())
	s := p.open(t)
	b := mailBatch("a", 0, 0)
	for i := range 1000 {
		b.Events[0].Attributes = append(b.Events[0].Attributes, engine.AttributeRecord{Name: "Seen In", Value: fmt.Sprint("mail ", i)})
	}
	p.ship(t, s, b)
	again := mailBatch("a", 0, 0)
	again.Key, again.Events[0].SeenIn = "again", "one too many"
	p.ship(t, s, again)
	if event := p.find(t, "events", b.Events[0].Title); has(event, "Seen In: one too many") || !has(event, "Seen In: mail 999") {
		t.Errorf("%d attributes", len(event.Attributes))
	}
}
