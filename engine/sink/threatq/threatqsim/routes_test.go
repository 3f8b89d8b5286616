package threatqsim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// plainMail reads "Subject", an empty line and a body; what stands behind a line
// "--- name" is an attachment.
type plainMail struct{}

func (plainMail) Parse(_ context.Context, raw engine.Blob, _ engine.Origin) (*engine.Message, error) {
	b, err := engine.ReadAll(raw, 1<<20)
	if err != nil {
		return nil, err
	}
	head, body, _ := strings.Cut(string(b), "\n\n")
	body, file, attached := strings.Cut(body, "--- a.bin\n")
	m := &engine.Message{Raw: raw}
	m.Subject.Subject = head
	m.Body.Text = body
	m.Meta.Date = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	m.Recipients.To = []engine.Address{{Email: engine.Email{Email: "to@example.org"}}}
	if attached {
		m.Attachments = []*engine.Part{{FileName: "a.bin", Content: engine.Bytes(file)}}
	}
	return m, nil
}

var address = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)

func addresses(_ context.Context, text string) []threatqsim.Indicator {
	var found []threatqsim.Indicator
	for _, v := range address.FindAllString(text, -1) {
		found = append(found, threatqsim.Indicator{Type: "IP Address", Value: v})
	}
	return found
}

func importing() threatqsim.Config {
	cfg := config()
	cfg.Parser, cfg.Extract = plainMail{}, addresses
	return cfg
}

// world is a simulator with one object of each kind that routes need.
type world struct {
	*client
	event, file, indicator, adversary, malware wire.Object
	attribute, comment, tag, source, link      wire.Int
	spear, staged, imported, connector         wire.Int
}

func newWorld(t *testing.T, cfg threatqsim.Config) *world {
	w := &world{client: connect(t, cfg)}
	w.event = w.one("POST", "/api/events", object{"title": "e", "type": "Spearphish", "happened_at": "2026-01-02 03:04:05"})
	w.file = w.upload("f.txt", []byte("from 192.0.2.7"), 100, true)
	w.indicator = w.one("POST", "/api/indicators/consume", []object{{"value": "i.example", "type": "FQDN"}})
	w.ask("POST", fmt.Sprintf("/api/events/%d/spearphish", w.event.ID), object{"value": "s\n\nb"})
	w.adversary = w.one("POST", "/api/adversaries", object{"name": "bear"})
	w.malware = w.one("POST", "/api/malware", object{"value": "worm"})
	at := fmt.Sprintf("/api/indicators/%d", w.indicator.ID)
	w.attribute = w.one("POST", at+"/attributes", object{"name": "a", "value": "b"}).ID
	w.comment = w.one("POST", at+"/comments", object{"value": "c"}).ID
	w.tag = w.one("POST", at+"/tags", object{"name": "t"}).ID
	w.source = w.one("POST", at+"/sources", object{"name": "s", "tlp": object{"name": "RED"}}).Pivot.ID
	w.link = w.one("POST", at+"/events", object{"id": w.event.ID}).Pivot.ID
	w.spear = w.one("POST", "/api/events/import", object{"type": "Spearphish", "title": "x", "text": "subject\n\n192.0.2.8"}).ID
	w.staged = w.one("GET", fmt.Sprintf("/api/events/import/%d?with=events", w.spear), nil).Events[0].ID
	w.imported = w.one("POST", "/api/imports", object{"attachment_id": w.file.ID, "content_type_id": w.id("/attachments/types", "Generic Text")}).ID
	w.connector = w.one("POST", "/api/connectors", object{"name": "k"}).ID
	return w
}

// path fills a pattern with the ids of the world.
func (w *world) path(pattern string) string {
	id := w.indicator.ID
	switch {
	case strings.HasPrefix(pattern, "/api/events/import"):
		id = w.staged
	case strings.HasPrefix(pattern, "/api/events"):
		id = w.event.ID
	case strings.HasPrefix(pattern, "/api/attachments/types"):
		id = w.client.id("/attachments/types", "PDF")
	case strings.HasPrefix(pattern, "/api/attachments"):
		id = w.file.ID
	case strings.HasPrefix(pattern, "/api/adversaries"):
		id = w.adversary.ID
	case strings.HasPrefix(pattern, "/api/imports"):
		id = w.imported
	case strings.HasPrefix(pattern, "/api/connectors"):
		id = w.connector
	case strings.HasPrefix(pattern, "/api/indicator/types"):
		id = w.client.id("/indicator/types", "FQDN")
	case strings.HasPrefix(pattern, "/api/indicator/statuses"):
		id = w.client.id("/indicator/statuses", "Active")
	case strings.HasPrefix(pattern, "/api/event/types"):
		id = w.client.id("/event/types", "Incident")
	case strings.HasPrefix(pattern, "/api/signature/types"):
		id = w.client.id("/signature/types", "YARA")
	}
	return strings.NewReplacer("{coll}", "indicators", "{with}", "events", "{id}", fmt.Sprint(id), "{impid}", fmt.Sprint(w.spear),
		"{rowid}", fmt.Sprint(w.attribute), "{tagid}", fmt.Sprint(w.tag), "{sid}", fmt.Sprint(w.source), "{cid}", fmt.Sprint(w.comment)).Replace(pattern)
}

// example is a request that a route takes, and one that it refuses.
type example struct {
	code      int
	good, bad any
	field     string // that the refusal names
}

func examples(w *world) map[string]example {
	uploadKind := func(fields map[string]string) any { return multi{fields, []byte("x")} }
	status := object{"name": "Active"}
	return map[string]example{
		"POST /api/token":                            {200, object{"grant_type": "password", "email": "soc@example.org", "password": "secret", "client_id": "client"}, object{"grant_type": "password", "email": "soc@example.org", "password": "no", "client_id": "client"}, "invalid_grant"},
		"POST /api/event/types":                      {201, object{"name": "Party"}, object{}, "name"},
		"POST /api/connectors":                       {201, object{"name": "feed"}, object{}, "name"},
		"PUT /api/connectors/{id}":                   {200, object{"is_active": true}, "text", "Syntax"},
		"POST /api/search/advanced":                  {200, object{"query": "exa"}, "text", "Syntax"},
		"POST /api/bulk/status":                      {200, object{"ids": []wire.Int{w.indicator.ID}, "status": status}, object{"ids": []int{999999}, "status": "None"}, "ids"},
		"POST /api/indicators/bulk-delete":           {200, object{"ids": []wire.Int{w.indicator.ID}}, object{"ids": []int{}}, "ids"},
		"PUT /api/indicator/{id}/scores":             {200, object{"manual_score": 7}, object{"manual_score": 70}, "manual_score"},
		"POST /api/signatures/import":                {200, object{"text": "rule a { }\nrule b { }", "type_id": w.id("/signature/types", "YARA")}, object{"text": "x", "type_id": 1}, "type_id"},
		"POST /api/adversaries/{id}/description":     {201, object{"value": "likes honey"}, object{}, "value"},
		"POST /api/events/import":                    {201, object{"type": "Spearphish", "type_id": w.id("/event/types", "Spearphish"), "title": "t", "text": "s\n\nb", "happened_at": "2026-01-01 00:00:00"}, object{"type": "Incident", "text": "x"}, "type"},
		"PUT /api/events/import/{impid}":             {200, object{"indicator_status_id": w.id("/indicator/statuses", "Active"), "globals": object{"relations": object{"events": []object{{"id": w.event.ID}}}}}, object{"indicator_status_id": 1}, "indicator_status_id"},
		"PUT /api/events/import/{impid}/events/{id}": {200, object{"title": "new", "happened_at": "2026-05-05 05:05:05"}, object{"happened_at": "yesterday"}, "happened_at"},
		"POST /api/events/{id}/spearphish":           {201, object{"value": "s\n\nb"}, object{}, "value"},
		"POST /api/imports":                          {201, object{"text": "192.0.2.1", "content_type_id": w.id("/attachments/types", "PDF")}, object{"text": "x", "content_type_id": w.id("/attachments/types", "STIX")}, "content_type_id"},
		"PUT /api/imports/{id}":                      {200, object{"import_source": "soc", "indicator_global_status": w.id("/indicator/statuses", "Active"), "normalize": "Y"}, object{"indicator_global_status": 1}, "indicator_global_status_id"},
		"POST /api/indicators":                       {201, object{"value": "i.example", "type": object{"name": "FQDN"}}, object{"value": "", "type": "Nonsense"}, "0.value"},
		"POST /api/indicators/consume":               {201, []object{{"value": "j.example", "type": object{"id": w.id("/indicator/types", "FQDN")}}}, []object{{"value": "k", "type": "FQDN"}, {"value": "j", "type": "FQDN", "events": []object{{"id": 1}}}}, "1.events.0.id"},
		"POST /api/indicators/consume/new":           {201, []object{{"value": "j.example", "type": "FQDN"}}, []object{{"value": "j", "type": "FQDN", "published_at": "32.13.2026"}}, "0.published_at"},
		"POST /api/attachments/upload":               {200, uploadKind(map[string]string{"resumableIdentifier": "i", "resumableFilename": "n", "resumableTotalChunks": "1"}), uploadKind(map[string]string{"resumableIdentifier": "j", "resumableFilename": "n", "resumableTotalChunks": "-1"}), "resumableTotalChunks"},
		"POST /api/attachments":                      {201, uploadKind(map[string]string{"name": "n", "type": "New Type", "malware_locked": "1", "sources": `[{"name":"s"}]`}), uploadKind(map[string]string{"name": "n", "malware_locked": "perhaps"}), "malware_locked"},
		"POST /api/{coll}/query":                     {200, object{"criteria": object{"value": "i.example"}, "filters": object{}}, object{"criteria": object{"colour": "red"}}, "colour"},
		"POST /api/{coll}/consume":                   {201, []object{{"value": "x.example", "type": "FQDN"}}, []object{{"value": "x", "type": "FQDN", "sources": []object{{"name": "s", "tlp": "PINK"}}}}, "sources.0.tlp"},
		"POST /api/{coll}":                           {201, object{"value": "y.example", "type": "FQDN"}, object{"value": "y", "type": "FQDN", "attributes": []object{{"name": "", "value": "x"}}}, "attributes.0.name"},
		"PUT /api/{coll}/{id}":                       {200, object{"status": status, "description": "d"}, object{"status_id": 1}, "status_id"},
		"POST /api/{coll}/{id}/attributes":           {201, []object{{"name": "n", "value": "v"}, {"name": "n", "value": "v"}}, object{"name": "n"}, "value"},
		"PUT /api/{coll}/{id}/attributes/{rowid}":    {200, object{"value": "w"}, object{"value": ""}, "value"},
		"POST /api/{coll}/{id}/tags":                 {201, []object{{"name": "t"}, {"name": "u"}}, object{"name": ""}, "name"},
		"POST /api/{coll}/{id}/sources":              {201, object{"name": "s", "tlp_id": 1}, object{"name": "s", "tlp_id": 77}, "tlp_id"},
		"POST /api/{coll}/{id}/comments":             {201, object{"value": "v", "sources": []object{{"name": "s"}}}, object{"value": ""}, "value"},
		"PUT /api/{coll}/comments/{cid}":             {200, object{"value": "w"}, object{}, "value"},
		"POST /api/{coll}/{id}/{with}":               {201, []object{{"id": w.event.ID}}, object{"id": 0}, "id"},
		"DELETE /api/{coll}/{id}/{with}":             {204, []wire.Int{w.link}, "text", "Syntax"},
	}
}

type multi struct {
	fields map[string]string
	file   []byte
}

func (w *world) call(name string, body any) (int, []byte) {
	w.t.Helper()
	method, pattern, _ := strings.Cut(name, " ")
	if m, ok := body.(multi); ok {
		kind, raw := form(m.fields, m.file)
		return w.send(method, w.path(pattern), kind, raw)
	}
	return w.do(method, w.path(pattern), body)
}

func routesOf(sim *threatqsim.Server) []string {
	return slices.DeleteFunc(sim.Routes(), func(r string) bool { return strings.Contains(r, "/_sim/") })
}

// TestEveryRoute asks each route for what it does, for what it refuses, and as
// people who may not.
func TestEveryRoute(t *testing.T) {
	probe := threatqsim.New(threatqsim.Config{})
	for _, name := range routesOf(probe) {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			t.Parallel()
			cfg := importing()
			cfg.Users["reader@example.org"], cfg.Users["nobody@example.org"] = "r", "n"
			cfg.Permissions = map[string]threatqsim.Permission{"reader@example.org": threatqsim.Read, "nobody@example.org": threatqsim.None}
			w := newWorld(t, cfg)
			ex := examples(w)[name]
			before := w.sim.Dump()
			w.refusals(name, ex)
			w.missing(name, ex)
			if after := w.sim.Dump(); string(after) != string(before) {
				t.Errorf("what was refused left a trace:\n%s\n%s", before, after)
			}
			w.login("soc@example.org", "secret")
			w.success(name, ex)
		})
	}
}

func (w *world) success(name string, ex example) {
	w.t.Helper()
	want := ex.code
	switch {
	case want != 0:
	case strings.HasPrefix(name, "DELETE"):
		want = http.StatusNoContent
	case strings.HasPrefix(name, "GET"):
		want = http.StatusOK
	default:
		w.t.Fatalf("%s has no example", name)
	}
	if code, raw := w.call(name, ex.good); code != want {
		w.t.Errorf("%d %s", code, raw)
	}
}

func (w *world) refusals(name string, ex example) {
	w.t.Helper()
	if ex.bad != nil {
		code, raw := w.call(name, ex.bad)
		_, err := wire.Decode[wire.Object](code, raw)
		if err == nil || !strings.Contains(err.Error(), ex.field) || code < 400 || code > 422 {
			w.t.Errorf("wrong body: %d %s: %v", code, raw, err)
		}
	}
	if strings.HasPrefix(name, "POST /api/token") {
		return
	}
	w.token = "forged"
	if code, raw := w.call(name, ex.good); code != http.StatusUnauthorized {
		w.t.Errorf("with a forged token: %d %s", code, raw)
	}
	w.login("nobody@example.org", "n")
	if code, raw := w.call(name, ex.good); code != http.StatusForbidden && (code != http.StatusOK || string(raw) != "{}") {
		w.t.Errorf("without permission: %d %s", code, raw)
	}
	w.login("reader@example.org", "r")
	writes := !strings.HasPrefix(name, "GET") || strings.HasSuffix(name, "/commit")
	if slices.Contains([]string{"POST /api/{coll}/query", "POST /api/search/advanced", "POST /api/signatures/import"}, name) {
		writes = false
	}
	if code, raw := w.call(name, ex.good); writes != (code == http.StatusForbidden) {
		w.t.Errorf("with permission to read: %d %s", code, raw)
	}
}

// missing asks for an object that is not there.
func (w *world) missing(name string, ex example) {
	w.t.Helper()
	w.login("soc@example.org", "secret")
	method, pattern, _ := strings.Cut(name, " ")
	holes := regexp.MustCompile(`\{[a-z]*id\}`)
	if !holes.MatchString(pattern) {
		return
	}
	path := strings.NewReplacer("{coll}", "indicators", "{with}", "events").Replace(pattern)
	path = holes.ReplaceAllString(path, "99999999")
	if code, raw := w.do(method, path, ex.good); code != http.StatusNotFound {
		w.t.Errorf("%s: %d %s", path, code, raw)
	}
	for _, odd := range []string{"x", "-1", "1e3", "99999999999999999999", "%2e%2e", ""} {
		path := strings.NewReplacer("{coll}", "indicators", "{with}", "events").Replace(pattern)
		if code, raw := w.do(method, holes.ReplaceAllString(path, odd), ex.good); code == http.StatusOK && method != "GET" || code >= 500 {
			w.t.Errorf("%s with %q: %d %s", path, odd, code, raw)
		}
	}
}

func TestEveryExampleIsOfARoute(t *testing.T) {
	w := newWorld(t, importing())
	for _, name := range slices.Sorted(maps.Keys(examples(w))) {
		if !slices.Contains(w.sim.Routes(), name) {
			t.Errorf("no route %s", name)
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	c := connect(t, config())
	for _, path := range []string{"/api/nonsense", "/api/", "/api/indicators/1/2/3/4", "/api/indicators/x", "/_sim/nothing"} {
		if code, raw := c.do("GET", path, nil); code != 404 || !json.Valid(raw) {
			t.Errorf("%s: %d %s", path, code, raw)
		}
	}
	if code, raw := c.do("GET", "/indicators", nil); code != 404 || json.Valid(raw) {
		t.Errorf("below no /api: %d %s", code, raw)
	}
	if code, _ := c.do("PATCH", "/api/indicators", nil); code != 404 {
		t.Errorf("PATCH: %d", code)
	}
}
