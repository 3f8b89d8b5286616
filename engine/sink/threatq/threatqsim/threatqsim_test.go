package threatqsim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/threatqsim"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// client speaks to a simulator as a user who is logged in.
type client struct {
	t     testing.TB
	sim   *threatqsim.Server
	url   string
	token string
	ids   map[string]map[string]wire.Int
}

func config() threatqsim.Config {
	return threatqsim.Config{Seed: 7, Users: map[string]string{"soc@example.org": "secret"}, ClientID: "client", OneShot: true}
}

func connect(t testing.TB, cfg threatqsim.Config) *client {
	t.Helper()
	sim := threatqsim.New(cfg)
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	c := &client{t: t, sim: sim, url: web.URL, ids: map[string]map[string]wire.Int{}}
	c.login("soc@example.org", "secret")
	return c
}

func (c *client) login(user, password string) {
	c.t.Helper()
	code, body := c.do("POST", "/api/token?grant_type=password&client_id=client", object{"email": user, "password": password})
	var tok wire.Token
	if err := json.Unmarshal(body, &tok); err != nil || code != 200 || tok.AccessToken == "" {
		c.t.Fatalf("login: %d %s %v", code, body, err)
	}
	c.token = tok.AccessToken
}

type object = map[string]any

// do sends JSON, or a raw body when it is a []byte.
func (c *client) do(method, path string, body any) (int, []byte) {
	c.t.Helper()
	raw, isRaw := body.([]byte)
	if !isRaw && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			c.t.Fatal(err)
		}
	}
	return c.send(method, path, "application/json", raw)
}

func (c *client) send(method, path, kind string, raw []byte) (int, []byte) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(raw))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Logf("%s %s: %v", method, path, err)
		return 0, nil
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Logf("%s %s: %v", method, path, err)
		return -1, got
	}
	return resp.StatusCode, got
}

// ask wants a good answer and reads its objects.
func (c *client) ask(method, path string, body any) []wire.Object {
	c.t.Helper()
	code, raw := c.do(method, path, body)
	return c.read(code, raw)
}

func (c *client) read(code int, raw []byte) []wire.Object {
	c.t.Helper()
	page, err := wire.Decode[wire.Object](code, raw)
	if err != nil {
		c.t.Fatalf("%d %s: %v", code, raw, err)
	}
	return page.Data
}

func (c *client) one(method, path string, body any) wire.Object {
	c.t.Helper()
	all := c.ask(method, path, body)
	if len(all) != 1 {
		c.t.Fatalf("%s %s: %d objects, want one", method, path, len(all))
	}
	return all[0]
}

// id looks up the id of a type or status by its name.
func (c *client) id(list, name string) wire.Int {
	c.t.Helper()
	if c.ids[list] == nil {
		c.ids[list] = map[string]wire.Int{}
		code, raw := c.do("GET", "/api"+list, nil)
		page, err := wire.Decode[wire.Row](code, raw)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, r := range page.Data {
			c.ids[list][r.Name] = r.ID
		}
	}
	id := c.ids[list][name]
	if id == 0 {
		c.t.Fatalf("%s has no %s", list, name)
	}
	return id
}

func (c *client) event(title string) wire.Object {
	c.t.Helper()
	return c.one("POST", "/api/events", object{"title": title, "type": "Incident", "happened_at": "2026-01-02 03:04:05"})
}

// upload sends a file in chunks of size n and makes its object.
func (c *client) upload(name string, content []byte, n int, locked bool) wire.Object {
	c.t.Helper()
	chunks := (len(content) + n - 1) / n
	for i := range chunks {
		part := content[i*n : min(len(content), (i+1)*n)]
		kind, body := form(map[string]string{
			"resumableIdentifier": "1-" + name, "resumableRelativePath": name, "resumableFilename": name,
			"resumableTotalChunks": fmt.Sprint(chunks), "resumableChunkNumber": fmt.Sprint(i + 1),
		}, part)
		if code, raw := c.send("POST", "/api/attachments/upload", kind, body); code != 200 {
			c.t.Fatalf("upload: %d %s", code, raw)
		}
	}
	return c.one("POST", "/api/attachments", object{"name": name, "title": name, "type": "Malware Sample", "malware_locked": locked})
}

func form(fields map[string]string, file []byte) (kind string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		_ = w.WriteField(k, v)
	}
	if file != nil {
		part, _ := w.CreateFormFile("file", "blob")
		_, _ = part.Write(file)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

func TestOneConsumeMakesAttributesTagsCommentsAndLinks(t *testing.T) {
	c := connect(t, config())
	event := c.event("phish")
	got := c.ask("POST", "/api/indicators/consume", []object{
		{
			"value": "a.example", "type": "FQDN", "status": object{"name": "Active"}, "attributes": []object{{"name": "Port", "value": "25"}},
			"sources": []object{{"name": "soc", "tlp": object{"name": "AMBER"}}}, "tags": []string{"phish"}, "comments": []object{{"value": "seen"}},
			"events": []object{{"id": event.ID}},
		},
		{"value": "192.0.2.1", "type_id": c.id("/indicator/types", "IP Address"), "status_id": c.id("/indicator/statuses", "Review")},
	})
	if len(got) != 2 || got[0].Value != "a.example" || got[1].ID == 0 {
		t.Fatalf("answer %+v", got)
	}
	full := c.one("GET", fmt.Sprintf("/api/indicators/%d?with=attributes,sources,status,type,tags,comments,events", got[0].ID), nil)
	switch {
	case full.Type.Name != "FQDN", full.Status.Name != "Active", len(full.Attributes) != 1, full.Attributes[0].Value != "25",
		len(full.Sources) != 1, full.Sources[0].TLPID != 2, len(full.Tags) != 1, len(full.Comments) != 1,
		len(full.Events) != 1, full.Events[0].ID != event.ID, full.Events[0].Pivot == nil:
		t.Errorf("%+v", full)
	}
}

func TestUploadIsJoinedToItsObjectByName(t *testing.T) {
	c := connect(t, config())
	file := c.upload("a.bin", []byte("hello, world"), 5, true)
	if file.Hash != "e4d7f1b4ed2e42d15898f4b27b019da4" || file.FileSize != 12 || !*file.MalwareLocked {
		t.Errorf("%+v", file)
	}
	if code, raw := c.do("POST", "/api/attachments", object{"name": "a.bin", "title": "a", "type": "PDF"}); code != 400 || !strings.Contains(string(raw), `"name"`) {
		t.Errorf("the same upload twice: %d %s", code, raw)
	}
}

func TestOneShotUpload(t *testing.T) {
	c := connect(t, config())
	kind, body := form(map[string]string{"name": "a.bin", "title": "A", "type": "Malware Sample", "malware_locked": "1"}, []byte("hello, world"))
	code, raw := c.send("POST", "/api/attachments", kind, body)
	file := c.read(code, raw)
	if len(file) != 1 || file[0].FileSize != 12 || file[0].Name != "a.bin" || !*file[0].MalwareLocked {
		t.Errorf("%d %s", code, raw)
	}
}

func TestLinksHavePivots(t *testing.T) {
	c := connect(t, config())
	event, file := c.event("one"), c.upload("x", []byte("x"), 10, false)
	links := c.ask("POST", fmt.Sprintf("/api/events/%d/attachments", event.ID), object{"id": file.ID})
	if len(links) != 1 || links[0].Pivot == nil || links[0].Pivot.ID == 0 {
		t.Fatalf("%+v", links)
	}
	back := c.ask("GET", fmt.Sprintf("/api/attachments/%d/events", file.ID), nil)
	if len(back) != 1 || back[0].Pivot.ID != links[0].Pivot.ID || back[0].Title != "one" {
		t.Fatalf("%+v", back)
	}
	if code, raw := c.do("DELETE", fmt.Sprintf("/api/attachments/%d/events", file.ID), []wire.Int{links[0].Pivot.ID}); code != 204 {
		t.Fatalf("%d %s", code, raw)
	}
	if left := c.ask("GET", fmt.Sprintf("/api/events/%d/attachments", event.ID), nil); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}
