package threatqsim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

const mailText = "Your invoice\n\nsee 192.0.2.1 and 192.0.2.2\n--- a.bin\nfile"

// TestSpearphishImportInFiveCalls walks the way of the public clients.
func TestSpearphishImportInFiveCalls(t *testing.T) {
	c := connect(t, importing())
	related := c.event("related")
	imp := c.one("POST", "/api/events/import", object{
		"type": "Spearphish", "type_id": c.id("/event/types", "Spearphish"), "title": "file.eml", "description": "by rule", "happened_at": "2026-09-09 09:09:09",
		"text": mailText, "sources": []object{{"name": "soc", "tlp": object{"name": "AMBER"}}},
	})
	at := fmt.Sprintf("/api/events/import/%d", imp.ID)
	c.one("PUT", at+"?with=attachments,events", object{
		"indicator_status_id": c.id("/indicator/statuses", "Indirect"),
		"globals":             object{"indicators": object{"attributes": []object{{"name": "Run", "value": "1"}}}, "relations": object{"events": []object{{"id": related.ID}}}},
	})
	staged := c.one("GET", at+"?with=attachments,events", nil)
	if len(staged.Events) != 1 || staged.Events[0].Title != "Your invoice" || staged.Events[0].HappenedAt.Format(wire.TimeLayout) != "2026-03-04 05:06:07" || len(staged.Attachments) != 1 {
		t.Fatalf("staged %+v", staged)
	}
	if before := c.sim.Dump(); strings.Contains(string(before), "192.0.2.1") {
		t.Error("staged is done")
	}
	c.one("PUT", fmt.Sprintf("%s/events/%d", at, staged.Events[0].ID), object{"title": "Mended", "happened_at": "2026-01-01 00:00:00"})
	done := c.one("GET", at+"/commit", nil)
	if len(done.Events) != 1 || done.ID != imp.ID || done.Events[0].ID == imp.ID || done.Events[0].ID == staged.Events[0].ID {
		t.Fatalf("ids: import %d, staged %d, answer %d with event %d", imp.ID, staged.Events[0].ID, done.ID, done.Events[0].ID)
	}
	event := c.one("GET", fmt.Sprintf("/api/events/%d?with=type,sources,indicators,attachments,events", done.Events[0].ID), nil)
	if event.Title != "Mended" || event.Type.Name != "Spearphish" || len(event.Indicators) != 2 || len(event.Attachments) != 1 || len(event.Events) != 1 || event.Sources[0].Name != "soc" {
		t.Errorf("%+v", event)
	}
	if code, _ := c.do("GET", at+"/commit", nil); code != 404 {
		t.Errorf("committed again: %d", code)
	}
	if code, _ := c.do("GET", at, nil); code != 404 {
		t.Errorf("the session is there: %d", code)
	}
	dump := string(c.sim.Dump())
	for _, want := range []string{`"status": "Indirect"`, `"Run: 1"`, `"To to@example.org"`, `"type": "Spearphish Attachment"`, `"malware_locked": true`, `"2026-01-01 00:00:00"`} {
		if !strings.Contains(dump, want) {
			t.Errorf("no %s in\n%s", want, dump)
		}
	}
}

func TestAbandonedImportsLeaveNothing(t *testing.T) {
	c := connect(t, importing())
	file := c.upload("f", []byte("192.0.2.9"), 99, false)
	before := string(c.sim.Dump())
	imp := c.one("POST", "/api/events/import", object{"type": "Spearphish", "text": mailText})
	c.do("DELETE", fmt.Sprintf("/api/events/import/%d", imp.ID), nil)
	imp = c.one("POST", "/api/imports", object{"attachment_id": file.ID, "content_type_id": c.id("/attachments/types", "Generic Text")})
	c.do("DELETE", fmt.Sprintf("/api/imports/%d", imp.ID), nil)
	if code, _ := c.do("GET", fmt.Sprintf("/api/imports/%d/commit", imp.ID), nil); code != 404 {
		t.Errorf("%d", code)
	}
	if after := string(c.sim.Dump()); after != before {
		t.Errorf("(-before +after):\n%s", cmp.Diff(before, after))
	}
}

func TestImportOfAFileWithPreview(t *testing.T) {
	c := connect(t, importing())
	file := c.upload("f", []byte("192.0.2.9 \xff 192.0.2.10"), 99, false)
	imp := c.one("POST", "/api/imports", object{"attachment_id": file.ID, "content_type_id": c.id("/attachments/types", "Generic Text"), "normalize": "Y"})
	at := fmt.Sprintf("/api/imports/%d", imp.ID)
	c.one("PUT", at, object{"import_source": object{"name": "soc", "tlp_id": 3}, "indicator_global_status": c.id("/indicator/statuses", "Active")})
	preview := c.ask("GET", at+"/indicators", nil)
	if len(preview) != 2 || preview[0].Value != "192.0.2.9" || preview[0].Type.Name != "IP Address" {
		t.Fatalf("%+v", preview)
	}
	c.one("GET", at+"/commit", nil)
	got := c.ask("GET", fmt.Sprintf("/api/attachments/%d/indicators?with=status,sources", file.ID), nil)
	if len(got) != 2 || got[0].Status.Name != "Active" || got[0].Sources[0].TLPID != 3 {
		t.Errorf("%+v", got)
	}
	if code, _ := c.do("GET", at+"/commit", nil); code != 404 {
		t.Errorf("committed again: %d", code)
	}
}

func TestImportByUpload(t *testing.T) {
	c := connect(t, importing())
	typ := fmt.Sprint(c.id("/attachments/types", "ThreatQ CSV File"))
	var code int
	var raw []byte
	for n, part := range []string{"192.0.", "2.3"} {
		kind, body := form(map[string]string{"resumableIdentifier": "i", "resumableFilename": "x", "resumableTotalChunks": "2", "resumableChunkNumber": fmt.Sprint(n + 1), "content_type_id": typ, "normalize": "Y"}, []byte(part))
		code, raw = c.send("POST", "/api/imports", kind, body)
	}
	imp := c.read(code, raw)
	if len(imp) != 1 || imp[0].ID == 0 {
		t.Fatalf("%d %s", code, raw)
	}
	if got := c.ask("GET", fmt.Sprintf("/api/imports/%d/indicators", imp[0].ID), nil); len(got) != 1 || got[0].Value != "192.0.2.3" {
		t.Errorf("%+v", got)
	}
}

func TestWithoutAParserImportsAre501(t *testing.T) {
	c := connect(t, config())
	for path, body := range map[string]object{"/api/events/import": {"type": "Spearphish", "text": "x"}, "/api/imports": {"text": "x", "content_type_id": c.id("/attachments/types", "PDF")}} {
		if code, raw := c.do("POST", path, body); code != 501 {
			t.Errorf("%s: %d %s", path, code, raw)
		}
	}
}

func TestCommitFailsWhenARelatedObjectIsGone(t *testing.T) {
	c := connect(t, importing())
	related := c.event("related")
	imp := c.one("POST", "/api/events/import", object{"type": "Spearphish", "text": mailText})
	at := fmt.Sprintf("/api/events/import/%d", imp.ID)
	c.one("PUT", at, object{"globals": object{"relations": object{"events": []object{{"id": related.ID}}}}})
	c.do("DELETE", fmt.Sprintf("/api/events/%d", related.ID), nil)
	if code, _ := c.do("GET", at+"/commit", nil); code != 400 {
		t.Errorf("%d", code)
	}
	if got := c.ask("GET", "/api/events", nil); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestSpearphishMailOfAnEvent(t *testing.T) {
	c := connect(t, importing())
	e := c.one("POST", "/api/events", object{"title": "e", "type": "Spearphish", "happened_at": "2026-01-02 03:04:05"})
	at := fmt.Sprintf("/api/events/%d/spearphish", e.ID)
	c.one("POST", at, object{"value": mailText})
	if got := c.one("GET", at, nil); got.Value != mailText {
		t.Errorf("%+v", got)
	}
	incident := c.event("i")
	if code, _ := c.do("POST", fmt.Sprintf("/api/events/%d/spearphish", incident.ID), object{"value": mailText}); code != 400 {
		t.Errorf("of an incident: %d", code)
	}
	if dump := string(c.sim.Dump()); !strings.Contains(dump, `"To to@example.org"`) {
		t.Errorf("%s", dump)
	}
}

func TestDerivedIndicatorsOfImports(t *testing.T) {
	cfg := importing()
	cfg.Normalize, cfg.DeriveFQDN = true, true
	cfg.Extract = nil
	c := connect(t, cfg)
	event := c.event("e")
	rows := c.ask("POST", "/api/indicators/consume", object{"value": "http://a.example/x", "type": "URL", "status": "Active", "events": []object{{"id": event.ID}}, "sources": object{"name": "s"}})
	if len(rows) != 2 {
		t.Fatalf("%+v", rows)
	}
	derived := c.one("GET", fmt.Sprintf("/api/indicators/%d?with=status,sources,events", rows[1].ID), nil)
	if derived.Value != "a.example" || derived.Status.Name != "Active" || len(derived.Events) != 1 || len(derived.Sources) != 1 {
		t.Errorf("%+v", derived)
	}
}
