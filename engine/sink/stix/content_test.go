package stix_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/stix"
	"github.com/tqmailrules/tqmailrules/engine/sink/stix/stixtest"
)

// objects are those of the bundle of a batch.
func objects(t *testing.T, b engine.Batch) []map[string]any {
	t.Helper()
	data, err := stix.Encode(&b)
	if err != nil {
		t.Fatal(err)
	}
	var bundle struct{ Objects []map[string]any }
	if err := json.Unmarshal(data, &bundle); err != nil {
		t.Fatal(err)
	}
	return bundle.Objects
}

// ofType are the objects of a type.
func ofType(all []map[string]any, kind string) (some []map[string]any) {
	for _, o := range all {
		if o["type"] == kind {
			some = append(some, o)
		}
	}
	return some
}

func byID(all []map[string]any) map[string]map[string]any {
	m := map[string]map[string]any{}
	for _, o := range all {
		m[o["id"].(string)] = o
	}
	return m
}

func TestMailIsAnEmailMessage(t *testing.T) {
	all := objects(t, wholeBatch())
	mail := ofType(all, "email-message")[0]
	known := byID(all)
	value := func(ref any) any { return known[fmt.Sprint(ref)]["value"] }
	got := map[string]any{
		"from": value(mail["from_ref"]), "sender": value(mail["sender_ref"]), "to": len(mail["to_refs"].([]any)), "cc": value(mail["cc_refs"].([]any)[0]),
		"subject": mail["subject"], "date": mail["date"], "message_id": mail["message_id"], "multipart": mail["is_multipart"], "received": mail["received_lines"],
		"fields": mail["additional_header_fields"], "parts": len(mail["body_multipart"].([]any)), "raw": known[fmt.Sprint(mail["raw_email_ref"])]["mime_type"],
	}
	want := map[string]any{
		"from": "a@evil.example", "sender": "s@evil.example", "to": 1, "cc": "c@corp.example", "subject": "s\u2028\"\\", "date": "2026-01-02T03:04:05.000Z",
		"message_id": "<1@evil.example>", "multipart": true, "received": []any{"from a by b", "from b", "from c by d"},
		"fields": map[string]any{"Reply-To": []any{"x@evil.example"}, "X-Mailer": []any{"bat"}}, "parts": 3, "raw": "message/rfc822",
	}
	want["date"] = enginetest.Epoch.UTC().Format("2006-01-02T15:04:05.000Z")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReportIsAboutEverything but about what is about the report.
func TestReportIsAboutEverything(t *testing.T) {
	all := objects(t, wholeBatch())
	report := ofType(all, "report")[0]
	about := report["object_refs"].([]any)
	for _, o := range all {
		switch o["type"] {
		case "report", "marking-definition":
			continue
		case "identity":
			if o["name"] != "X" {
				continue // who says so
			}
		case "note":
			if slices.Contains(o["object_refs"].([]any), report["id"]) {
				continue
			}
		}
		if !slices.Contains(about, o["id"]) {
			t.Errorf("the report is not about %v", o)
		}
	}
	if report["confidence"] != 100.0 || report["name"] != "Rechnung überfällig" {
		t.Errorf("report %v", report)
	}
}

func TestIndicatorIsBasedOnWhatItIs(t *testing.T) {
	all := objects(t, wholeBatch())
	known := byID(all)
	based, related := map[any]any{}, map[any]any{}
	for _, r := range ofType(all, "relationship") {
		switch r["relationship_type"] {
		case "based-on":
			based[r["source_ref"]] = known[r["target_ref"].(string)]["type"]
		case "related-to":
			related[r["source_ref"]] = known[r["target_ref"].(string)]["name"]
		}
	}
	want := map[string]any{
		"IP Address": "ipv4-addr", "IPv6 Address": "ipv6-addr", "CIDR Block": "ipv4-addr", "FQDN": "domain-name", "URL": "url", "Email Address": "email-addr",
		"MD5": "file", "SHA-1": "file", "SHA-256": "file", "SHA-384": "file", "SHA-512": "file", "Fuzzy Hash": "file", "ASN": "autonomous-system", "Filename": "file",
		"File Path": "file", "Registry Key": "windows-registry-key", "Mutex": "mutex", "MAC Address": "mac-addr", "Email Attachment": "file",
		"User-agent": nil, "X-Mailer": nil, "Email Subject": nil,
	}
	b := wholeBatch()
	for _, r := range b.Indicators {
		kind, expected := want[r.Type]
		i := slices.IndexFunc(ofType(all, "indicator"), func(o map[string]any) bool {
			return o["pattern"] == stix.Pattern(r.Type, r.Value) && o["name"] == r.Value
		})
		if !expected {
			if i >= 0 {
				t.Errorf("%s became an indicator", r.Type)
			}
			continue
		}
		if i < 0 {
			t.Errorf("%s became no indicator", r.Type)
			continue
		}
		o := ofType(all, "indicator")[i]
		if based[o["id"]] != kind || related[o["id"]] != "in.exe" {
			t.Errorf("%s is based on %v, stood in %v", r.Type, based[o["id"]], related[o["id"]])
		}
		if diff := cmp.Diff([]any{[]any{"a", "b"}, []any{"malicious-activity"}, []any{"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"}}, []any{o["labels"], o["indicator_types"], o["object_marking_refs"]}); diff != "" {
			t.Error(diff)
		}
		confident := 100.0
		if r.Key == b.Indicators[0].Key {
			confident = 70
		}
		if o["confidence"] != confident {
			t.Errorf("%s: confidence %v", r.Type, o["confidence"])
		}
	}
}

func TestWhatHasNoWordIsANote(t *testing.T) {
	all := objects(t, wholeBatch())
	var notes []string
	for _, n := range ofType(all, "note") {
		notes = append(notes, fmt.Sprint(n["content"]))
	}
	text := "\n" + strings.Join(notes, "\n") + "\n"
	for _, want := range []string{"String: free", "btc: 1abc", "eth: 0xabc", "xmr: 4abc", "yara: rule_x", "ticket: made up", "signature: X", "Rule Failed: broken: fuel", "Raw Name: ../a.zip", "Encrypted: yes", "Defect: bad-date at Date: no reading", "Path: 1/in.exe", "Score: 250"} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no note says %q", want)
		}
	}
	if strings.Contains(text, "\nReporter: boss@corp.example") {
		t.Error("a subject made a line of its own")
	}
	if v := ofType(all, "vulnerability"); len(v) != 2 || ofType(all, "attack-pattern") == nil {
		t.Errorf("vulnerabilities %v", v)
	}
}

// TestNotesOfOneTypeStayApart: each value has its own.
func TestNotesOfOneTypeStayApart(t *testing.T) {
	b := engine.Batch{Key: "b", Events: []engine.EventRecord{{Key: "e"}}}
	for i := range 3 {
		r := engine.IndicatorRecord{Key: fmt.Sprint("btc", i), Type: "btc", Value: fmt.Sprint("wallet", i)}
		b.Indicators = append(b.Indicators, r)
		b.Relations = append(b.Relations, engine.Relation{From: engine.Ref{Kind: "event", Key: "e"}, To: engine.Ref{Kind: "indicator", Key: r.Key}})
	}
	if notes := ofType(objects(t, b), "note"); len(notes) != 3 {
		t.Errorf("%d notes, want 3: %v", len(notes), notes)
	}
}

// TestSecondCopyAddsANote and changes nothing: a mail that is in two folders has one
// event, and what is said of it is the same.
func TestSecondCopyAddsANote(t *testing.T) {
	first, second := wholeBatch(), wholeBatch()
	second.Key, second.Events[0].SeenIn = "copy", "imap box Archive 7"
	known, added := byID(objects(t, first)), 0
	for _, o := range objects(t, second) {
		old, there := known[o["id"].(string)]
		if !there {
			added++
			if !strings.Contains(fmt.Sprint(o["content"]), "Seen In: imap box Archive 7") {
				t.Errorf("new: %v", o)
			}
			continue
		}
		if diff := cmp.Diff(old, o); diff != "" {
			t.Errorf("changed:\n%s", diff)
		}
	}
	if added != 1 {
		t.Errorf("%d objects are new, want a note", added)
	}
}

// TestLockedContentsStayAway: with one malware-locked file, no content goes along,
// since it may be inside the others.
func TestLockedContentsStayAway(t *testing.T) {
	b := wholeBatch()
	if n := len(ofType(objects(t, b), "artifact")); n != 2 {
		t.Errorf("%d contents, want those of the small file and of the mail", n)
	}
	b.Files[1].Locked = true
	b.Events[0].Raw = engine.Bytes("raw with malware")
	data, _ := stix.Encode(&b)
	if strings.Contains(string(data), "payload_bin") || strings.Contains(string(data), "content_ref") || strings.Contains(string(data), "raw_email_ref") {
		t.Error("a content goes along")
	}
}

func TestContentsAreBounded(t *testing.T) {
	b := engine.Batch{Key: "big", Events: []engine.EventRecord{{Key: "e"}}}
	for i := range 300 {
		content := engine.Bytes(strings.Repeat(string(rune('a'+i%26)), 60_000) + fmt.Sprint(i))
		b.Files = append(b.Files, engine.FileRecord{Key: fmt.Sprintf("%064x", i), Name: "f", Size: content.Size(), Content: content})
		b.Relations = append(b.Relations, engine.Relation{From: engine.Ref{Kind: "event", Key: "e"}, To: engine.Ref{Kind: "file", Key: b.Files[i].Key}})
	}
	data, err := stix.Encode(&b)
	if err != nil || len(data) > 13<<20 || len(data) < 10<<20 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// TestOneIdentifierHasOneDate compares the bundles of many mails that hold the same:
// what is under one identifier was created once, and is the same but for markings of
// observables.
func TestOneIdentifierHasOneDate(t *testing.T) {
	known := map[string]string{}
	shared := 0
	for i := range 20 {
		b := wholeBatch()
		b.Key = fmt.Sprint("mail", i)
		b.Events[0].Key = fmt.Sprint("event", i)
		b.Events[0].HappenedAt = enginetest.Epoch.AddDate(0, 0, i)
		b.Events[0].TLP = []string{"RED", "AMBER", "GREEN", "CLEAR", "AMBER+STRICT"}[i%5]
		b.Events[0].Score = i
		for _, o := range objects(t, b) {
			if o["created"] == nil {
				continue // an observable
			}
			text, _ := json.Marshal(o)
			id := o["id"].(string)
			if old, there := known[id]; there {
				if shared++; old != string(text) {
					t.Fatalf("%s\n%s", old, text)
				}
			}
			known[id] = string(text)
		}
	}
	if shared < 100 {
		t.Errorf("only %d objects are in two bundles", shared)
	}
}

// TestCollidingFilesAreTwo has two contents of one name and MD5.
func TestCollidingFilesAreTwo(t *testing.T) {
	b := engine.Batch{Key: "b", Events: []engine.EventRecord{{Key: "e"}}}
	for i := range 2 {
		key := strings.Repeat(fmt.Sprint(i), 64)
		b.Files = append(b.Files, engine.FileRecord{Key: key, Name: "a.exe", MD5: strings.Repeat("a", 32)})
		b.Relations = append(b.Relations, engine.Relation{From: engine.Ref{Kind: "event", Key: "e"}, To: engine.Ref{Kind: "file", Key: key}})
	}
	files := ofType(objects(t, b), "file")
	if len(files) != 2 || files[0]["id"] == files[1]["id"] {
		t.Fatalf("files %v", files)
	}
	data, _ := stix.Encode(&b)
	if wrong := stixtest.Validate(data); len(wrong) != 1 || !strings.Contains(wrong[0].Error(), "identified by") {
		t.Errorf("%v", wrong)
	}
}

func TestEveryLevelHasItsMarking(t *testing.T) {
	for level, want := range map[string]string{
		"RED": "5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "AMBER+STRICT": "939a9414-2ddd-4d32-a0cd-375ea402b003", "AMBER": "f88d31f6-486f-44da-b317-01333bde0b82",
		"GREEN": "34098fce-860f-48ae-8e50-ebd3cc5e41da", "CLEAR": "94868c89-83c2-464b-929b-a1a8aa3c8487", "WHITE": "613f2e26-407d-48c7-9eca-b8e91df99dc9", "": "", "PINK": "",
	} {
		b := engine.Batch{Key: "b", Events: []engine.EventRecord{{Key: "e", TLP: level}}}
		data, err := stix.Encode(&b)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range stixtest.Validate(data) {
			t.Errorf("%s: %v", level, wrong)
		}
		got := ""
		for _, m := range ofType(objects(t, b), "marking-definition") {
			got += strings.TrimPrefix(m["id"].(string), "marking-definition--")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", level, got, want)
		}
	}
}

func TestStricterMarkingWins(t *testing.T) {
	b := wholeBatch() // AMBER+STRICT; its indicators are RED
	b.Events[0].Message.From = "a@evil.example"
	for _, o := range ofType(objects(t, b), "email-addr") {
		want := "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
		if o["value"] == "a@evil.example" {
			want = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
		}
		if diff := cmp.Diff([]any{want}, o["object_marking_refs"]); diff != "" {
			t.Errorf("%v: %s", o["value"], diff)
		}
	}
}

// FuzzPattern wants every value back out of its pattern.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"a", "'", `\`, `\'`, `'] OR [file:name = '`, "\x00\xff\u2028", "a' AND file:name = 'b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := stixtest.ParsePattern(stix.Equals("file:hashes.'SHA-256'", value))
		want := []stixtest.Test{{Path: "file:hashes.'SHA-256'", Operator: "=", Value: value}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

// FuzzBundle ships text of strangers everywhere; the bundle stays valid.
func FuzzBundle(f *testing.F) {
	f.Add("URL", "http://evil.example/'\"\\", "Rechnung\r\nReporter: x", "a@b.example", []byte("a.zip"))
	f.Add("File Path", `C:\`, "", "", []byte{0xff, 0, 1})
	f.Add("Registry Key", `HKLM`, "\u2028", "<@>", []byte("/"))
	f.Add("Email Address", "\"a b\"@c", "x", "x@[1.2.3.4]", []byte("x"))
	f.Add("FQDN", ".", "x", "a@b@c", []byte("x"))
	f.Add("URL", "http://[::1", "x", "", []byte("x"))
	f.Add("URL", "http://a/?[#[", "x", "", []byte("x"))
	for _, kind := range []string{"IP Address", "CIDR Block", "MD5", "Fuzzy Hash", "CVE", "ASN", "attack", "Mutex", "User-agent", "MAC Address", "String", ""} {
		f.Add(kind, "T1566.001", kind, kind, []byte(kind))
	}
	f.Fuzz(func(t *testing.T, kind, value, text, address string, name []byte) {
		b := wholeBatch()
		b.Key = text
		key := kind + "\x1f" + value
		b.Indicators = append(b.Indicators, engine.IndicatorRecord{Key: key, Type: kind, Value: value, Original: text, Tags: []string{text}, Attributes: []engine.AttributeRecord{{Name: text, Value: value}}})
		b.Relations = append(b.Relations, engine.Relation{From: engine.Ref{Kind: "event", Key: b.Events[0].Key}, To: engine.Ref{Kind: "indicator", Key: key}})
		e := &b.Events[0]
		e.Title, e.Description, e.Source, e.TLP, e.SeenIn = text, text, text, text, text
		e.Message.From, e.Message.To, e.Message.Subject, e.Message.MessageID = address, []string{address, value}, text, text
		e.Attributes = append(e.Attributes, engine.AttributeRecord{Name: "Received Hop 3", Value: text}, engine.AttributeRecord{Name: "Sender", Value: address})
		b.Files[0].Name, b.Files[0].ContentType, b.Files[0].RawName = string(name), text, text
		b.Objects = append(b.Objects, engine.ObjectRecord{Key: "k", Type: "malware", Name: value}, engine.ObjectRecord{Key: "l", Type: text, Name: text})
		data, err := stix.Encode(&b)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range stixtest.Validate(data) {
			t.Error(wrong)
		}
	})
}
