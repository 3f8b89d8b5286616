package engine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
)

// vault is an unpacker of files "vault <password> <text>": with the password, the
// text is read; "mail" as the password of nothing makes a member that is a mail.
type vault struct{ tried *[]string }

func (vault) Wants(p *engine.Part) bool { return p.FileType == "vault" }

func (v vault) Unpack(_ context.Context, p *engine.Part, keys []engine.Candidate, _ *engine.Budget) ([]engine.Defect, error) {
	b, _ := engine.ReadAll(p.Content, 1<<20)
	_, rest, _ := strings.Cut(string(b), " ")
	password, text, _ := strings.Cut(rest, " ")
	p.Opened = true
	for _, k := range keys {
		w, _ := k.Password.Reveal(nil)
		if v.tried != nil {
			*v.tried = append(*v.tried, w)
		}
		if w == password {
			p.Decrypted, p.OpenedBy, p.Text = true, k.String(), text
			p.Places = []engine.Place{{At: 0, Name: "page 1"}, {At: 5, Name: "page 2"}}
			if inner, ok := strings.CutPrefix(text, "mail:"); ok {
				p.Children = []*engine.Part{{Path: p.Path + "/in.eml", FileName: "in.eml", FileType: "eml", IsMessage: true, Content: engine.Bytes(inner), SHA256: "in", Size: len(inner)}}
			}
			return nil, nil
		}
	}
	return []engine.Defect{{Code: engine.DefectLocked, Part: p.Path}}, nil
}

// vaultMail is a mail with a locked file when password is not empty.
func vaultMail(id, subject, text, password, secret string, at time.Time) engine.Delivery {
	d := enginetest.Mail(id, subject, text+"\x00"+password+"\x00"+secret)
	d.Origin.Received = at
	return d
}

// vaultParser reads the mails of vaultMail.
type vaultParser struct{}

func (vaultParser) Parse(ctx context.Context, raw engine.Blob, o engine.Origin) (*engine.Message, error) {
	m, err := enginetest.Parser{}.Parse(ctx, raw, o)
	if err != nil {
		return nil, err
	}
	fields := strings.Split(m.Body.Text, "\x00")
	m.Body.Text, m.Body.Plain.Raw = fields[0], fields[0]
	if len(fields) == 3 && fields[1] != "" {
		content := "vault " + fields[1] + " " + fields[2]
		m.Attachments = []*engine.Part{{
			Path: "2", FileName: "offer.vault", FileType: "vault", Encrypted: true, SHA256: "sha-" + m.Meta.SHA256, Size: len(content), Content: engine.Bytes(content),
		}}
	}
	return m, nil
}

// pairRules pair by what stands in brackets.
type pairRules struct {
	enginetest.Rules
	pair engine.Pair
}

var bracketed = regexp.MustCompile(`\[(.+?)\]`)

func (r pairRules) Pairings(m *engine.Message) []engine.Pair {
	p := r.pair
	if k := bracketed.FindStringSubmatch(m.Subject.Subject); k != nil {
		p.Key = engine.Key{Scope: "box", Key: k[1]}
	}
	return []engine.Pair{p}
}

func (r pairRules) Evaluate(phase engine.Phase, v *engine.View) engine.Plan {
	if phase != engine.PhaseMessage {
		return engine.Plan{}
	}
	return enginetest.Steps("pair", r.Pairings(v.Message)[0], engine.Attribute{Name: "Role", Values: []string{v.Message.Pair.Role + " " + v.Message.Pair.State}},
		engine.Attribute{Name: "Body", Values: []string{v.Message.Body.Text}})
}

var hour = engine.Pair{Window: time.Hour}

func vaultConfig(src engine.Source, store engine.Store, rec engine.Sink, clock engine.Clock) engine.Config {
	return engine.Config{
		Source: src, Store: store, Sinks: []engine.Sink{rec}, Parser: vaultParser{}, Rules: pairRules{pair: hour}, Unpacker: vault{},
		Extractors: []engine.Extractor{attachmentWords{}}, Clock: clock, Workers: 2,
	}
}

// attachmentWords finds what begins with ioc- in attachments, too.
type attachmentWords struct{ enginetest.Words }

func (attachmentWords) Wants(p engine.PartInfo) bool {
	return p.Kind == "text" || p.Kind == "attachment"
}

func (w attachmentWords) Extract(ctx context.Context, in engine.Input) ([]engine.Finding, error) {
	found, err := w.Words.Extract(ctx, in)
	for i := range found {
		if !strings.HasPrefix(found[i].Spot.Part, "body") {
			found[i].Spot.Context = engine.InContent
		}
	}
	return found, err
}

func at(minutes int) time.Time { return enginetest.Epoch.Add(time.Duration(minutes) * time.Minute) }

// shippedVaults runs mails in one or two runs over one store and returns the
// batches in a fixed order.
func shippedVaults(t *testing.T, mails []engine.Delivery, split int, end time.Time) []engine.Batch {
	t.Helper()
	store, rec, clock := mem.New(), &enginetest.Recorder{Sink: "a"}, &engine.StillClock{}
	clock.Set(enginetest.Epoch)
	for i, part := range [][]engine.Delivery{mails[:split], mails[split:]} {
		cfg := vaultConfig(enginetest.NewMailbox(part...).Open(), store, rec, clock)
		cfg.Run = fmt.Sprint("run", i)
		if i == 1 {
			cfg.AtEnd = func() { clock.Set(end) }
		}
		if _, err := run(t, t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	batches := rec.Batches()
	slices.SortFunc(batches, func(a, b engine.Batch) int { return cmp.Compare(a.Key, b.Key) })
	return batches
}

func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for i := 0; i <= len(p); i++ {
			all = append(all, slices.Insert(slices.Clone(p), i, n-1))
		}
	}
	return all
}

// Locked mails and those with passwords meet in any order, in one run and across
// two; each locked mail is opened by the partner that is for it.
func TestPairingSurvivesAnyOrder(t *testing.T) {
	mails := []engine.Delivery{
		vaultMail("locked", "[1] offer", "see file", "hunter2", "ioc-inside", at(0)),
		vaultMail("second", "[1] again", "see file", "other99", "ioc-second", at(5)),
		vaultMail("wrong", "[1] pw", "Password: nonsense", "", "", at(10)),
		vaultMail("right", "[1] pw", "The passwords follow. Password: hunter2. And also password: 'other99'", "", "", at(20)),
		vaultMail("stranger", "[2] pw", "Password: hunter2", "", "", at(1)),
	}
	want := shippedVaults(t, mails, len(mails), at(20))
	if len(want) != 5 {
		t.Fatalf("%d batches", len(want))
	}
	for n, order := range permutations(len(mails)) {
		var shuffled []engine.Delivery
		for _, i := range order {
			shuffled = append(shuffled, mails[i])
		}
		for split := range len(mails) + 1 {
			if split != n%(len(mails)+1) && os.Getenv("TQ_SOAK") == "" {
				continue
			}
			if diff := gocmp.Diff(want, shippedVaults(t, shuffled, split, at(20))); diff != "" {
				t.Fatalf("order %v, second run from %d (-want +got):\n%s", order, split, diff)
			}
		}
	}
	opened := map[string]string{}
	for _, b := range want {
		for _, f := range b.Files {
			opened[b.Origin.ID] = attribute(f.Attributes, "Opened By")
		}
	}
	if diff := gocmp.Diff(map[string]string{"locked": "partner right, body.text 32-39", "second": "partner right, body.text 61-68"}, opened); diff != "" {
		t.Errorf("opened by (-want +got):\n%s", diff)
	}
}

func attribute(all []engine.AttributeRecord, name string) string {
	var values []string
	for _, a := range all {
		if a.Name == name {
			values = append(values, a.Value)
		}
	}
	return strings.Join(values, "; ")
}

// What nobody opens is shipped as it is when its time is over, and says so.
func TestALockedMailShipsAtItsDeadline(t *testing.T) {
	locked := vaultMail("locked", "[1] offer", "see file", "hunter2", "ioc-inside", at(0))
	late := vaultMail("late", "[1] pw", "Password: hunter2", "", "", at(61))
	wrong := vaultMail("wrong", "[1] pw", "Password: nonsense", "", "", at(1))
	for _, tt := range []struct {
		name  string
		mails []engine.Delivery
		end   time.Time
		state string // of the locked mail; "" when it is not shipped
	}{
		{"no partner yet", []engine.Delivery{locked}, at(59), ""},
		{"no partner at all", []engine.Delivery{locked}, at(60), "locked expired"},
		{"a partner beyond the window", []engine.Delivery{locked, late}, at(61), "locked expired"},
		{"a partner in vain", []engine.Delivery{locked, wrong}, at(60), "locked expired"},
		{"a partner in vain, first", []engine.Delivery{wrong, locked}, at(60), "locked expired"},
		{"a partner in vain, and time left", []engine.Delivery{locked, wrong}, at(59), ""},
		{"a partner beyond the window, first", []engine.Delivery{late, locked}, at(61), "locked expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			for _, b := range shippedVaults(t, tt.mails, len(tt.mails), tt.end) {
				if b.Origin.ID != "locked" {
					continue
				}
				got = attribute(b.Events[0].Attributes, "Role")
				if !slices.Contains(b.Files[0].Tags, "locked") || !slices.Contains(b.Events[0].Tags, "locked") || attribute(b.Events[0].Attributes, "Locked Attachment") != "offer.vault" {
					t.Errorf("file tags %v, event tags %v", b.Files[0].Tags, b.Events[0].Tags)
				}
				if !slices.ContainsFunc(b.Defects, func(d engine.Defect) bool { return d.Code == engine.DefectLocked }) {
					t.Errorf("defects %v", b.Defects)
				}
			}
			if got != tt.state {
				t.Errorf("state %q, want %q", got, tt.state)
			}
		})
	}
}

// Candidates come in their order: what rules name, what is announced, what others
// offer, defaults, guesses, well-known ones.
func TestCandidatesComeInOrder(t *testing.T) {
	var tried []string
	store := mem.New()
	rules := pairRules{pair: engine.Pair{Window: time.Hour, Default: []engine.Password{engine.LiteralPassword("fallback"), {Secret: "s"}, {Secret: "missing"}}}}
	cfg := vaultConfig(enginetest.NewMailbox(
		vaultMail("pw", "[1] pw", "Password: offered1", "", "", at(0)),
		vaultMail("locked", "[1] offer42", "the word Ab1 and a password: announced1!", "none-of-them", "x", at(1)),
	).Open(), store, &enginetest.Recorder{Sink: "a"}, &engine.StillClock{})
	cfg.Rules, cfg.Unpacker, cfg.Secrets = unlocking{rules}, vault{&tried}, map[string]string{"s": "configured"}
	cfg.Workers, cfg.CommitGroup = 1, 1
	if _, err := run(t, t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	want := []string{"named", "announced1", "announced1!", "offered1", "fallback", "configured"}
	for i := len(tried) - 1; i >= 0; i-- { // the mail may have been tried before the offer was known
		if tried[i] == "named" {
			tried = tried[i:]
			break
		}
	}
	if len(tried) < len(want) {
		t.Fatalf("tried %v", tried)
	}
	if diff := gocmp.Diff(want, tried[:len(want)]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rest := tried[len(want):]
	if i, j, k := slices.Index(rest, "offer42"), slices.Index(rest, "Ab1"), slices.Index(rest, "infected"); i < 0 || j < 0 || k < i || k < j {
		t.Errorf("guesses %v", rest)
	}
}

// unlocking names a password beside pairing.
type unlocking struct{ pairRules }

func (u unlocking) Evaluate(p engine.Phase, v *engine.View) engine.Plan {
	plan := u.pairRules.Evaluate(p, v)
	if p == engine.PhaseMessage {
		plan.Append(enginetest.Steps("unlock", engine.Unlock{Passwords: []engine.Password{engine.LiteralPassword("named")}}))
	}
	return plan
}

// announcing pairs with prefixes of its own beside.
type announcing struct{ pairRules }

func (a announcing) Pairings(m *engine.Message) (all []engine.Pair) {
	for _, p := range a.pairRules.Pairings(m) {
		door, word := p, p
		door.Prefix = regexp.MustCompile(`Door: `)
		word.Prefix, word.Take = regexp.MustCompile(`Word of the day`), regexp.MustCompile(`<(\w+)>`)
		all = append(all, p, door, word)
	}
	return all
}

func (a announcing) Evaluate(p engine.Phase, v *engine.View) engine.Plan {
	plan := a.pairRules.Evaluate(p, v)
	if p == engine.PhaseMessage {
		for _, pair := range a.Pairings(v.Message) {
			plan.Append(enginetest.Steps("announcing", pair))
		}
	}
	return plan
}

// No password of a mail that offers one, or that holds its own, shows in anything
// that is shipped, explained or printed; the text around it stays.
func TestPasswordsDoNotShow(t *testing.T) {
	const canary = "Canary-7f3a!"
	for _, tt := range []struct {
		name  string
		mails []engine.Delivery
		text  string // of the description of the first
	}{
		{"an offering mail", []engine.Delivery{
			vaultMail("pw", "[1] pw "+canary, "Hi. Password: "+canary+" ok? "+canary, "", "", at(0)),
			vaultMail("locked", "[1]", "x", canary, "ioc-x", at(0)),
		}, "Hi. Password: [password] ok? [password]"},
		{"a mail with its own", []engine.Delivery{vaultMail("locked", "offer", "use "+canary+" to open", canary, "ioc-x", at(0))}, "use [password] to open"},
		{"a short one", []engine.Delivery{vaultMail("pw", "[1] pw", "pin: 123, call 123 or http://x.example/123", "", "", at(0))}, "pin: [password], call 123 or http://x.example/123"},
		{"a short one behind a prefix of the rule", []engine.Delivery{vaultMail("pw", "[1] pw", "Door: 123, room 123", "", "", at(0))}, "Door: [password], room 123"},
		{"a word that the rule says how to take", []engine.Delivery{vaultMail("pw", "[1] pw", "Word of the day <kettle>, put the kettle on", "", "", at(0))}, "Word of the day <[password]>, put the kettle on"},
		{"no offer: there is no key", []engine.Delivery{vaultMail("pw", "pw", "Password: "+canary, "", "", at(0))}, "Password: " + canary},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var outcomes []*engine.Outcome
			rec := &enginetest.Recorder{Sink: "a"}
			cfg := vaultConfig(enginetest.NewMailbox(tt.mails...).Open(), mem.New(), rec, &engine.StillClock{})
			cfg.Rules = announcing{pairRules{pair: hour}}
			cfg.Observe = func(o *engine.Outcome) { outcomes = append(outcomes, o) }
			if _, err := run(t, t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			shown := ""
			for _, b := range rec.Batches() {
				js, _ := json.Marshal(b)
				shown += string(js)
				if b.Origin.ID == tt.mails[0].Origin.ID && b.Events[0].Description != tt.text {
					t.Errorf("description %q, want %q", b.Events[0].Description, tt.text)
				}
			}
			for _, o := range outcomes {
				for _, it := range o.Items {
					js, _ := json.Marshal(it.Views[2].Message.Body)
					shown += fmt.Sprintf("%+v %+v %#v %s", it.Plan, it.Decision, o.Offers, js)
				}
			}
			if secret := !strings.Contains(tt.name, "no offer"); secret && strings.Contains(shown, canary) {
				i := strings.Index(shown, canary)
				t.Errorf("it shows: …%s…", shown[max(0, i-80):i+20])
			}
		})
	}
}

// What stood in an attachment is tied to it and says where it stood; a mail inside
// one becomes an item as an attached one does.
func TestWhatStandsInAttachments(t *testing.T) {
	b := shippedVaults(t, []engine.Delivery{vaultMail("1", "offer", "key4711x", "key4711x", "a b. ioc-deep", at(0))}, 1, at(0))
	if got := attribute(b[0].Indicators[0].Attributes, "Found At"); got != "offer.vault page 2" {
		t.Errorf("found at %q", got)
	}
	want := engine.Relation{From: engine.Ref{Kind: "file", Key: b[0].Files[0].Key}, To: engine.Ref{Kind: "indicator", Key: b[0].Indicators[0].Key}}
	if !slices.Contains(b[0].Relations, want) {
		t.Errorf("relations %v", b[0].Relations)
	}
	d := vaultMail("1", "offer", "key4711x", "key4711x", "mail:inner\n\nioc-inner", at(0))
	cfg := vaultConfig(enginetest.NewMailbox(d).Open(), mem.New(), &enginetest.Recorder{Sink: "a"}, &engine.StillClock{})
	cfg.Rules = enginetest.Rules{Def: engine.Defaults{MailboxType: "spearphish"}}
	var out *engine.Outcome
	cfg.Observe = func(o *engine.Outcome) { out = o }
	if _, err := run(t, t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"n1 spearphish inner"}, ships(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if via := out.Items[1].Message.Meta.Carrier.Via; via != "container" {
		t.Errorf("via %q", via)
	}
}

// A mail that was sealed for its reader counts as the mail: what stands in it, and
// in what is attached to it, is found without any rule.
func TestSealedMailsAreReadAsTheMail(t *testing.T) {
	d := vaultMail("1", "sealed", "the key4711x and word99", "key4711x", "mail:inner\n\nioc-inner|word99|ioc-deep", at(0))
	cfg := vaultConfig(enginetest.NewMailbox(d).Open(), mem.New(), &enginetest.Recorder{Sink: "a"}, &engine.StillClock{})
	cfg.Parser, cfg.Unpacker, cfg.Rules = sealedParser{}, sealedVault{}, enginetest.Rules{}
	var out *engine.Outcome
	cfg.Observe = func(o *engine.Outcome) { out = o }
	if _, err := run(t, t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, ind := range out.Items[0].Indicators {
		if ind.Parts[0] == "2" {
			continue // the envelope as this unpacker shows it
		}
		got[ind.Value] = strings.Join(ind.Parts, " ")
	}
	if diff := gocmp.Diff(map[string]string{"ioc-inner": "2/in.eml", "ioc-deep": "2/in.eml/2"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// sealedParser reads mails whose first vault is an envelope.
type sealedParser struct{ vaultParser }

func (p sealedParser) Parse(ctx context.Context, raw engine.Blob, o engine.Origin) (*engine.Message, error) {
	b, _ := engine.ReadAll(raw, 1<<20)
	if strings.HasPrefix(string(b), "inner") {
		raw = engine.Bytes(strings.ReplaceAll(string(b), "|", "\x00"))
	}
	m, err := p.vaultParser.Parse(ctx, raw, o)
	for _, a := range m.Attachments {
		if m.Subject.Subject == "sealed" {
			a.FileType = "p7m"
		}
	}
	return m, err
}

type sealedVault struct{ vault }

func (sealedVault) Wants(p *engine.Part) bool { return p.FileType == "vault" || p.FileType == "p7m" }
