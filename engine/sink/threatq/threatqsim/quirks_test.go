package threatqsim_test

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// TestIdsDifferPerSeed would fail a client that has an id built in.
func TestIdsDifferPerSeed(t *testing.T) {
	seen := map[string][]wire.Int{}
	for seed := range uint64(20) {
		cfg := config()
		cfg.Seed = seed
		c := connect(t, cfg)
		for list, name := range map[string]string{"/indicator/types": "FQDN", "/indicator/statuses": "Active", "/event/types": "Spearphish", "/attachments/types": "PDF"} {
			seen[list] = append(seen[list], c.id(list, name))
		}
		rows := c.ask("GET", "/api/indicator/types", nil)
		if last := rows[len(rows)-1].ID; int(last-rows[0].ID) < len(rows) {
			t.Errorf("ids of %d types without a gap, from %d to %d", len(rows), rows[0].ID, last)
		}
	}
	for list, ids := range seen {
		slices.Sort(ids)
		if len(slices.Compact(ids)) < 15 {
			t.Errorf("%s: 20 seeds gave %v", list, ids)
		}
	}
}

func TestFiltersOfLists(t *testing.T) {
	c := connect(t, config())
	for _, title := range []string{"Invoice 7", "Invoice", "7", "100% free", "100x free", "a,b", "INVOICE", "_", "x"} {
		c.event(title)
	}
	tests := []struct {
		name, filter string
		want         []string
	}{
		{"whole, without case", "title=invoice", []string{"Invoice", "INVOICE"}},
		{"percent is any text", "title=invoice%25", []string{"Invoice 7", "Invoice", "INVOICE"}},
		{"percent of an attacker's title", "title=" + url.QueryEscape("100% free"), []string{"100% free", "100x free"}},
		{"underscore beside percent is any character", "title=_%25&limit=1000", []string{"Invoice 7", "Invoice", "7", "100% free", "100x free", "a,b", "INVOICE", "_", "x"}},
		{"underscore alone is one", "title=_", []string{"_"}},
		{"comma separates", "title=" + url.QueryEscape("7,Invoice"), []string{"Invoice", "7", "INVOICE"}},
		{"a title with a comma is not found by itself", "title=" + url.QueryEscape("a,b"), nil},
		{"a comma helped by percent", "title=a%25", []string{"a,b"}},
		{"nothing", "title=none", nil},
		{"other filters hold, too", "title=x&happened_at=2026-01-02+03%3A04%3A05", []string{"x"}},
		{"and may fail", "title=x&happened_at=2027-01-02+03%3A04%3A05", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, o := range c.ask("GET", "/api/events?"+tt.filter, nil) {
				got = append(got, o.Title)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommaIsPartOfAValue(t *testing.T) {
	c := connect(t, config())
	c.ask("POST", "/api/indicators", []object{{"value": "http://a.example/b,c", "type": "URL"}, {"value": "c", "type": "String"}})
	got := c.ask("GET", "/api/indicators?value="+url.QueryEscape("http://a.example/b,c"), nil)
	if len(got) != 1 || got[0].Value != "http://a.example/b,c" {
		t.Errorf("%+v", got)
	}
}

func TestQueries(t *testing.T) {
	c := connect(t, config())
	c.ask("POST", "/api/indicators", []object{
		{"value": "a.example", "type": "FQDN", "status": "Active"},
		{"value": "b.example", "type": "FQDN", "status": "Review"},
		{"value": "a.example", "type": "String"},
		{"value": "50%", "type": "String"},
		{"value": "50x", "type": "String"},
	})
	id := c.ask("GET", "/api/indicators?value=b.example", nil)[0].ID
	c.ask("PUT", fmt.Sprintf("/api/indicator/%d/scores", id), object{"manual_score": 9})
	is := func(v ...any) object {
		o := object{}
		for i := 0; i < len(v); i += 2 {
			o[v[i].(string)] = v[i+1]
		}
		return o
	}
	tests := []struct {
		name              string
		criteria, filters object
		want              []string
	}{
		{"all", is(), is(), []string{"a.example", "b.example", "a.example", "50%", "50x"}},
		{"by value", is("value", "A.EXAMPLE"), is(), []string{"a.example", "a.example"}},
		{"by value and type", is("value", "a.example", "type_name", "FQDN"), is(), []string{"a.example"}},
		{"by is", is("value", is("is", "b.example")), is(), []string{"b.example"}},
		{"any of a list", is("value", []string{"b.example", "50x"}), is(), []string{"b.example", "50x"}},
		{"or", is("+or", []object{is("value", "b.example"), is("value", "50%")}), is(), []string{"b.example", "50%"}},
		{"or over fields", is("+or", []object{is("value", "b.example"), is("status_name", "Active")}), is(), []string{"a.example", "b.example"}},
		{"and", is("+and", []object{is("value", "a.example"), is("status_name", "Review")}), is(), []string{"a.example"}},
		{"contains", is("value", is("+contains", "example")), is("type_name", "FQDN"), []string{"a.example", "b.example"}},
		{"compared", is("score", is("+gte", 9)), is(), []string{"b.example"}},
		{"between", is("score", is("+gt", -1, "+lt", 9)), is("type_name", "FQDN"), []string{"a.example"}},
		{"percent is percent", is("value", "50%"), is(), []string{"50%"}},
		{"in time", is("created_at", is("+lt", "2000-01-01 00:00:00")), is(), nil},
		{"since", is("created_at", is("+gte", "2000-01-01 00:00:00")), is("status_name", "Active"), []string{"a.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, o := range c.ask("POST", "/api/indicators/query", object{"criteria": tt.criteria, "filters": tt.filters}) {
				got = append(got, o.Value)
				if o.Type.Name == "" || o.Status.Name == "" || o.Score == nil || o.Sources == nil {
					t.Errorf("not expanded: %+v", o)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	deep := object{"value": "x"}
	for range 25 {
		deep = object{"+or": []object{deep}}
	}
	for name, bad := range map[string]object{"operator": {"score": object{"+near": 1}}, "depth": deep, "shape": {"+or": []int{1}}, "nested operators": {"score": object{"is": object{"is": 1}}}} {
		if code, raw := c.do("POST", "/api/events/query", object{"criteria": bad}); code != 400 {
			t.Errorf("%s: %d %s", name, code, raw)
		}
	}
}

func TestCursorVisitsAllOnce(t *testing.T) {
	c := connect(t, config())
	var all []object
	for i := range 25 {
		all = append(all, object{"value": fmt.Sprintf("%02d.example", i), "type": "FQDN"})
	}
	c.ask("POST", "/api/indicators", all)
	var got []string
	mark := "*"
	for rounds := 0; ; rounds++ {
		code, raw := c.do("POST", "/api/indicators/query?limit=10&sort=-value&cursorMark="+mark, object{})
		page, err := wire.Decode[wire.Object](code, raw)
		if err != nil || rounds > 5 {
			t.Fatal(rounds, err)
		}
		for _, o := range page.Data {
			got = append(got, o.Value)
		}
		if page.Cursor == mark {
			break
		}
		mark = page.Cursor
		c.ask("POST", "/api/indicators", object{"value": fmt.Sprintf("zz%d.example", rounds), "type": "FQDN"}) // arrives before the cursor
	}
	want := slices.Clone(got)
	slices.Sort(want)
	slices.Reverse(want)
	if !slices.Equal(got, want) || len(got) != 25 {
		t.Errorf("%d: %v", len(got), got)
	}
	for _, mark := range []string{"x", "LTEgYWZ0ZXIgMQ"} {
		if code, raw := c.do("POST", "/api/indicators/query?cursorMark="+mark, object{}); code != 400 {
			t.Errorf("mark %s: %d %s", mark, code, raw)
		}
	}
}

func TestPages(t *testing.T) {
	c := connect(t, config())
	for i := range 7 {
		c.event(fmt.Sprint(i))
	}
	tests := []struct {
		query string
		want  string
		total int
	}{
		{"limit=3", "0 1 2", 7}, {"limit=3&offset=3", "3 4 5", 7}, {"limit=3&offset=6", "6", 7}, {"limit=3&offset=70", "", 7}, {"sort=-title&limit=2", "6 5", 7}, {"sort=-colour&limit=2", "0 1", 7}, {"sort=-created,-title&limit=1", "6", 7}, {"", "0 1 2 3 4 5 6", 7},
	}
	for _, tt := range tests {
		code, raw := c.do("GET", "/api/events?"+tt.query, nil)
		page, err := wire.Decode[wire.Object](code, raw)
		var got []string
		for _, o := range page.Data {
			got = append(got, o.Title)
		}
		if err != nil || strings.Join(got, " ") != tt.want || page.Total != tt.total {
			t.Errorf("%s: %v of %d, %v", tt.query, got, page.Total, err)
		}
	}
	for _, bad := range []string{"limit=x", "offset=-1", "limit=99999999999999999999"} {
		if code, _ := c.do("GET", "/api/events?"+bad, nil); code != 400 {
			t.Errorf("%s: %d", bad, code)
		}
	}
}

func TestIndicatorsAreTheSameWithoutCase(t *testing.T) {
	c := connect(t, config())
	post := func(value, typ, status string) (wire.Int, bool) {
		o := c.one("POST", "/api/indicators", object{"value": value, "type": typ, "status": status, "attributes": object{"name": "n", "value": "v"}})
		return o.ID, bool(*o.Existing)
	}
	first, existed := post("A.example", "FQDN", "Whitelisted")
	if existed {
		t.Error("exists before it is there")
	}
	second, existed := post("a.EXAMPLE", "FQDN", "Active")
	if second != first || !existed {
		t.Errorf("%d and %d, existed %v", first, second, existed)
	}
	if third, _ := post("a.example", "String", "Active"); third == first {
		t.Error("the type is no part of the identity")
	}
	got := c.one("GET", fmt.Sprintf("/api/indicators/%d?with=attributes,status", first), nil)
	if got.Value != "A.example" || got.Status.Name != "Active" || len(got.Attributes) != 2 {
		t.Errorf("%+v: want the first spelling, the status as told last, and both rows", got)
	}
}

func TestEventsHaveNoIdentity(t *testing.T) {
	c := connect(t, config())
	if a, b := c.event("same"), c.event("same"); a.ID == b.ID {
		t.Error("one event")
	}
	cfg := config()
	cfg.UpsertEvents = true
	c = connect(t, cfg)
	body := []object{{"title": "same", "type": "Incident", "happened_at": "2026-01-01 00:00:00"}}
	if a, b := c.one("POST", "/api/events/consume", body), c.one("POST", "/api/events/consume", body); a.ID != b.ID {
		t.Error("two events")
	}
}

func TestNormalising(t *testing.T) {
	tests := []struct {
		name, typ, value string
		want             []string // type: value, as stored, sorted
		attributes       string
	}{
		{"quotes and spaces", "FQDN", ` "A.example" `, []string{"FQDN: a.example"}, ""},
		{"defanged", "FQDN", "a[.]b[dot]example", []string{"FQDN: a.b.example"}, ""},
		{"defanged address", "Email Address", "x[at]a(.)example", []string{"Email Address: x@a.example"}, ""},
		{"scheme and query of a URL", "URL", "hxxps://a.example/b?c=d", []string{"FQDN: a.example", "URL: a.example/b"}, "Scheme=https"},
		{"URL without a path", "URL", "http://a.example", []string{"FQDN: a.example"}, "Scheme=http"},
		{"URL of an address", "URL", "http://192.0.2.1:8080/x", []string{"IP Address: 192.0.2.1", "URL: 192.0.2.1:8080/x"}, "Scheme=http"},
		{"port of an address", "IP Address", "192.0.2.1:25", []string{"IP Address: 192.0.2.1"}, "Port=25"},
		{"IPv6 keeps its colons", "IPv6 Address", "2001:db8::1", []string{"IPv6 Address: 2001:db8::1"}, ""},
		{"nothing left", "String", `""`, []string{`String: ""`}, ""},
		{"a password is not changed", "Password", "a?b", []string{"Password: a?b"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config()
			cfg.Normalize, cfg.DeriveFQDN = true, true
			c := connect(t, cfg)
			rows := c.ask("POST", "/api/indicators/consume", object{"value": tt.value, "type": tt.typ})
			var got []string
			for _, o := range c.ask("POST", "/api/indicators/query", object{}) {
				got = append(got, o.Type.Name+": "+o.Value)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" || len(rows) != len(got) {
				t.Errorf("%d rows, (-want +got):\n%s", len(rows), diff)
			}
			first := c.one("GET", fmt.Sprintf("/api/indicators/%d?with=attributes", rows[0].ID), nil)
			var attributes []string
			for _, a := range first.Attributes {
				attributes = append(attributes, a.Name+"="+a.Value)
			}
			if got := strings.Join(attributes, " "); got != tt.attributes {
				t.Errorf("attributes %s, want %s", got, tt.attributes)
			}
		})
	}
}

func TestWhoSaysWhetherToNormalise(t *testing.T) {
	tests := []struct {
		name      string
		server    bool
		query     string
		said      any
		normalise bool
	}{
		{"nobody", false, "", nil, false},
		{"the server", true, "", nil, true},
		{"the query", false, "?normalize=Y", nil, true},
		{"the query against the server", true, "?normalize=N", nil, false},
		{"the object against both", true, "?normalize=Y", "N", false},
		{"the object alone", false, "", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config()
			cfg.Normalize = tt.server
			c := connect(t, cfg)
			body := object{"value": "a[.]example", "type": "FQDN"}
			if tt.said != nil {
				body["normalize"] = tt.said
			}
			if got := c.one("POST", "/api/indicators/consume"+tt.query, body); (got.Value == "a.example") != tt.normalise {
				t.Errorf("stored as %s", got.Value)
			}
		})
	}
}

func TestTheStricterTLPOfASourceStays(t *testing.T) {
	c := connect(t, config())
	event := c.event("e")
	at := fmt.Sprintf("/api/events/%d/sources", event.ID)
	for _, tlp := range []any{"GREEN", "AMBER+STRICT", "AMBER", object{"name": "CLEAR"}, nil} {
		c.ask("POST", at, object{"name": "soc", "tlp": tlp})
	}
	c.ask("POST", at, object{"name": "other", "tlp_id": 4})
	if !strings.Contains(string(c.sim.Dump()), `"other (WHITE)",
      "soc (AMBER+STRICT)"`) {
		t.Errorf("%s", c.sim.Dump())
	}
}

func TestFilesAreNotOneByNameOrHash(t *testing.T) {
	c := connect(t, config())
	a, b, again := c.upload("same.doc", []byte("one"), 9, false), c.upload("same.doc", []byte("two"), 9, false), c.upload("same.doc", []byte("one"), 9, false)
	if a.ID == b.ID || a.ID == again.ID || a.Hash == b.Hash || a.Hash != again.Hash {
		t.Errorf("%+v %+v %+v", a, b, again)
	}
	byHash := c.ask("GET", "/api/attachments?hash="+a.Hash, nil)
	byName := c.ask("GET", "/api/attachments?name=same%25", nil)
	if len(byHash) != 2 || len(byName) != 3 {
		t.Errorf("%d by hash, %d by name", len(byHash), len(byName))
	}
}

// TestUploadsOfOneNameAtOnceMix is the quirk for which clients have to upload
// files of one name one after the other.
func TestUploadsOfOneNameAtOnceMix(t *testing.T) {
	c := connect(t, config())
	for _, content := range []string{"one", "two"} {
		kind, body := form(map[string]string{"resumableIdentifier": content, "resumableFilename": "x"}, []byte(content))
		c.send("POST", "/api/attachments/upload", kind, body)
	}
	got := c.one("POST", "/api/attachments", object{"name": "x", "type": "PDF"})
	if got.Hash != fmt.Sprintf("%x", md5.Sum([]byte("two"))) {
		t.Errorf("%+v", got)
	}
}

func TestChunksComeInAnyOrder(t *testing.T) {
	c := connect(t, config())
	for _, n := range []string{"3", "1", "1", "2"} {
		kind, body := form(map[string]string{"resumableIdentifier": "i", "resumableFilename": "x", "resumableTotalChunks": "3", "resumableChunkNumber": n}, []byte(n))
		if code, raw := c.send("POST", "/api/attachments/upload", kind, body); code != 200 {
			t.Fatalf("%d %s", code, raw)
		}
	}
	if got := c.one("POST", "/api/attachments", object{"name": "x", "type": "PDF"}); got.Hash != fmt.Sprintf("%x", md5.Sum([]byte("123"))) {
		t.Errorf("%+v", got)
	}
}

func TestUploadsThatAreNoUploads(t *testing.T) {
	c := connect(t, config())
	good := map[string]string{"resumableIdentifier": "i", "resumableFilename": "x", "resumableTotalChunks": "2"}
	with := func(k, v string) map[string]string {
		m := map[string]string{k: v}
		for name, value := range good {
			if name != k {
				m[name] = value
			}
		}
		return m
	}
	kind, whole := form(good, []byte("content"))
	c.send("POST", "/api/attachments/upload", kind, whole)
	tests := map[string][]byte{"other total": nil, "number beyond total": nil, "no number": nil, "no file": nil}
	for name, fields := range map[string]map[string]string{"other total": with("resumableTotalChunks", "3"), "number beyond total": with("resumableChunkNumber", "3"), "no number": with("resumableChunkNumber", "one"), "no name": with("resumableFilename", "")} {
		kind, tests[name] = form(fields, []byte("content"))
		if code, raw := c.send("POST", "/api/attachments/upload", kind, tests[name]); code != 400 {
			t.Errorf("%s: %d %s", name, code, raw)
		}
	}
	kind, whole = form(good, []byte("content"))
	for n := 0; n < len(whole)-1; n++ {
		if code, _ := c.send("POST", "/api/attachments/upload", kind, whole[:n]); code == 200 && n < len(whole)-4 {
			t.Fatalf("cut at %d of %d: %d", n, len(whole), code)
		}
	}
	for _, kind := range []string{"application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + strings.Repeat("x", 5000)} {
		if code, raw := c.send("POST", "/api/attachments/upload", kind, whole); code != 400 {
			t.Errorf("%s: %d %s", kind, code, raw)
		}
	}
}

func TestOneShotMayBeRefused(t *testing.T) {
	cfg := config()
	cfg.OneShot = false
	c := connect(t, cfg)
	kind, body := form(map[string]string{"name": "x", "type": "PDF"}, []byte("x"))
	if code, raw := c.send("POST", "/api/attachments", kind, body); code != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", code, raw)
	}
}

func TestDownloads(t *testing.T) {
	c := connect(t, config())
	plain, locked := c.upload("Ünïcode.txt", []byte("plain"), 99, false), c.upload("b.bin", []byte("poison"), 99, true)
	if code, raw := c.do("GET", fmt.Sprintf("/api/attachments/%d/download", plain.ID), nil); code != 200 || string(raw) != "plain" {
		t.Errorf("%d %q", code, raw)
	}
	code, raw := c.do("GET", fmt.Sprintf("/api/attachments/%d/download", locked.ID), nil)
	if code != 200 || strings.Contains(string(raw), "poison") {
		t.Fatalf("%d %q", code, raw)
	}
	if locked.Hash != fmt.Sprintf("%x", md5.Sum([]byte("poison"))) || locked.FileSize != 6 {
		t.Errorf("hash and size are not those of the file: %+v", locked)
	}
	unzip := enginetest.Peer(t, "unzip", "unzip")
	path := filepath.Join(t.TempDir(), "x.zip")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(unzip, "-P", "infected", "-p", path).CombinedOutput(); err != nil || string(out) != "poison" {
		t.Errorf("%v %q", err, out)
	}
	if out, err := exec.Command(unzip, "-t", "-P", "wrong", path).CombinedOutput(); err == nil {
		t.Errorf("another password opens it: %q", out)
	}
}

// TestWithOfNamesWithUnderscoresFails is a defect of the platform that clients
// go around.
func TestWithOfNamesWithUnderscoresFails(t *testing.T) {
	c := connect(t, config())
	event := c.event("e")
	if code, _ := c.do("GET", fmt.Sprintf("/api/events/%d?with=attack_pattern", event.ID), nil); code != 500 {
		t.Errorf("%d", code)
	}
	if code, _ := c.do("GET", fmt.Sprintf("/api/events/%d/attack_pattern", event.ID), nil); code != 200 {
		t.Errorf("%d", code)
	}
}

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	c := connect(t, config())
	if code, raw := c.do("POST", "/api/events", []byte("{\"title\":\"\xe4\",\"type\":\"Incident\",\"happened_at\":\"2026-01-01 00:00:00\"}")); code != 400 || !strings.Contains(string(raw), "UTF-8") {
		t.Errorf("%d %s", code, raw)
	}
}

func TestBatchIsTakenWholeOrNotAtAll(t *testing.T) {
	c := connect(t, config())
	var batch []object
	for i := range 500 {
		batch = append(batch, object{"value": fmt.Sprintf("%d.example", i), "type": "FQDN", "sources": object{"name": "new source"}, "tags": []string{"new"}})
	}
	batch[499]["type"] = "Nonsense"
	if code, raw := c.do("POST", "/api/indicators/consume", batch); code != 400 || !strings.Contains(string(raw), "499.type") {
		t.Fatalf("%d %s", code, raw)
	}
	if got := string(c.sim.Dump()); got != "[]\n" {
		t.Errorf("%s", got)
	}
	if got := c.ask("GET", "/api/tags", nil); len(got) != 0 {
		t.Errorf("tags %+v", got)
	}
}

func TestInlineAttachments(t *testing.T) {
	for _, inline := range []bool{false, true} {
		cfg := config()
		cfg.InlineAttachments = inline
		c := connect(t, cfg)
		file := c.upload("x", []byte("x"), 1, false)
		got := c.one("POST", "/api/indicators/consume", object{"value": "a.example", "type": "FQDN", "attachments": []object{{"id": file.ID}}, "indicators": []object{{"value": "b.example", "type": "FQDN"}}})
		full := c.one("GET", fmt.Sprintf("/api/indicators/%d?with=attachments,indicators", got.ID), nil)
		if (len(full.Attachments) == 1) != inline || len(full.Indicators) != 1 {
			t.Errorf("inline %v: %+v", inline, full)
		}
	}
}

func TestUpdatesKeepIdentity(t *testing.T) {
	c := connect(t, config())
	rows := c.ask("POST", "/api/indicators", []object{{"value": "a.example", "type": "FQDN"}, {"value": "b.example", "type": "FQDN"}})
	at := fmt.Sprintf("/api/indicators/%d", rows[0].ID)
	if code, raw := c.do("PUT", at, object{"value": "B.example"}); code != 400 {
		t.Errorf("%d %s", code, raw)
	}
	c.one("PUT", at, object{"value": "c.example", "type": "String"})
	if got := c.ask("GET", "/api/indicators?value=a.example", nil); len(got) != 0 {
		t.Errorf("still found under its old value: %+v", got)
	}
	if got := c.one("GET", "/api/indicators?value=C.example&with=type", nil); got.ID != rows[0].ID || got.Type.Name != "String" {
		t.Errorf("%+v", got)
	}
}

func TestSearchesOverAllKinds(t *testing.T) {
	c := connect(t, config())
	c.event("needle event")
	c.upload("needle.txt", []byte("x"), 9, false)
	c.one("POST", "/api/adversaries", object{"name": "Needle"})
	for _, got := range [][]wire.Object{c.ask("GET", "/api/search?query=needle", nil), c.ask("POST", "/api/search/advanced", object{"query": "needle"})} {
		var values []string
		for _, o := range got {
			values = append(values, o.Value)
		}
		if diff := cmp.Diff([]string{"Needle", `"needle.txt" needle.txt`, "needle event"}, values); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestServersWithout asks servers for what they have not.
func TestServersWithout(t *testing.T) {
	at := "2026-01-02 03:04:05"
	ask := func(c *client) string {
		related := c.event("related")
		event := c.one("POST", "/api/events", object{"title": "e", "type": "Spearphish", "happened_at": "2026-02-02 02:02:02", "tags": []string{"t"}, "events": []object{{"id": related.ID}}, "attributes": object{"name": "n", "value": "v"}})
		kind, body := form(map[string]string{"name": "f", "type": "PDF", "tags": `["t"]`, "attributes": `[{"name":"n","value":"v"}]`}, []byte("f"))
		code, raw := c.send("POST", "/api/attachments", kind, body)
		file := c.read(code, raw)[0]
		c.one("POST", "/api/indicators/consume", object{"value": "a", "type": "String", "events": []object{{"id": event.ID}}})
		spear, _ := c.do("POST", fmt.Sprintf("/api/events/%d/spearphish", event.ID), object{"value": "x"})
		full := c.one("GET", fmt.Sprintf("/api/events/%d?with=tags,events,indicators,attributes", event.ID), nil)
		fileFull := c.one("GET", fmt.Sprintf("/api/attachments/%d?with=tags,attributes", file.ID), nil)
		byTime := c.ask("GET", "/api/events?happened_at="+url.QueryEscape(at), nil)
		query, _ := c.do("POST", "/api/events/query", object{"criteria": object{"happened_at": at}})
		files, raw := c.do("POST", "/api/attachments/query?with=attributes", object{"criteria": object{"hash": file.Hash}})
		return fmt.Sprintf("event %d tags %d events %d indicators, file %d tags %d attributes, spearphish %d, by time %d, query %d, files %d with %v",
			len(full.Tags), len(full.Events), len(full.Indicators), len(fileFull.Tags), len(fileFull.Attributes), spear, len(byTime), query, files, strings.Contains(string(raw), `"attributes"`))
	}
	all := "event 1 tags 1 events 1 indicators, file 1 tags 1 attributes, spearphish 201, by time 1, query 200, files 200 with true"
	tests := map[threatqsim.Feature]*strings.Replacer{
		"none":                  strings.NewReplacer(),
		threatqsim.EventTags:    strings.NewReplacer("event 1 tags", "event 0 tags"),
		threatqsim.EventLinks:   strings.NewReplacer("1 events", "0 events"),
		threatqsim.FileParts:    strings.NewReplacer("file 1 tags 1 attributes", "file 0 tags 0 attributes"),
		threatqsim.ConsumeLinks: strings.NewReplacer("1 indicators", "0 indicators"),
		threatqsim.Spearphish:   strings.NewReplacer("spearphish 201", "spearphish 404"),
		threatqsim.TimeFilter:   strings.NewReplacer("by time 1", "by time 2"),
		threatqsim.TimeQuery:    strings.NewReplacer("query 200", "query 400"),
		threatqsim.FileQuery:    strings.NewReplacer("files 200 with true", "files 404 with false"),
		threatqsim.QueryWith:    strings.NewReplacer("with true", "with false"),
	}
	for _, f := range append(threatqsim.Features, "none") {
		t.Run(string(f), func(t *testing.T) {
			cfg := importing()
			cfg.Without = []threatqsim.Feature{f}
			if got, want := ask(connect(t, cfg)), tests[f].Replace(all); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestHabitsOfPublicClients asks as clients in use do.
func TestHabitsOfPublicClients(t *testing.T) {
	c := connect(t, config())
	fqdn := c.id("/indicator/types", "FQDN")
	a := c.one("POST", "/api/indicators", []object{{"value": "a.example", "type_id": fqdn, "status_id": c.id("/indicator/statuses", "Review"), "sources": []object{{"name": "s"}}}})
	c.one("POST", "/api/indicators", object{"value": "a.example", "type": "String", "status": "Active", "sources": []object{}, "attributes": []object{}})
	t.Run("an update shows what it is asked to", func(t *testing.T) {
		got := c.one("PUT", fmt.Sprintf("/api/indicators/%d?with=attributes,sources,score", a.ID), object{"description": "d"})
		if got.Attributes == nil || len(got.Sources) != 1 || got.Score == nil || got.Description != "d" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("who brings an object is its source", func(t *testing.T) {
		if dump := string(c.sim.Dump()); !strings.Contains(dump, "soc@example.org (no TLP)") {
			t.Errorf("%s", dump)
		}
	})
	t.Run("one type of many", func(t *testing.T) {
		code, raw := c.do("GET", "/api/indicator/types?limit=1", nil)
		if page, err := wire.Decode[wire.Row](code, raw); err != nil || len(page.Data) != 1 || page.Total < 30 {
			t.Errorf("%s %v", raw, err)
		}
	})
	t.Run("types in clauses", func(t *testing.T) {
		for name, typ := range map[string]any{"as text": fmt.Sprint(fqdn), "as number": fqdn} {
			got := c.ask("POST", "/api/search/advanced?limit=10", object{"indicators": [][]object{{{"field": "indicator_type", "operator": "is", "value": typ}, {"field": "indicator_value", "operator": "like", "value": "A.EX"}}}})
			if len(got) != 1 || got[0].ID != a.ID {
				t.Errorf("%s: %+v", name, got)
			}
		}
	})
	t.Run("both names of reports", func(t *testing.T) {
		c.one("POST", "/api/report", object{"value": "r"})
		if got := c.ask("POST", "/api/reports/query?limit=50", object{}); len(got) != 1 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("fields of a query", func(t *testing.T) {
		got := c.ask("POST", "/api/indicators/query", object{"fields": []string{"id", "attributes"}, "criteria": object{"+or": []object{{"value": "a.example"}}}})
		if len(got) != 2 || got[0].Attributes == nil {
			t.Errorf("%+v", got)
		}
	})
	t.Run("names of downloads stand between quotes", func(t *testing.T) {
		file := c.upload("b.txt", []byte("x"), 9, false)
		req, _ := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("%s/api/attachments/%d/download", c.url, file.ID), nil)
		req.Header.Set("Authorization", "Bearer "+c.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="b.txt"` {
			t.Error(got)
		}
	})
}
