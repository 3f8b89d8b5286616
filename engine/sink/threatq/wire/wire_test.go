package wire_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

func TestOneThingIsReadInAllItsForms(t *testing.T) {
	yes := wire.Flag(true)
	seven := wire.Int(7)
	tests := []struct {
		name, in string
		want     wire.Object
	}{
		{"type by name", `{"type":"FQDN"}`, wire.Object{Type: wire.Named("FQDN")}},
		{"type by name in an object", `{"type":{"name":"FQDN"}}`, wire.Object{Type: wire.Named("FQDN")}},
		{"type by id in an object", `{"status":{"id":4}}`, wire.Object{Status: wire.Ref{ID: 4}}},
		{"type by number", `{"status":4}`, wire.Object{Status: wire.Ref{ID: 4}}},
		{"ids as text", `{"id":"12","type_id":"3"}`, wire.Object{ID: 12, TypeID: 3}},
		{"nulls", `{"id":null,"type":null,"description":null,"tags":null,"happened_at":null}`, wire.Object{}},
		{"switch as letter", `{"normalize":"Y"}`, wire.Object{Normalize: &yes}},
		{"switch as number", `{"malware_locked":1}`, wire.Object{MalwareLocked: &yes}},
		{"tags as strings and objects", `{"tags":["a",{"id":2,"name":"b"}]}`, wire.Object{Tags: wire.List[wire.Tag]{{Name: "a"}, {ID: 2, Name: "b"}}}},
		{"one for many", `{"events":{"id":9}}`, wire.Object{Events: wire.List[wire.Object]{{ID: 9}}}},
		{"list with gaps", `{"events":{"0":{"id":9},"7":{"id":3}}}`, wire.Object{Events: wire.List[wire.Object]{{ID: 9}, {ID: 3}}}},
		{"empty list for an empty object", `{"type":[],"status":[ ],"score":[]}`, wire.Object{Score: &wire.Score{}}},
		{"empty object for none", `{"events":{ }}`, wire.Object{}},
		{"score as number", `{"score":7}`, wire.Object{Score: &wire.Score{Generated: 7}}},
		{"score as object", `{"score":{"generated_score":"1","manual_score":7}}`, wire.Object{Score: &wire.Score{Generated: 1, Manual: &seven}}},
		{"time", `{"happened_at":"2026-01-31 23:59:58"}`, wire.Object{HappenedAt: wire.Time{Time: time.Date(2026, 1, 31, 23, 59, 58, 0, time.UTC)}}},
		{"time with a zone", `{"happened_at":"2026-01-31T23:59:58+01:00"}`, wire.Object{HappenedAt: wire.Time{Time: time.Date(2026, 1, 31, 22, 59, 58, 0, time.UTC)}}},
		{"no time", `{"happened_at":"soon"}`, wire.Object{HappenedAt: wire.Time{Bad: "soon"}}},
		{"zero of the database", `{"happened_at":"0000-00-00 00:00:00"}`, wire.Object{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got wire.Object
			if err := json.Unmarshal([]byte(tt.in), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNotSaidIsNotWritten(t *testing.T) {
	no := wire.Flag(false)
	o := wire.Object{
		Value: "a.example", Type: wire.Named("FQDN"), StatusID: 4, Normalize: &no,
		PublishedAt: wire.At(time.Date(2026, 2, 3, 4, 5, 6, 7, time.FixedZone("", 3600))),
		Tags:        wire.List[wire.Tag]{{Name: "x"}},
		Sources:     wire.List[wire.Source]{{Name: "s", TLP: wire.Named("RED")}},
		Events:      wire.List[wire.Object]{{ID: 3}},
	}
	got, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"value":"a.example","type":"FQDN","status_id":4,"normalize":false,"published_at":"2026-02-03 03:05:06",` +
		`"sources":[{"name":"s","tlp":"RED"}],"tags":["x"],"events":[{"id":3}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPagesOfEveryShape(t *testing.T) {
	row := wire.Row{ID: 3, Name: "FQDN"}
	tests := []struct {
		name, in string
		want     wire.Page[wire.Row]
	}{
		{"many", `{"total":"9","limit":1,"offset":0,"data":[{"id":3,"name":"FQDN"}],"nextCursorMark":"x"}`, wire.Page[wire.Row]{Data: []wire.Row{row}, Said: true, Total: 9, Limit: 1, Cursor: "x"}},
		{"one", `{"data":{"id":3,"name":"FQDN"}}`, wire.Page[wire.Row]{Data: []wire.Row{row}, Said: true}},
		{"many with gaps", `{"data":{"4":{"id":3,"name":"FQDN"},"9":{"id":4}}}`, wire.Page[wire.Row]{Data: []wire.Row{row, {ID: 4}}, Said: true}},
		{"without envelope", `[{"id":3,"name":"FQDN"}]`, wire.Page[wire.Row]{Data: []wire.Row{row}, Said: true}},
		{"none", `{"data":[]}`, wire.Page[wire.Row]{Data: []wire.Row{}, Said: true}},
		{"no permission", `{}`, wire.Page[wire.Row]{}},
		{"no body", ``, wire.Page[wire.Row]{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := wire.Decode[wire.Row](200, []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusalsOfEveryShape(t *testing.T) {
	tests := []struct {
		name   string
		status int
		in     string
		want   string
	}{
		{"by field", 400, `{"data":{"errors":{"title":["is required","is odd"],"a":["no"]}}}`, "status 400: a: no; title: is required, is odd"},
		{"in a good answer", 200, `{"errors":["one",["two","three"]]}`, "status 200: one; two; three"},
		{"by field at the top", 422, `{"errors":{"value":"no"}}`, "status 422: value: no"},
		{"in an element", 200, `{"data":[{"id":1},{"error":"gone"}]}`, "status 200: gone"},
		{"OAuth", 401, `{"error":"invalid_grant","error_description":"wrong password"}`, "status 401: invalid_grant; wrong password"},
		{"name and message", 404, `{"name":"Not Found","message":"no such route"}`, "status 404: Not Found; no such route"},
		{"nothing", 503, ``, "status 503 without a word"},
		{"HTML", 502, "<html>\x1b[2J<b>Bad\nGateway", "status 502: not an answer of ThreatQ: <html>[2J<b>Bad Gateway"},
		{"HTML with 200", 200, "<html>", "status 200: not an answer of ThreatQ: <html>"},
		{"an object that is an error", 500, `{"error":{"code":5}}`, `status 500: {"code":5}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wire.Decode[wire.Object](tt.status, []byte(tt.in))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestCutAnswersAreErrors cuts an answer at every byte.
func TestCutAnswersAreErrors(t *testing.T) {
	whole := `{"total":1,"data":[{"id":3,"value":"a","type":{"id":1,"name":"FQDN"},"tags":["x"],"happened_at":"2026-01-01 00:00:00"}]}`
	for n := 1; n < len(whole); n++ {
		if _, err := wire.Decode[wire.Object](200, []byte(whole[:n])); err == nil {
			t.Errorf("cut at %d: no error", n)
		}
	}
}

// TestCostlyBodies wants bodies refused that are small on the wire and large in
// memory, or that are read again on every level.
func TestCostlyBodies(t *testing.T) {
	tests := map[string]string{
		"deep":               `{"data":` + strings.Repeat(`{"events":`, 9000) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat("}", 9001),
		"many objects":       `{"data":[` + strings.Repeat("{},", 1<<20) + `{}]}`,
		"many of other kind": `{"data":[` + strings.Repeat("1,", 1<<22) + `1]}`,
		"gapped":             `{"data":{` + strings.Repeat(`"1":{},`, 1<<20) + `"2":{}}}`,
		"many errors":        `{"errors":[` + strings.Repeat(`"x",`, 1<<20) + `"x"]}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := wire.Decode[wire.Object](200, []byte(body))
			runtime.ReadMemStats(&after)
			if err == nil || len(err.Error()) > 40_000 {
				t.Errorf("%.300v", err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 300<<20 {
				t.Errorf("%d MiB for a body of %d", used>>20, len(body)>>20)
			}
		})
	}
	fine := `{"data":[` + strings.Repeat(`{"value":"a}]\"[{","attributes":[{"name":"a","value":"b"}]},`, 2000) + `{}]}`
	if page, err := wire.Decode[wire.Object](200, []byte(fine)); err != nil || len(page.Data) != 2001 {
		t.Errorf("%d, %v", len(page.Data), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"data":[{"id":"3","type":{"id":1},"tags":["x",{"name":"y"}],"score":{"manual_score":null},"events":{"id":1}}],"total":1}`,
		`{"data":{"errors":{"a":[["b"]]}}}`, `{"errors":[1,[2]]}`, `[{"error":{}}]`, `{"error":null}`, `{}`, `[`, "\xff", `{"data":[{"happened_at":7}]}`,
	} {
		f.Add(200, []byte(seed))
		f.Add(400, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		page, err := wire.Decode[wire.Object](status, body)
		if err != nil {
			if len(err.Error()) > 4<<20 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		again, err := json.Marshal(page.Data)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		var back []wire.Object
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, again)
		}
	})
}

func FuzzSession(f *testing.F) {
	f.Add([]byte(`{"indicator_status_id":4,"globals":{"indicators":{"attributes":[{"name":"a","value":"b"}]},"relations":{"events":[{"id":1}]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var o wire.SessionOptions
		_ = json.Unmarshal(body, &o)
		var tok wire.Token
		_ = json.Unmarshal(body, &tok)
		var q wire.Query
		_ = json.Unmarshal(body, &q)
	})
}
