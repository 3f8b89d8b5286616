package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/unpack"
	"github.com/tqmailrules/tqmailrules/rules"
)

// labels say what stands in one mail, as somebody found who read it.
type labels struct {
	Expect []labelOf `json:"expect"`
	Maybe  []labelOf `json:"maybe"` // neither needed nor wrong
}

// labelOf is a type and a canonical value, sealed where it stands in the file: the
// addresses of people and the links of lures are nobody's business here. A URL that
// the mail writes without a scheme begins with "//"; http and https both meet it.
type labelOf [2]string

// sealed is what stands in the file: the beginning of a digest of type and value.
func (l labelOf) sealed() labelOf {
	sum := sha256.Sum256([]byte(l[0] + "\x00" + l.folded()[1]))
	l[1] = hex.EncodeToString(sum[:12])
	return l
}

// labelled is what is compared: the types that any mail may have.
var labelled = []string{"URL", "FQDN", "IP Address", "IPv6 Address", "Email Address"}

// verdict says of one mail what was found.
type verdict struct{ right, missed, wrong []labelOf }

// score counts indicators of one type.
type score struct{ right, missed, wrong int }

func (s score) precision() float64 { return share(s.right, s.wrong) }
func (s score) recall() float64    { return share(s.right, s.missed) }

// share is 1 when there is nothing to be right or wrong about.
func share(right, other int) float64 {
	if right+other == 0 {
		return 1
	}
	return float64(right) / float64(right+other)
}

// TestLabelledMails compares what is found in fifty mails of phishing-500, every
// tenth by name, with what a reader found there. The mails stand below the folder
// that TQ_CORPUS names; testdata/labels.json knows them by their SHA-256.
func TestLabelledMails(t *testing.T) {
	dir := os.Getenv("TQ_CORPUS")
	if dir == "" {
		t.Skip("skipped: TQ_CORPUS names no folder with the labelled mails")
	}
	all := readLabels(t)
	mails := mailsByDigest(t, dir)
	finder := finderProcessor(t)
	scores := map[string]score{}
	for _, digest := range slices.Sorted(maps.Keys(all)) {
		raw, ok := mails[digest]
		if !ok {
			t.Errorf("mail %s is labelled and not below TQ_CORPUS", digest)
			continue
		}
		v := all[digest].judge(foundIn(t, finder, raw))
		v.addTo(scores)
		logVerdict(t, digest, v)
	}
	reportScores(t, scores)
}

func logVerdict(t *testing.T, digest string, v verdict) {
	t.Helper()
	for _, l := range v.missed {
		t.Logf("missed %.12s %s %q", digest, l[0], l[1])
	}
	for _, l := range v.wrong {
		t.Logf("wrong  %.12s %s %q", digest, l[0], l[1])
	}
}

func readLabels(t *testing.T) map[string]labels {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]labels{}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("labels of %d mails, want 50", len(all))
	}
	return all
}

// mailsByDigest are the mails below dir, at any depth.
func mailsByDigest(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".eml" {
			return err
		}
		raw, err := os.ReadFile(path)
		sum := sha256.Sum256(raw)
		all[hex.EncodeToString(sum[:])] = raw
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// finderProcessor looks for indicators in every mail where a run without a word
// of rules looks.
func finderProcessor(t *testing.T) *engine.Engine {
	t.Helper()
	set, diags := rules.Load([]rules.File{{Name: "none.yaml", Data: []byte("version: 1\nrules: []\n")}}, rules.Options{Extractors: []string{builtinName}})
	if len(diags.Errors()) > 0 {
		t.Fatal(diags)
	}
	cfg := &settings.Config{}
	p, err := engine.NewProcessor(engine.Config{
		Parser: parserFor(cfg), Rules: set, Extractors: builtin().all, DomainOf: domainOf, MarkupAt: mail.MarkupAt(cfg.Limits),
		Sinks: recordingSinks(cfg, set), Unpacker: unpack.New(unpack.Config{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func foundIn(t *testing.T, e *engine.Engine, raw []byte) (found []*engine.Indicator) {
	t.Helper()
	out, err := e.Process(t.Context(), engine.Delivery{Raw: engine.Bytes(raw), Origin: engine.Origin{Source: "test", ID: "labelled"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range out.Items {
		found = append(found, it.Indicators...)
	}
	return found
}

// judge compares sets. A host that follows from another indicator is right when
// it is expected, else neither right nor wrong.
func (l labels) judge(found []*engine.Indicator) (v verdict) {
	expect, maybe, met := setOf(l.Expect), setOf(l.Maybe), map[labelOf]bool{}
	for _, ind := range found {
		if !slices.Contains(labelled, ind.Type) {
			continue
		}
		one := labelOf{ind.Type, ind.Value}.folded()
		forms := []labelOf{one.sealed(), one.schemeless().sealed()}
		isHost := ind.Type != "URL" && ind.Type != "Email Address"
		switch {
		case slices.ContainsFunc(forms, func(f labelOf) bool { return expect[f] }):
			for _, f := range forms {
				met[f] = expect[f]
			}
		case slices.ContainsFunc(forms, func(f labelOf) bool { return maybe[f] }), ind.Derived && isHost:
		default:
			v.wrong = append(v.wrong, one)
		}
	}
	for _, e := range slices.SortedFunc(maps.Keys(expect), labelOf.compare) {
		if met[e] {
			v.right = append(v.right, e)
		} else {
			v.missed = append(v.missed, e)
		}
	}
	return v
}

func setOf(all []labelOf) map[labelOf]bool {
	set := map[labelOf]bool{}
	for _, l := range all {
		set[l] = true
	}
	return set
}

func (l labelOf) compare(other labelOf) int { return slices.Compare(l[:], other[:]) }

// folded brings spellings of one indicator together: the case of an address, the
// lone root slash of a URL.
func (l labelOf) folded() labelOf {
	switch {
	case l[0] == "Email Address":
		l[1] = strings.ToLower(l[1])
	case l[0] == "URL" && strings.Count(l[1], "/") == 3:
		l[1] = strings.TrimSuffix(l[1], "/")
	}
	return l
}

// schemeless is a URL as it is in a mail that leaves the scheme to its reader.
func (l labelOf) schemeless() labelOf {
	scheme, rest, ok := strings.Cut(l[1], "//")
	if ok && l[0] == "URL" && (scheme == "http:" || scheme == "https:") {
		l[1] = "//" + rest
	}
	return l
}

func (v verdict) addTo(scores map[string]score) {
	for _, l := range v.right {
		s := scores[l[0]]
		s.right++
		scores[l[0]] = s
	}
	for _, l := range v.missed {
		s := scores[l[0]]
		s.missed++
		scores[l[0]] = s
	}
	for _, l := range v.wrong {
		s := scores[l[0]]
		s.wrong++
		scores[l[0]] = s
	}
}

func reportScores(t *testing.T, scores map[string]score) {
	t.Helper()
	var all score
	for _, kind := range labelled {
		s := scores[kind]
		t.Logf("%-14s precision %.3f recall %.3f (%d right, %d missed, %d wrong)", kind, s.precision(), s.recall(), s.right, s.missed, s.wrong)
		all = score{all.right + s.right, all.missed + s.missed, all.wrong + s.wrong}
	}
	t.Logf("%-14s precision %.3f recall %.3f (%d right, %d missed, %d wrong)", "in all", all.precision(), all.recall(), all.right, all.missed, all.wrong)
	if all.precision() < .97 {
		t.Errorf("precision %.3f, want .97", all.precision())
	}
	if all.recall() < .95 {
		t.Errorf("recall %.3f, want .95", all.recall())
	}
}

// TestLabelsAreOfKnownTypes reads the labels without the mails: a label that is
// mistyped, or both expected and doubtful, would count for nothing.
func TestLabelsAreOfKnownTypes(t *testing.T) {
	for digest, l := range readLabels(t) {
		if b, err := hex.DecodeString(digest); err != nil || len(b) != sha256.Size {
			t.Errorf("%q is no SHA-256", digest)
		}
		once := map[labelOf]bool{}
		for _, one := range slices.Concat(l.Expect, l.Maybe) {
			if seal, err := hex.DecodeString(one[1]); err != nil || len(seal) != 12 || !slices.Contains(labelled, one[0]) || once[one] {
				t.Errorf("%.12s: wrong label %q", digest, one)
			}
			once[one] = true
		}
	}
}

// TestJudgeOfLabels wants the comparison itself to tell right from wrong.
func TestJudgeOfLabels(t *testing.T) {
	l := labels{
		Expect: []labelOf{{"URL", "https://a.example/x"}, {"URL", "//b.example/y"}, {"Email Address", "Joe@a.example"}, {"FQDN", "c.example"}},
		Maybe:  []labelOf{{"URL", "https://m.example/"}},
	}
	for _, list := range [][]labelOf{l.Expect, l.Maybe} {
		for i := range list {
			list[i] = list[i].sealed()
		}
	}
	all := []engine.Indicator{{Type: "URL", Value: "https://a.example/x"}, {Type: "URL", Value: "http://b.example/y"}, {Type: "Email Address", Value: "joe@a.example"}, {Type: "FQDN", Value: "c.example"}}
	for _, c := range []struct {
		name  string
		found []engine.Indicator
		want  score
	}{
		{"everything", all, score{4, 0, 0}},
		{"nothing", nil, score{0, 4, 0}},
		{"a maybe, a derived host, another type", append(all[:4:4], engine.Indicator{Type: "URL", Value: "https://m.example"}, engine.Indicator{Type: "FQDN", Value: "a.example", Derived: true}, engine.Indicator{Type: "MD5", Value: "00"}), score{4, 0, 0}},
		{"both schemes where none is written", append(all[:4:4], engine.Indicator{Type: "URL", Value: "https://b.example/y"}), score{4, 0, 0}},
		{"another scheme than is written", append(all[1:4:4], engine.Indicator{Type: "URL", Value: "http://a.example/x"}), score{3, 1, 1}},
		{"a URL too long", append(all[1:4:4], engine.Indicator{Type: "URL", Value: "https://a.example/x)"}), score{3, 1, 1}},
		{"a URL out of nothing, though derived", append(all[:4:4], engine.Indicator{Type: "URL", Value: "https://d.example/", Derived: true}), score{4, 0, 1}},
		{"a host out of nothing", append(all[:4:4], engine.Indicator{Type: "FQDN", Value: "sign.in"}), score{4, 0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var found []*engine.Indicator
			for _, ind := range c.found {
				found = append(found, &ind)
			}
			v := l.judge(found)
			if got := (score{len(v.right), len(v.missed), len(v.wrong)}); got != c.want {
				t.Errorf("right, missed, wrong are %v, want %v", got, c.want)
			}
		})
	}
}
