package engine_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
)

// lore finds what it is told to, in the bodies of mails and in their attachments.
type lore []engine.Finding

func (lore) Info() engine.ExtractorInfo {
	return engine.ExtractorInfo{Name: "context", Version: "1", Default: true}
}
func (lore) Wants(p engine.PartInfo) bool { return p.Kind == "text" || p.Kind == "attachment" }

func (l lore) Extract(_ context.Context, in engine.Input) (found []engine.Finding, err error) {
	for _, p := range in.Parts {
		for _, f := range l {
			f.Spot = engine.Spot{Part: p.ID, Span: engine.Span{End: 1}}
			if p.Kind == "attachment" {
				f.Spot.Context = engine.InContent
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// TestWhatATextIsAboutBecomesObjects wants objects tied to the event and to the file
// that names them, tags at the event, and no indicator of either.
func TestWhatATextIsAboutBecomesObjects(t *testing.T) {
	found := lore{
		{Type: "Malware", Value: "Emotet", Original: "emotet", Extra: map[string]string{"id": "S0367"}},
		{Type: "Attack Pattern", Value: "Spearphishing Attachment", Original: "T1566.001", Extra: map[string]string{"id": "T1566.001"}},
		{Type: "Tag", Value: "ransomware", Original: "Ransomware"},
		{Type: "FQDN", Value: "evil.example", Original: "evil.example"},
	}
	msg := message("report", "text")
	msg.Attachments = []*engine.Part{{Path: "2", FileName: "report.txt", Text: "text", Size: 4, SHA256: "aa", Content: engine.Bytes("text")}}
	relate := map[string][]engine.Action{"*": {engine.Relate{Type: "malware", Name: "Emotet"}, engine.Tag{Name: "mine"}}}
	out := process(t, engine.Defaults{EventType: "Incident", FileType: "Attachment"}, msg, engine.PhaseContent, relate, func(c *engine.Config) { c.Extractors = []engine.Extractor{found} })
	b := out.Batches[0]
	want := []engine.ObjectRecord{
		{Key: "attack_pattern\x1fSpearphishing Attachment", Type: "attack_pattern", Name: "Spearphishing Attachment", ID: "T1566.001"},
		{Key: "malware\x1fEmotet", Type: "malware", Name: "Emotet", ID: "S0367"},
	}
	if diff := cmp.Diff(want, b.Objects); diff != "" {
		t.Error(diff)
	}
	if len(b.Indicators) != 1 || b.Indicators[0].Type != "FQDN" {
		t.Errorf("indicators %v", b.Indicators)
	}
	if tags := b.Events[0].Tags; !slices.Equal(tags, []string{"mine", "ransomware"}) {
		t.Errorf("tags %q", tags)
	}
	emotet := engine.Ref{Kind: "object", Key: want[1].Key}
	for _, from := range []engine.Ref{{Kind: "event", Key: b.Events[0].Key}, {Kind: "file", Key: "aa"}} {
		if !slices.Contains(b.Relations, engine.Relation{From: from, To: emotet}) {
			t.Errorf("%s does not tell of the malware: %v", from.Kind, b.Relations)
		}
	}
}

// TestARuleMayRefuseAnObject treats what a text is about as rules treat indicators.
func TestARuleMayRefuseAnObject(t *testing.T) {
	found := lore{{Type: "Malware", Value: "Emotet", Original: "Emotet"}, {Type: "Malware", Value: "Carbon", Original: "Carbon"}, {Type: "Tag", Value: "x", Original: "x"}}
	out := process(t, engine.Defaults{}, message("report", "text"), engine.PhaseContent, nil, func(c *engine.Config) {
		c.Extractors = []engine.Extractor{found}
		rules := c.Rules
		c.Rules = refusing{rules, []string{"Carbon", "x"}}
	})
	b := out.Batches[0]
	if len(b.Objects) != 1 || b.Objects[0].Name != "Emotet" || len(b.Events[0].Tags) != 0 {
		t.Errorf("objects %v, tags %q", b.Objects, b.Events[0].Tags)
	}
}

type refusing struct {
	engine.Rules
	values []string
}

func (r refusing) Keep(_ *engine.View, i *engine.Indicator) engine.Verdict {
	return engine.Verdict{Keep: !slices.Contains(r.values, i.Value), Rule: "not-these"}
}
