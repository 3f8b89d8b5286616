package threatqsim_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// direct speaks to the handler without a network.
type direct struct {
	sim    *threatqsim.Server
	bearer string
}

func newDirect(t testing.TB, cfg threatqsim.Config) *direct {
	d := &direct{sim: threatqsim.New(cfg)}
	code, raw := d.send("POST", "/api/token?grant_type=password&client_id=client&email=soc@example.org&password=secret", "", nil)
	var tok wire.Token
	if err := json.Unmarshal(raw, &tok); code != 200 || err != nil {
		t.Fatalf("%d %s %v", code, raw, err)
	}
	d.bearer = tok.AccessToken
	return d
}

func (d *direct) send(method, target, kind string, body []byte) (int, []byte) {
	r := httptest.NewRequest(method, "/", bytes.NewReader(body))
	r.URL, _ = url.Parse(target)
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Authorization", "Bearer "+d.bearer)
	w := httptest.NewRecorder()
	d.sim.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

// TestCutAndFlippedBodies cuts requests at every byte, and flips every bit.
func TestCutAndFlippedBodies(t *testing.T) {
	d := newDirect(t, importing())
	requests := map[string]string{
		"/api/indicators/consume": `[{"value":"a.example","type":{"name":"FQDN"},"status":"Active","attributes":[{"name":"a","value":"b"}],"sources":[{"name":"s","tlp":{"name":"RED"}}],"tags":["t"]}]`,
		"/api/events":             `{"title":"t","type":"Incident","happened_at":"2026-01-01 00:00:00","text":"x"}`,
		"/api/events/query":       `{"criteria":{"+or":[{"title":"t"},{"score":{"+gt":1}}]},"filters":{}}`,
		"/api/events/import":      `{"type":"Spearphish","text":"s\n\nb","happened_at":"2026-01-01 00:00:00"}`,
	}
	for path, whole := range requests {
		for n := range len(whole) {
			before := d.sim.Dump()
			if code, raw := d.send("POST", path, "application/json", []byte(whole[:n])); code != 400 || !json.Valid(raw) {
				t.Errorf("%s cut at %d: %d %s", path, n, code, raw)
			}
			if !bytes.Equal(before, d.sim.Dump()) {
				t.Fatalf("%s cut at %d left a trace", path, n)
			}
			for bit := range 8 {
				body := []byte(whole)
				body[n] ^= 1 << bit
				if code, raw := d.send("POST", path, "application/json", body); code >= 500 || !json.Valid(raw) {
					t.Errorf("%s flipped at %d.%d: %d %s", path, n, bit, code, raw)
				}
			}
		}
	}
}

// TestHostileNames wants names of files to stay data.
func TestHostileNames(t *testing.T) {
	c := connect(t, config())
	for _, name := range []string{"a\r\nX-Evil: 1", "../../etc/passwd", `"; rm -rf /`, "\u202egpj.exe", strings.Repeat("x", 70_000), "\x00"} {
		for _, locked := range []bool{false, true} {
			c.one("POST", "/api/events", object{"title": name, "type": "Incident", "happened_at": "2026-01-01 00:00:00"})
			kind, body := form(map[string]string{"name": name, "type": "PDF", "malware_locked": strconv.FormatBool(locked)}, []byte("x"))
			code, raw := c.send("POST", "/api/attachments", kind, body)
			file := c.read(code, raw)[0]
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/api/attachments/"+strconv.Itoa(int(file.ID))+"/download", nil)
			r.Header.Set("Authorization", "Bearer "+c.token)
			c.sim.ServeHTTP(w, r)
			if got := w.Header().Get("Content-Disposition"); w.Code != 200 || file.Name != name || strings.ContainsAny(got, "\r\n") || w.Header().Get("X-Evil") != "" {
				t.Errorf("%.50q: %d, name %.50q, %.80q", name, w.Code, file.Name, got)
			}
		}
	}
}

// FuzzUpload wants of any form that it is taken whole or refused, and that what
// was taken can be looked up by its hash.
func FuzzUpload(f *testing.F) {
	kind, good := form(map[string]string{"resumableIdentifier": "i", "resumableFilename": "n", "resumableTotalChunks": "1"}, []byte("content"))
	f.Add(kind, good)
	f.Add(kind, good[:len(good)/2])
	f.Add(kind, bytes.ReplaceAll(good, []byte("\r\n"), []byte("\n")))
	f.Add(`multipart/form-data; boundary="a b"`, []byte("--a b\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--a b--"))
	kind, good = form(map[string]string{"name": "n", "type": "T", "malware_locked": "1", "sources": `[{"name":"s","tlp":{"name":"RED"}}]`, "tags": `["a",{"name":"b"}]`}, []byte("content"))
	f.Add(kind, good)
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		cfg := importing()
		cfg.MaxBody = 1 << 16
		d := newDirect(t, cfg)
		for _, path := range []string{"/api/attachments/upload", "/api/attachments", "/api/imports"} {
			code, raw := d.send("POST", path, kind, body)
			if code >= 500 || !json.Valid(raw) {
				t.Fatalf("%s: %d %s", path, code, raw)
			}
			page, err := wire.Decode[wire.Object](code, raw)
			if (code >= 400) != (err != nil) {
				t.Fatalf("%s: %d %s: %v", path, code, raw, err)
			}
			if code != http.StatusCreated || path != "/api/attachments" {
				continue
			}
			code, raw = d.send("GET", "/api/attachments?hash="+page.Data[0].Hash, "", nil)
			if page, err := wire.Decode[wire.Object](code, raw); err != nil || len(page.Data) != 1 {
				t.Fatalf("what was uploaded is not there: %d %s", code, raw)
			}
		}
	})
}

// FuzzChunks sends chunks as the bytes of a script say, and wants the file to be
// complete when and only when all its chunks came.
func FuzzChunks(f *testing.F) {
	f.Add([]byte{3, 1, 2, 3})
	f.Add([]byte{3, 3, 3, 1, 2, 2})
	f.Add([]byte{0, 0})
	f.Add([]byte{200, 1, 255})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) < 2 || len(script) > 100 {
			return
		}
		d := newDirect(t, config())
		total, came := int(script[0]), map[int]bool{}
		for _, b := range script[1:] {
			kind, body := form(map[string]string{"resumableIdentifier": "i", "resumableFilename": "n", "resumableTotalChunks": strconv.Itoa(total), "resumableChunkNumber": strconv.Itoa(int(b))}, []byte{b})
			code, raw := d.send("POST", "/api/attachments/upload", kind, body)
			if valid := b >= 1 && int(b) <= total; valid != (code == 200) {
				t.Fatalf("chunk %d of %d: %d %s", b, total, code, raw)
			} else if !valid {
				continue
			}
			came[int(b)] = true
			complete := len(came) == total
			if strings.Contains(string(raw), `"complete":true`) != complete {
				t.Fatalf("chunk %d of %d, %d came: %s", b, total, len(came), raw)
			}
			if complete {
				came = map[int]bool{}
			}
		}
	})
}

// FuzzRequest asks anything of everything. Whatever comes, the answer is JSON
// (or the bytes of a download), and no route fails within.
func FuzzRequest(f *testing.F) {
	for _, name := range threatqsim.New(threatqsim.Config{}).Routes() {
		method, path, _ := strings.Cut(name, " ")
		path = strings.NewReplacer("{coll}", "events", "{with}", "indicators", "{id}", "1", "{impid}", "1", "{rowid}", "1", "{cid}", "1", "{sid}", "1", "{tagid}", "1").Replace(path)
		f.Add(method, path, "with=type&limit=2", []byte(`{"value":"x","type":"FQDN","title":"t","criteria":{"+or":[{"value":"x"}]}}`))
	}
	f.Add("POST", "/api/indicators/consume", "normalize=Y", []byte(`[{"value":"hxxp://a[.]b/c?d","type":{"name":"URL"},"events":[{"id":1}],"tags":["a"],"indicators":[{"value":"x","type":"URL"}]}]`))
	f.Add("POST", "/api/_sim/faults", "", []byte(`{"what":"503"}`))
	f.Add("GET", "/api/events", "title=%25%25%25_,a&sort=-title&cursorMark=*", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		if !strings.HasPrefix(path, "/api/") {
			return
		}
		cfg := importing()
		cfg.Normalize, cfg.DeriveFQDN, cfg.MaxBody = true, true, 1<<16
		d := newDirect(t, cfg)
		r := httptest.NewRequest("GET", "/", bytes.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		r.Header.Set("Authorization", "Bearer "+d.bearer)
		w := httptest.NewRecorder()
		d.sim.ServeHTTP(w, r)
		if w.Code >= 500 && !strings.Contains(query, "with=") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if !json.Valid(d.sim.Dump()) {
			t.Fatalf("%s", d.sim.Dump())
		}
	})
}

// FuzzFilter compares the wildcards of lists with a plain definition.
func FuzzFilter(f *testing.F) {
	for _, s := range [][2]string{{"a%b_c", "axxbyc"}, {"%", ""}, {"%%_", "x"}, {"100% free", "100 x free"}, {"_", "_"}, {"ÄB%", "äbc"}, {"%a%a%a%b", "aaaaaaaaaaaaaaaa"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, title string) {
		if strings.ContainsRune(pattern, ',') || pattern == "" || title == "" || len(pattern)*len(title) > 4000 {
			return
		}
		asJSON, _ := json.Marshal(title)
		title = ""
		_ = json.Unmarshal(asJSON, &title) // as the server reads it
		d := newDirect(t, config())
		body, _ := json.Marshal(object{"title": title, "type": "Incident", "happened_at": "2026-01-01 00:00:00"})
		if code, raw := d.send("POST", "/api/events", "application/json", body); code != 201 {
			t.Fatalf("%d %s", code, raw)
		}
		code, raw := d.send("GET", "/api/events?title="+url.QueryEscape(pattern), "", nil)
		page, err := wire.Decode[wire.Object](code, raw)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.EqualFold(pattern, title)
		if strings.Contains(pattern, "%") {
			want = likeNaively([]rune(strings.ToLower(pattern)), []rune(strings.ToLower(title)), map[[2]int]bool{})
		}
		if (len(page.Data) == 1) != want {
			t.Errorf("%q of %q: %d, want %v", pattern, title, len(page.Data), want)
		}
	})
}

// likeNaively defines LIKE; failed remembers what was tried in vain.
func likeNaively(pattern, value []rune, failed map[[2]int]bool) bool {
	at := [2]int{len(pattern), len(value)}
	if len(pattern) == 0 {
		return len(value) == 0
	}
	if failed[at] {
		return false
	}
	found := false
	switch {
	case pattern[0] == '%':
		found = likeNaively(pattern[1:], value, failed) || len(value) > 0 && likeNaively(pattern, value[1:], failed)
	case len(value) > 0 && (pattern[0] == '_' || pattern[0] == value[0]):
		found = likeNaively(pattern[1:], value[1:], failed)
	}
	failed[at] = !found
	return found
}
