package engine_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// sections lists what a split made of a text: the rest, then each section as its
// title and its words.
func sections(t *testing.T, text string, split engine.Split) []string {
	t.Helper()
	out := process(t, engine.Defaults{}, message("news", text), engine.PhaseMessage, map[string][]engine.Action{"*": {split}})
	return told(out)
}

func told(out *engine.Outcome) []string {
	var all []string
	for _, it := range out.Items {
		name := it.Message.Subject.Subject
		if it.Path == "" {
			name = "rest"
		}
		all = append(all, name+": "+strings.Join(strings.Fields(it.Message.Body.Text), " "))
	}
	return all
}

func TestHeadingsOfPlainText(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"markdown", "hello\n# One\na\n## not\nb\n# Two\nc\n", "rest: hello|One: # One a ## not b|Two: # Two c"},
		{"markdown of the second level", "# News\n## One\na\n## Two\nc\n", "rest: # News|One: ## One a|Two: ## Two c"},
		{"underlined", "hello\n\nOne\n===\na\n\nTwo\n===\nb\n", "rest: hello|One: One === a|Two: Two === b"},
		{"two kinds of underlines", "Part\n====\n\nOne\n---\na\n\nTwo\n---\nb\n", "rest: Part ====|One: One --- a|Two: Two --- b"},
		{"between rulers", "hello\n*****\nOne\n*****\na\n*****\nTwo\n*****\nb", "rest: hello|One: ***** One ***** a|Two: ***** Two ***** b"},
		{"framed", "hello\n*** One ***\na\n*** Two ***\nb", "rest: hello|One: *** One *** a|Two: *** Two *** b"},
		{"framed by brackets", "[[ One ]]\na\n[[ Two ]]\nb", "rest:|One: [[ One ]] a|Two: [[ Two ]] b"},
		{"numbered", "hello\n\n1. One\na\n\n2. Two\nb\n\n3) Three\nc", "rest: hello|One: 1. One a|Two: 2. Two b|Three: 3) Three c"},
		{"numbered, after its table of contents", "In this issue\n\n1. One\n\n2. Two\n\nread on\n\n1. One\na\n\n2. Two\nb", "rest: In this issue 1. One 2. Two read on|One: 1. One a|Two: 2. Two b"},
		{"a list is no headings", "do\n1. this\n2. that\nand\n3. more", "rest: do 1. this 2. that and 3. more"},
		{"a list of paragraphs neither", "do\n\n1. this\n\n2. that\n\n3. more\n", "rest: do 1. this 2. that 3. more"},
		{"parted by rulers", "hello\n----------\nOne\na\n\n----------\nTwo\nb", "rest: hello|One: ---------- One a|Two: ---------- Two b"},
		{"capitals", "hello\n\nTHE FIRST\na\n\nTHE SECOND\nb", "rest: hello|THE FIRST: THE FIRST a|THE SECOND: THE SECOND b"},
		{"one heading makes no sections", "hello\n\nTHE FIRST\na", "rest: hello THE FIRST a"},
		{"prose", "hello\n\nThis is a mail.\n\nIt has paragraphs.\n", "rest: hello This is a mail. It has paragraphs."},
		{"nothing", "", "rest:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := []string{}
			for _, s := range sections(t, tt.text, engine.Split{}) {
				got = append(got, strings.TrimSpace(s))
			}
			if diff := cmp.Diff(strings.Split(tt.want, "|"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSectionsAtAPattern(t *testing.T) {
	text := "intro\nItem 7: Loader\nl1\nItem 9: Wiper\nw1\nBye\nfooter"
	tests := []struct {
		name      string
		at, until string
		want      string
	}{
		{"whole lines", `^Item`, "", "rest: intro|Item 7: Loader: Item 7: Loader l1|Item 9: Wiper: Item 9: Wiper w1 Bye footer"},
		{"a group is the title", `^Item \d+: (.+)`, "", "rest: intro|Loader: Item 7: Loader l1|Wiper: Item 9: Wiper w1 Bye footer"},
		{"until", `^Item \d+: (.+)`, `^Bye$`, "rest: intro Bye footer|Loader: Item 7: Loader l1|Wiper: Item 9: Wiper w1"},
		{"a single section", `^Item 9`, "", "rest: intro Item 7: Loader l1|Item 9: Wiper: Item 9: Wiper w1 Bye footer"},
		{"none", `^Story`, "", "rest: " + strings.Join(strings.Fields(text), " ")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			split := engine.Split{At: regexp.MustCompile(tt.at)}
			if tt.until != "" {
				split.Until = regexp.MustCompile(tt.until)
			}
			if diff := cmp.Diff(strings.Split(tt.want, "|"), sections(t, text, split)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const twoSections = "intro ioc-a\n# One\nioc-b\n# Two\nioc-c\n"

func split(more ...engine.Action) map[string][]engine.Action {
	return map[string][]engine.Action{"news": append([]engine.Action{engine.Split{}}, more...)}
}

func TestWhatASplitShips(t *testing.T) {
	tests := []struct {
		name    string
		def     engine.Defaults
		actions map[string][]engine.Action
		want    string
	}{
		{"sections and the rest", engine.Defaults{}, split(), "intelligence news|s1 intelligence One|s2 intelligence Two"},
		{"without the rest", engine.Defaults{}, map[string][]engine.Action{"news": {engine.Split{SkipRest: true}}}, "s1 intelligence One|s2 intelligence Two"},
		{"a rule skips a section", engine.Defaults{}, map[string][]engine.Action{"news": {engine.Split{}}, "One": {engine.TreatAs{As: engine.Skip}}}, "intelligence news|s2 intelligence Two"},
		{"a section is not split again", engine.Defaults{}, map[string][]engine.Action{"*": {engine.Split{At: regexp.MustCompile("ioc|#")}}}, "intelligence news|s1 intelligence intro ioc-a|s2 intelligence One|s3 intelligence ioc-b|s4 intelligence Two|s5 intelligence ioc-c"},
		{"a spearphish is not split", engine.Defaults{}, split(engine.TreatAs{As: engine.Spearphish}), "spearphish news"},
		{"a mail that is skipped neither", engine.Defaults{}, split(engine.TreatAs{As: engine.Skip}), ""},
		{"in a spearphish mailbox, as intelligence", engine.Defaults{MailboxType: "spearphish"}, split(engine.TreatAs{As: engine.Intelligence}), "intelligence news|s1 intelligence One|s2 intelligence Two"},
		{"the first split counts", engine.Defaults{}, split(engine.Split{SkipRest: true}), "intelligence news|s1 intelligence One|s2 intelligence Two"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := process(t, tt.def, message("news", twoSections), engine.PhaseMessage, tt.actions)
			if got := strings.Join(ships(out), "|"); got != tt.want {
				t.Errorf("ships %s\nwant  %s", got, tt.want)
			}
		})
	}
}

func TestASectionKnowsItsMail(t *testing.T) {
	msg := message("news", twoSections)
	msg.Sender = engine.Address{Email: engine.Email{Email: "weekly@isac.example"}}
	msg.Attachments = []*engine.Part{{FileName: "a.txt", Path: "2", SHA256: "aa", Content: engine.Bytes("x"), Text: "d.example"}}
	out := process(t, engine.Defaults{KeepRaw: true}, msg, engine.PhaseMessage, split())
	s := out.Items[1].Message
	if c := s.Meta.Carrier; c.Via != engine.ViaSection || c.Subject != "news" || s.Sender.Email.Email != "weekly@isac.example" || len(s.Attachments) != 0 {
		t.Errorf("carrier %+v, sender %s, %d attachments", c, s.Sender.Email.Email, len(s.Attachments))
	}
	b := out.Batches[0]
	if len(b.Events) != 3 || len(b.Files) != 2 || b.Events[1].Key == b.Events[2].Key {
		t.Errorf("%d events, %d files", len(b.Events), len(b.Files))
	}
	of := func(name string) string {
		i := slices.IndexFunc(b.Events[1].Attributes, func(a engine.AttributeRecord) bool { return a.Name == name })
		if i < 0 {
			return ""
		}
		return b.Events[1].Attributes[i].Value
	}
	if of("Section Of") != "news" || of("Reporter") != "" || of("From") != "weekly@isac.example" {
		t.Errorf("attributes %+v", b.Events[1].Attributes)
	}
	for _, r := range b.Relations {
		if r.From.Key == b.Events[1].Key && r.To.Kind == "file" {
			t.Errorf("a section has the file %s", r.To.Key)
		}
	}
}

func TestTrimsComeBeforeASplit(t *testing.T) {
	actions := split(engine.Trim{Chars: len("intro ")}, engine.Trim{After: regexp.MustCompile(`ioc-c`)})
	actions["One"] = []engine.Action{engine.Trim{Chars: 5}}
	out := process(t, engine.Defaults{}, message("news", twoSections), engine.PhaseMessage, actions)
	want := []string{"rest: ioc-a", "One: # One ioc-b", "Two: # Two"}
	if diff := cmp.Diff(want, told(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(out.Items[2].Trimmed); n != 1 {
		t.Errorf("%d findings are told to be trimmed off the last section, want 1", n)
	}
}

func TestMoreSectionsThanACapAllows(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "# Section %d\nx%d.example\n", i, i)
	}
	out := process(t, engine.Defaults{}, message("news", text.String()), engine.PhaseMessage, split())
	if len(out.Items) != 200 || !hasDefect(out, engine.DefectItems) {
		t.Fatalf("%d items, defects %v", len(out.Items), out.Defects)
	}
	last := out.Items[199].Message
	if last.Subject.Subject != "Section 198" || !strings.Contains(last.Body.Text, "x299.example") {
		t.Errorf("the last section is %q and ends %q", last.Subject.Subject, last.Body.Text[max(0, len(last.Body.Text)-40):])
	}
}

// TestAStatusInsteadOfRefusal ships a refused indicator with the status of the rule,
// unless it stands in another item of the mail where no rule refuses it.
func TestAStatusInsteadOfRefusal(t *testing.T) {
	const text = "intro\n# One\nioc-x ioc-y\n# Two\nioc-x ioc-z\n"
	out := process(t, engine.Defaults{Status: "Review"}, message("news", text), engine.PhaseMessage, split(), func(cfg *engine.Config) {
		r := cfg.Rules.(enginetest.Rules)
		r.OnKeep = func(v *engine.View, ind *engine.Indicator) engine.Verdict {
			if v.Message.Subject.Subject == "One" || ind.Value == "ioc-z" {
				return engine.Verdict{Keep: true, Status: "Whitelisted", Rule: "known"}
			}
			return engine.Verdict{Keep: true}
		}
		cfg.Rules = r
	})
	got := map[string]string{}
	for _, ind := range out.Batches[0].Indicators {
		got[ind.Value] = ind.Status
	}
	if diff := cmp.Diff(map[string]string{"ioc-x": "Review", "ioc-y": "Whitelisted", "ioc-z": "Whitelisted"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNothingToSplitAtIsTold(t *testing.T) {
	out := process(t, engine.Defaults{}, message("news", "no headings here"), engine.PhaseMessage, map[string][]engine.Action{"*": {engine.Split{SkipRest: true}}})
	told := slices.ContainsFunc(out.Defects, func(d engine.Defect) bool { return d.Code == engine.DefectSections })
	if len(out.Items) != 1 || out.Disposition != engine.Shipped || !told {
		t.Errorf("%d items, %s, defects %v", len(out.Items), out.Disposition, out.Defects)
	}
}

// FuzzSplit holds a split to its promise: no character of the text is lost or
// doubled, whatever the text.
func FuzzSplit(f *testing.F) {
	f.Add(twoSections, "")
	f.Add("1. a\n\n2. b\nx", "x")
	f.Add("a\n===\nb\n\nc\n===\nd", "^c")
	f.Add("-----\nOne\n\x00\xff\n-----\nTwo\nx", "Two")
	f.Fuzz(func(t *testing.T, text, until string) {
		how := engine.Split{}
		if until != "" {
			re, err := regexp.Compile(until)
			if err != nil {
				t.Skip()
			}
			how.Until = re
		}
		out := process(t, engine.Defaults{}, message("news", text), engine.PhaseMessage, map[string][]engine.Action{"news": {how}})
		got, total := "", 0
		for _, it := range out.Items {
			got += it.Message.Body.Plain.Raw
			total += len(it.Message.Body.Plain.Raw)
		}
		want, all := []byte(text), []byte(got)
		slices.Sort(want)
		slices.Sort(all)
		if !slices.Equal(want, all) {
			t.Errorf("%d bytes became %d in %d items", len(text), total, len(out.Items))
		}
	})
}
