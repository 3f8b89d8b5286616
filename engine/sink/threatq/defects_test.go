package threatq_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
)

// The tests of this file are the defects that were measured in, or read in the
// code of, clients of the vendor and of others.

func TestTwoFilesOfOneNameAreBothStored(t *testing.T) {
	for _, way := range []threatq.Upload{threatq.Resumable, threatq.OneShot} {
		p := newPlace(t, simConfig())
		b := mailBatch("a", 0, 2)
		b.Files[1].Name = b.Files[0].Name
		p.ship(t, p.open(t, func(c *threatq.Config) { c.Upload = way }), b)
		var sums []string
		for _, d := range p.dump(t) {
			if d.Kind == "attachments" {
				sums = append(sums, d.SHA256)
			}
		}
		slices.Sort(sums)
		want := []string{b.Files[0].Key, b.Files[1].Key}
		slices.Sort(want)
		if !slices.Equal(sums, want) {
			t.Errorf("%s: stored %q, want %q", way, sums, want)
		}
	}
}

func TestNormalisingServerLosesNoIndicatorAndNoRelation(t *testing.T) {
	cfg := simConfig()
	cfg.Normalize, cfg.DeriveFQDN = true, true
	p := newPlace(t, cfg)
	b := mailBatch("a", 3, 1)
	e := engine.Ref{Kind: "event", Key: b.Events[0].Key}
	for _, n := range []engine.IndicatorRecord{
		indicator("URL", "https://only-host.example/"), indicator("IP Address", "192.0.2.7:8080"), indicator("FQDN", "Upper.Example."),
		indicator("URL", "ftp://198.51.100.4"), indicator("URL", `"hxxp://quoted[.]example/x"`),
	} {
		b.Indicators = append(b.Indicators, n)
		b.Relations = append(b.Relations, engine.Relation{From: e, To: engine.Ref{Kind: "indicator", Key: n.Key}})
	}
	memory := notes{}
	p.memory = memory
	p.ship(t, p.open(t), b)
	event := p.find(t, "events", b.Events[0].Title)
	for _, want := range []string{
		"indicators: FQDN: only-host.example", "indicators: IP Address: 192.0.2.7", "indicators: FQDN: upper.example",
		"indicators: IP Address: 198.51.100.4", "indicators: URL: quoted.example/x", "indicators: URL: h2.example/a",
	} {
		if !slices.Contains(event.Related, want) {
			t.Errorf("the event is not tied to %q: %q", want, event.Related)
		}
	}
	if note := memory[[3]string{"threatq " + p.url + "/api", "batch", b.Key}]; strings.Count(note, `"indicator `) != len(b.Indicators) {
		t.Errorf("ids of %d indicators are known, want %d: %s", strings.Count(note, `"indicator `), len(b.Indicators), note)
	}
}

func TestRefusedConsumeDropsNoBatch(t *testing.T) {
	p := newPlace(t, simConfig())
	if err := p.sim.Fault(threatqsim.Fault{Path: "/indicators/consume", Times: 2, What: "503"}); err != nil {
		t.Fatal(err)
	}
	p.ship(t, p.open(t), mailBatch("a", 300, 0))
	if n := p.count(t, "indicators"); n != 300 {
		t.Errorf("%d indicators, want 300", n)
	}
	if p.slept == 0 {
		t.Error("repeated without a pause")
	}
}

func TestMailThatIsNotUTF8Arrives(t *testing.T) {
	p := newPlace(t, simConfig())
	b := spearphish(mailBatch("a", 1, 0))
	raw := []byte("From: a@evil.example\r\nSubject: =?utf-8?q?x?=\r\n\r\nDie Rechnung \xfcber 5 \xa4 ist f\xe4llig. Gr\xfc\xdfe, M\xfcller\x00\r\nund UTF-8: \xc3\xa4\r\n")
	b.Events[0].Raw = engine.Bytes(raw)
	b.Events[0].Message.SHA256 = hexOf(string(raw))
	p.ship(t, p.open(t), b)
	event := p.find(t, "events", b.Events[0].Title)
	want := hexOf("From: a@evil.example\r\nSubject: =?utf-8?q?x?=\r\n\r\nDie Rechnung über 5 ¤ ist fällig. Grüße, Müller\uFFFD\r\nund UTF-8: ä\r\n")
	if event.Raw != want || !has(event, "Limit Reached: raw mail: not UTF-8, NUL") {
		t.Errorf("raw mail %s, want %s; attributes %q", event.Raw, want, event.Attributes)
	}
	if f := p.find(t, "attachments", hexOf(string(raw))[:16]+".eml"); f.SHA256 != hexOf(string(raw)) || !f.Locked {
		t.Errorf("the mail as it came: %+v", f)
	}
}

func TestSpearphishIsTitledAndDatedAsItsMail(t *testing.T) {
	p := newPlace(t, simConfig())
	b := spearphish(mailBatch("a", 0, 0))
	b.Events[0].HappenedAt = time.Date(2026, 2, 3, 4, 5, 6, 7, time.FixedZone("", 3600))
	p.ship(t, p.open(t), b)
	event := p.find(t, "events", b.Events[0].Title)
	if event.HappenedAt != "2026-02-03 03:05:06" || event.Type != "Spearphish" || event.Description != "see attached" || event.Raw == "" {
		t.Errorf("event: %+v", event)
	}
}

func TestImpossibleDatesFallBack(t *testing.T) {
	received := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	tests := []struct {
		name             string
		happened, origin time.Time
		want             string
	}{
		{"year 9999", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), received, "2026-05-06 07:08:09"},
		{"before the epoch", time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), received, "2026-05-06 07:08:09"},
		{"none at all", time.Time{}, time.Time{}, "1971-01-01 00:00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t, simConfig())
			b := mailBatch("a", 0, 0)
			b.Events[0].HappenedAt, b.Events[0].Message.Date, b.Origin.Received = tt.happened, time.Time{}, tt.origin
			p.ship(t, p.open(t), b)
			if got := p.find(t, "events", b.Events[0].Title).HappenedAt; got != tt.want {
				t.Errorf("happened at %v, want %s", got, tt.want)
			}
		})
	}
}

func TestEqualAttributesAreMerged(t *testing.T) {
	p := newPlace(t, simConfig())
	b := mailBatch("a", 1, 1)
	three := []engine.AttributeRecord{{Name: "Case", Value: "42"}, {Name: "Case", Value: "42"}, {Name: " Case ", Value: "42"}}
	b.Events[0].Attributes, b.Files[0].Attributes, b.Indicators[0].Attributes = three, three, three
	s := p.open(t)
	p.ship(t, s, b)
	other := mailBatch("b", 0, 0)
	other.Files, other.Indicators = b.Files, b.Indicators
	p.ship(t, s, other)
	bearers := 0
	for _, d := range p.dump(t) {
		n := strings.Count(strings.Join(d.Attributes, "\n"), "Case: 42")
		if n > 1 {
			t.Errorf("%s %q has the attribute %d times", d.Kind, d.Key, n)
		}
		bearers += n
	}
	if bearers != 3 {
		t.Errorf("%d objects have the attribute, want an event, a file and an indicator", bearers)
	}
}

func TestHostileTitlesAreNoFilters(t *testing.T) {
	for _, title := range []string{"%", "100%, or more", "a,b,c", "_", "Re: \x00\xff line\nbreak", strings.Repeat("long ", 1000), "'; DROP TABLE events; --", ""} {
		p := newPlace(t, simConfig())
		a, b := mailBatch("a", 0, 0), mailBatch("b", 0, 0)
		a.Events[0].Title, b.Events[0].Title = title, title
		p.ship(t, p.open(t), a, b)
		p.memory = notes{}
		p.ship(t, p.open(t), a, b)
		if n := p.count(t, "events"); n != 2 {
			t.Errorf("title %.20q: %d events, want 2", title, n)
		}
	}
}

// TestManyEventsOfOneTimeAreToldApart has all of them made in one second: of those made
// after ours, the newest maxCandidates alone are looked at.
func TestManyEventsOfOneTimeAreToldApart(t *testing.T) {
	cfg := simConfig()
	cfg.Now = func() time.Time { return enginetest.Epoch }
	p := newPlace(t, cfg)
	s := p.open(t)
	var list strings.Builder
	for i := range 801 {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(`{"title":"noise","type":"Incident","happened_at":"` + enginetest.Epoch.Format(time.DateTime) + `"}`)
	}
	b := mailBatch("a", 0, 0)
	p.ship(t, s, b)
	p.post(t, "/events/consume", "["+list.String()+"]")
	p.memory = notes{}
	p.sim.ResetCounts()
	p.ship(t, p.open(t), b)
	if n := p.count(t, "events"); n != 802 {
		t.Errorf("%d events, want 802", n)
	}
	if n := p.sim.Counts().Other; n > 8 {
		t.Errorf("%d requests to find one among 802: %v", n, p.sim.Counts().Routes)
	}
}

func TestSecondMailAddsSeenIn(t *testing.T) {
	p := newPlace(t, simConfig())
	a, b := mailBatch("a", 2, 1), mailBatch("a", 2, 1)
	b.Key, b.Events[0].SeenIn = "batch-b", "imap box Junk 77"
	p.ship(t, p.open(t), a, b)
	event := p.find(t, "events", a.Events[0].Title)
	if !has(event, "Seen In: imap box INBOX a") || !has(event, "Seen In: imap box Junk 77") || !has(event, "tqmailrules-key: key-a") {
		t.Errorf("attributes: %q", event.Attributes)
	}
}

func TestWhitelistedStaysWhitelisted(t *testing.T) {
	tests := map[threatq.StatusPolicy]string{threatq.KeepStatus: "Whitelisted", threatq.OverwriteStatus: "Active"}
	for policy, want := range tests {
		p := newPlace(t, simConfig())
		p.post(t, "/indicators", `[{"value":"H0.EXAMPLE","type":"FQDN","status":"Whitelisted"}]`)
		b := mailBatch("a", 0, 0)
		b.Indicators = []engine.IndicatorRecord{indicator("FQDN", "h0.example")}
		p.ship(t, p.open(t, func(c *threatq.Config) { c.StatusPolicy = policy }), b)
		if got := p.find(t, "indicators", "H0.EXAMPLE"); got.Status != want {
			t.Errorf("%s: status %s, want %s", policy, got.Status, want)
		}
	}
}

// Two different contents of one MD5, as published by Wang and others in 2004.
const (
	twinA = "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70"
	twinB = "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a085125e8f7cdc99fd91dbd7280373c5bd8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70"
)

func TestCollidingMD5IsUploadedAndFlagged(t *testing.T) {
	a, _ := hex.DecodeString(twinA)
	b, _ := hex.DecodeString(twinB)
	if md5.Sum(a) != md5.Sum(b) || bytes.Equal(a, b) {
		t.Fatal("the samples do not collide")
	}
	for _, locked := range []bool{false, true} {
		for _, forgets := range []bool{false, true} {
			p := newPlace(t, simConfig())
			first, second := mailBatch("a", 0, 0), mailBatch("b", 0, 0)
			for m, content := range map[*engine.Batch][]byte{&first: a, &second: b} {
				f := file("x.bin", string(content))
				f.Locked = locked
				m.Files = []engine.FileRecord{f}
				m.Relations = []engine.Relation{{From: engine.Ref{Kind: "event", Key: m.Events[0].Key}, To: engine.Ref{Kind: "file", Key: f.Key}}}
			}
			for range 2 {
				for _, m := range []engine.Batch{first, second} {
					p.ship(t, p.open(t), m)
					if forgets {
						p.memory = notes{}
					}
				}
			}
			flagged, files := 0, 0
			for _, d := range p.dump(t) {
				if d.Kind == "attachments" {
					files++
				}
				if has(d, "MD5 Collision: this is SHA-256 "+hexOf(string(b))) {
					flagged++
				}
			}
			if files != 2 || flagged != 1 {
				t.Errorf("locked %v, memory lost %v: %d files, %d flagged, want 2 and 1:\n%s", locked, forgets, files, flagged, p.sim.Dump())
			}
		}
	}
}

func TestIdsAreThoseOfTheServer(t *testing.T) {
	var want string
	for seed := range uint64(8) {
		cfg := simConfig()
		cfg.Seed = seed
		p := newPlace(t, cfg)
		p.ship(t, p.open(t), rich(), mailBatch("a", 20, 1))
		if want == "" {
			want = string(p.sim.Dump())
		}
		if got := string(p.sim.Dump()); got != want {
			t.Errorf("seed %d gives another graph", seed)
		}
	}
}

func TestUnknownTypesGoAsStringOrObject(t *testing.T) {
	p := newPlace(t, simConfig())
	b := mailBatch("a", 0, 0)
	e := engine.Ref{Kind: "event", Key: b.Events[0].Key}
	for _, n := range []engine.IndicatorRecord{indicator("btc", "1Boat"), indicator("attack", "T1566.001"), indicator("yara", "evil_rule")} {
		b.Indicators = append(b.Indicators, n)
		b.Relations = append(b.Relations, engine.Relation{From: e, To: engine.Ref{Kind: "indicator", Key: n.Key}})
	}
	types := map[string]string{"attack": "object:attack_pattern", "yara": "Mutex"}
	p.ship(t, p.open(t, func(c *threatq.Config) { c.Types = types }), b)
	if d := p.find(t, "indicators", "1Boat"); d.Type != "String" || !has(d, "Type: btc") {
		t.Errorf("btc: %+v", d)
	}
	if d := p.find(t, "indicators", "evil_rule"); d.Type != "Mutex" {
		t.Errorf("yara: %+v", d)
	}
	if d := p.find(t, "attack_pattern", "T1566.001"); len(d.Related) != 1 {
		t.Errorf("attack: %+v", d)
	}
}

func TestLongTextsAreCutAndTold(t *testing.T) {
	p := newPlace(t, simConfig())
	b := spearphish(mailBatch("a", 1, 1))
	b.Events[0].Description = strings.Repeat("ü", 50_000)
	b.Events[0].Attributes = []engine.AttributeRecord{{Name: "X", Value: strings.Repeat("é", 20_000)}, {Name: "", Value: "no name"}, {Name: "Nul", Value: "a\x00b\xff"}}
	b.Events[0].Raw = engine.Bytes(strings.Repeat("x", 5<<20))
	b.Indicators[0].Value = "http://h0.example/" + strings.Repeat("a", 70_000)
	p.ship(t, p.open(t), b)
	event := p.find(t, "events", b.Events[0].Title)
	if len(event.Description) > 65_500 || !strings.HasSuffix(event.Description, "ü [cut]") {
		t.Errorf("description of %d bytes", len(event.Description))
	}
	for _, want := range []string{"Limit Reached: description", "Limit Reached: raw mail: cut at ", "Not Shipped: indicator URL", "Nul: a\uFFFDb\uFFFD"} {
		if !has(event, want) {
			t.Errorf("no attribute %q", want)
		}
	}
	for _, a := range event.Attributes {
		if len(a) > 10_100 {
			t.Errorf("an attribute of %d bytes", len(a))
		}
	}
}

func TestManyAttributesArriveInPieces(t *testing.T) {
	cfg := simConfig()
	cfg.MaxBody = 200 << 10
	p := newPlace(t, cfg)
	b := mailBatch("a", 0, 0)
	for i := range 100 {
		b.Events[0].Attributes = append(b.Events[0].Attributes, engine.AttributeRecord{Name: "Received Hop", Value: strings.Repeat("x", 9_000) + string(rune('a'+i%26)) + string(rune('a'+i/26))})
	}
	p.ship(t, p.open(t), b)
	event := p.find(t, "events", b.Events[0].Title)
	if n := strings.Count(strings.Join(event.Attributes, "\n"), "Received Hop: "); n != 100 || len(event.Attributes) != 22+2+100 {
		t.Errorf("%d hops of %d attributes", n, len(event.Attributes))
	}
}

func TestTwinsInOneMailAreToldApart(t *testing.T) {
	a, _ := hex.DecodeString(twinA)
	b, _ := hex.DecodeString(twinB)
	p := newPlace(t, simConfig())
	m := mailBatch("a", 0, 0)
	for _, content := range [][]byte{a, b} {
		f := file("twin.bin", string(content))
		m.Files = append(m.Files, f)
		m.Relations = append(m.Relations, engine.Relation{From: engine.Ref{Kind: "event", Key: m.Events[0].Key}, To: engine.Ref{Kind: "file", Key: f.Key}})
	}
	p.ship(t, p.open(t), m)
	if n := len(p.find(t, "events", m.Events[0].Title).Related); n != 2 || !strings.Contains(string(p.sim.Dump()), "MD5 Collision: ") {
		t.Errorf("%d files:\n%s", n, p.sim.Dump())
	}
}

// TestUploadOfAnotherIsNotTakenForOurs has somebody upload a file of the same name
// between our two steps.
func TestUploadOfAnotherIsNotTakenForOurs(t *testing.T) {
	p := newPlace(t, simConfig())
	meddled := false
	p.url = meddling(t, p.sim, func(r *http.Request) {
		if r.URL.Path == "/api/attachments" && r.Method == http.MethodPost && !meddled {
			meddled = true
			body := "--x\r\nContent-Disposition: form-data; name=\"resumableIdentifier\"\r\n\r\nother\r\n" +
				"--x\r\nContent-Disposition: form-data; name=\"resumableFilename\"\r\n\r\na file 0.docx\r\n" +
				"--x\r\nContent-Disposition: form-data; name=\"resumableTotalChunks\"\r\n\r\n1\r\n" +
				"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\r\ntheirs\r\n--x--\r\n"
			other := httptest.NewRequest(http.MethodPost, "/api/attachments/upload", strings.NewReader(body))
			other.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			other.Header.Set("Authorization", r.Header.Get("Authorization"))
			p.sim.ServeHTTP(httptest.NewRecorder(), other)
		}
	})
	b := mailBatch("a", 0, 1)
	p.ship(t, p.open(t, func(c *threatq.Config) { c.Upload = threatq.Resumable }), b)
	f := p.find(t, "attachments", "a file 0.docx")
	if !meddled || f.SHA256 != b.Files[0].Key {
		t.Errorf("stored %+v, want SHA-256 %s", f, b.Files[0].Key)
	}
}

// TestOneBadAttributeDoesNotSinkTheEvent is against a server that refuses what
// contains a word.
func TestOneBadAttributeDoesNotSinkTheEvent(t *testing.T) {
	p := newPlace(t, simConfig())
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := readAll(t, r)
		if strings.HasPrefix(r.URL.Path, "/api/events") && strings.Contains(body, "forbidden word") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"errors":["no such words"]}`))
			return
		}
		p.sim.ServeHTTP(w, withBody(r, body))
	}))
	defer web.Close()
	p.url = web.URL
	b := mailBatch("a", 2, 1)
	b.Events[0].Attributes = append(b.Events[0].Attributes, engine.AttributeRecord{Name: "From Name", Value: "a forbidden word"})
	p.ship(t, p.open(t), b)
	if event := p.find(t, "events", b.Events[0].Title); len(event.Attributes) != 24 || len(event.Related) != 3 {
		t.Errorf("event: %+v", event)
	}
}

func TestListsAreReadAgainWhenANameIsMissing(t *testing.T) {
	now := enginetest.Epoch
	p := newPlace(t, simConfig())
	s := p.open(t, func(c *threatq.Config) { c.Now = func() time.Time { return now } })
	p.ship(t, s, mailBatch("a", 0, 0))
	p.post(t, "/event/types", `{"name":"Hoax"}`)
	b := mailBatch("b", 0, 0)
	b.Events[0].Type = "Hoax"
	now = now.Add(10 * time.Minute)
	p.ship(t, s, b)
}

// TestTextOfAMailIsNoKey has a mail end like the description of an event that the
// server parsed, with the key of another mail of the same time.
func TestTextOfAMailIsNoKey(t *testing.T) {
	p := newPlace(t, parsing())
	thief, victim := mailBatch("thief", 0, 0), mailBatch("victim", 0, 0)
	thief.Events[0].Description = "hello\n\ntqmailrules-key: " + victim.Events[0].Key
	p.ship(t, p.open(t, parseAll), thief, victim)
	if n := p.count(t, "events"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

// TestAnotherPlatformGetsEverything points a sink with its memory at another
// server, where the ids that it remembers are those of other objects.
func TestAnotherPlatformGetsEverything(t *testing.T) {
	old, now := newPlace(t, simConfig()), newPlace(t, simConfig())
	old.ship(t, old.open(t), rich())
	now.memory = old.memory
	now.ship(t, now.open(t), mailBatch("x", 3, 3), rich())
	fresh := newPlace(t, simConfig())
	fresh.ship(t, fresh.open(t), mailBatch("x", 3, 3), rich())
	if diff := cmp.Diff(string(fresh.sim.Dump()), string(now.sim.Dump())); diff != "" {
		t.Errorf("(-without a memory +with that of another server):\n%s", diff)
	}
}

// TestReinstalledPlatformGetsItsEventsAgain is against a server that lost its data
// and has given the ids to other objects since.
func TestReinstalledPlatformGetsItsEventsAgain(t *testing.T) {
	p := newPlace(t, simConfig())
	p.ship(t, p.open(t), mailBatch("a", 0, 0))
	p.sim = threatqsim.New(simConfig())
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.sim.ServeHTTP(w, r) }))
	defer web.Close()
	memory := notes{}
	for k, v := range p.memory.(notes) {
		memory[[3]string{"threatq " + web.URL + "/api", k[1], k[2]}] = v
	}
	p.url, p.memory = web.URL, memory
	p.post(t, "/events", `{"title":"another's","type":"Incident","happened_at":"2026-03-01 09:00:00"}`)
	b := mailBatch("a", 0, 0)
	b.Key = "second mail"
	p.ship(t, p.open(t), b)
	if got := p.find(t, "events", "another's"); len(got.Attributes) != 0 {
		t.Errorf("an event of somebody else got our attributes: %q", got.Attributes)
	}
	p.find(t, "events", b.Events[0].Title)
}
