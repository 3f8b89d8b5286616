// Package report turns outcomes into what people and programs read: one model,
// written as text, JSON lines, or a page of HTML. It shows what would be
// shipped and why, and never more of a mail than that.
package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Mail is the report of one delivered mail.
type Mail struct {
	Name        string          `json:"name"`
	Folder      string          `json:"folder,omitempty"`
	SHA256      string          `json:"sha256,omitempty"`
	Subject     string          `json:"subject"`
	From        string          `json:"from,omitempty"`
	Date        *time.Time      `json:"date,omitempty"`
	Disposition string          `json:"disposition"`
	Reason      string          `json:"reason,omitempty"`
	Items       []Item          `json:"items"`
	Defects     []engine.Defect `json:"defects,omitempty"`
	Receipt     Receipt         `json:"receipt,omitzero"`
	Stack       string          `json:"stack,omitempty"`

	key string // engine.Origin.Key
}

// Receipt is what the source is told to do with the mail.
type Receipt struct {
	Seen   bool   `json:"seen,omitempty"`
	MoveTo string `json:"move_to,omitempty"`
	Flag   string `json:"flag,omitempty"`
}

// Item is the report of the mail itself or of a mail inside it.
type Item struct {
	Path       string       `json:"path"` // "" for the mail itself
	Subject    string       `json:"subject"`
	Ships      string       `json:"ships,omitempty"` // intelligence or spearphish
	Why        string       `json:"why,omitempty"`   // why it does not
	Rules      []Rule       `json:"rules,omitempty"`
	Score      int          `json:"score,omitempty"`
	Tags       []string     `json:"tags,omitempty"`
	Sinks      []string     `json:"sinks,omitempty"`
	Event      *Event       `json:"event,omitempty"`
	Files      []File       `json:"files,omitempty"`
	Indicators []Indicator  `json:"indicators,omitempty"`
	Related    []string     `json:"related,omitempty"`
	Dropped    []DroppedInd `json:"dropped,omitempty"`
	Trimmed    []Indicator  `json:"trimmed,omitempty"`
	Cut        string       `json:"cut,omitempty"`
	Pair       *Pair        `json:"pair,omitempty"`
	Tried      []Tried      `json:"tried,omitempty"` // passwords for what is or was locked
}

// Rule is a rule that matched or failed.
type Rule struct {
	ID     string `json:"id"`
	Phase  string `json:"phase"`
	Result string `json:"result"`
	Shadow bool   `json:"shadow,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Event is the event of an item.
type Event struct {
	Type       string                   `json:"type"`
	Title      string                   `json:"title"`
	HappenedAt time.Time                `json:"happened_at,omitzero"`
	Source     string                   `json:"source,omitempty"`
	TLP        string                   `json:"tlp,omitempty"`
	Attributes []engine.AttributeRecord `json:"attributes,omitempty"`
	Parse      string                   `json:"parse,omitempty"` // server: what ThreatQ finds itself comes beside what is listed here
}

// When writes the time of an event for people; a mail without any date has none.
func (e *Event) When() string {
	if e.HappenedAt.IsZero() {
		return "no date"
	}
	return e.HappenedAt.UTC().Format("2006-01-02 15:04:05")
}

// File is a file of an item.
type File struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Locked bool   `json:"malware_locked,omitempty"`

	Path     string   `json:"path"`                // in the mail: "2", or "2/march.xlsx" inside an archive
	FileType string   `json:"file_type,omitempty"` // what its content is
	State    string   `json:"state,omitempty"`     // opened or locked, of a file that needs a password
	OpenedBy string   `json:"opened_by,omitempty"` // where the password stood
	Because  string   `json:"why_locked,omitempty"`
	Facts    []string `json:"facts,omitempty"` // what is remarkable: macros, codes in pictures

	Metadata map[string]string `json:"metadata,omitempty"` // all that opening it told
}

// Indicator is an indicator of an item and where it stood.
type Indicator struct {
	Type     string   `json:"type"`
	Value    string   `json:"value"`
	Original string   `json:"original,omitempty"`
	Status   string   `json:"status,omitempty"`
	StatusBy string   `json:"status_by,omitempty"` // the keep rule that gave it, instead of dropping it
	Contexts []string `json:"contexts"`
	Parts    []string `json:"parts"`
	Flags    []string `json:"flags,omitempty"`

	Locations  []string          `json:"locations,omitempty"`  // where inside attachments
	Extractors []string          `json:"extractors,omitempty"` // those of the configuration; the built-in one goes without saying
	Attributes map[string]string `json:"attributes,omitempty"` // what extractors add
}

// DroppedInd is an indicator that a keep rule refused.
type DroppedInd struct {
	Type  string `json:"type"`
	Value string `json:"value"`
	Rule  string `json:"rule"`
}

// Of reports an outcome.
func Of(o *engine.Outcome) Mail {
	m := Mail{
		Name: o.Origin.Name, Folder: o.Origin.Folder, Disposition: string(o.Disposition), Reason: o.Reason,
		key: o.Origin.Key(), Items: []Item{}, Defects: o.Defects, Receipt: Receipt(o.Receipt.Route), Stack: o.Stack,
	}
	if msg := o.Message; msg != nil {
		m.Subject, m.From, m.SHA256 = msg.Subject.Subject, msg.Sender.Email.Email, msg.Meta.SHA256
		if d := msg.Meta.Date; !d.IsZero() {
			m.Date = &d
		}
	}
	for _, it := range o.Items {
		m.Items = append(m.Items, itemOf(o, it))
	}
	return m
}

func itemOf(o *engine.Outcome, it *engine.Item) Item {
	out := Item{
		Path: it.Path, Subject: it.Message.Subject.Subject, Ships: string(it.Ships), Why: it.Why,
		Score: it.Decision.Score, Tags: it.Decision.Tags, Cut: it.Cut,
	}
	for _, r := range it.Plan.Results {
		out.Rules = append(out.Rules, ruleOf(r))
	}
	for _, d := range it.Dropped {
		out.Dropped = append(out.Dropped, DroppedInd{d.Indicator.Type, d.Indicator.Value, d.Rule})
	}
	for _, ind := range it.Trimmed {
		out.Trimmed = append(out.Trimmed, indicatorOf(ind, ""))
	}
	for _, b := range o.Batches {
		out.add(b, it)
	}
	out.Pair, out.Tried = PairOf(it), TriedOn(it)
	return out
}

func ruleOf(r engine.RuleResult) Rule {
	out := Rule{ID: r.Rule, Phase: r.Phase.String(), Result: r.Result.String(), Shadow: r.Shadow}
	if r.Err != nil {
		out.Error = r.Err.Error()
	}
	return out
}

// add shows what one batch holds of an item; the sinks get the same, so the
// first batch that has it is shown and the others only named.
func (out *Item) add(b engine.Batch, it *engine.Item) {
	i := slices.IndexFunc(b.Events, func(e engine.EventRecord) bool { return e.Item == it.Path })
	if i < 0 {
		return
	}
	out.Sinks = append(out.Sinks, b.Sink)
	if out.Event != nil {
		return
	}
	e := b.Events[i]
	out.Event = &Event{e.Type, e.Title, e.HappenedAt, e.Source, e.TLP, e.Attributes, e.Parse}
	for _, ind := range it.Indicators {
		out.Indicators = append(out.Indicators, indicatorOf(ind, it.Decision.Status))
	}
	for _, a := range it.Message.Attachments {
		out.addFile(b, it, a)
	}
	self := engine.Ref{Kind: "event", Key: e.Key}
	for _, o := range b.Objects {
		if slices.Contains(b.Relations, engine.Relation{From: self, To: engine.Ref{Kind: "object", Key: o.Key}}) {
			out.Related = append(out.Related, o.Type+" "+o.Name)
		}
	}
}

// addFile adds the file of an attachment or member, and those inside it.
func (out *Item) addFile(b engine.Batch, it *engine.Item, a *engine.Part) {
	i := slices.IndexFunc(b.Files, func(f engine.FileRecord) bool { return f.Key == a.SHA256 })
	if i < 0 || a.IsInline {
		return
	}
	f := FileOf(it, a)
	f.Name, f.Type, f.Locked = cmp.Or(a.FileName, b.Files[i].Name), b.Files[i].Type, b.Files[i].Locked
	out.Files = append(out.Files, f)
	for _, c := range a.Children {
		out.addFile(b, it, c)
	}
}

func indicatorOf(ind *engine.Indicator, status string) Indicator {
	out := Indicator{Type: ind.Type, Value: ind.Value, Status: cmp.Or(ind.Status, status), StatusBy: ind.StatusBy, Contexts: ind.Contexts, Parts: ind.Parts, Flags: ind.Flags, Locations: ind.Locations, Attributes: ind.Extra}
	out.Extractors = slices.DeleteFunc(slices.Clone(ind.Extractors), isOurs)
	if ind.Original != ind.Value {
		out.Original = ind.Original
	}
	return out
}

// isOurs tells extractors that go without saying.
func isOurs(extractor string) bool { return extractor == "builtin" || extractor == "message" }

// Summary counts what a corpus came to.
type Summary struct {
	Mails        int            `json:"mails"`
	Bytes        int64          `json:"bytes"`
	Seconds      float64        `json:"seconds,omitempty"` // not in JSON: the same corpus gives the same bytes
	Dispositions map[string]int `json:"dispositions"`
	Events       int            `json:"events"`
	Files        int            `json:"files"`
	Indicators   map[string]int `json:"indicators"` // per type, summed over the mails
	Rules        []RuleCount    `json:"rules"`
	Defects      map[string]int `json:"defects"`
	Skipped      int            `json:"skipped_files"` // files of the corpus that are no mail
	Errors       []string       `json:"errors,omitempty"`
}

// RuleCount counts the verdicts of one rule over the items of a corpus.
type RuleCount struct {
	ID      string `json:"id"`
	Mode    string `json:"mode"`
	Matches int    `json:"matches"`
	Errors  int    `json:"errors"`
	Stopped int    `json:"stopped"`
	Dropped int    `json:"dropped"` // indicators that it refused
}

// Counter builds a Summary from reports. Use NewCounter.
type Counter struct {
	sum   Summary
	rules map[string]*RuleCount

	parked map[string]Mail // by key, until they come again
}

// NewCounter counts for rules with these ids and modes, in this order.
func NewCounter(rules []RuleCount) *Counter {
	c := &Counter{rules: map[string]*RuleCount{}, parked: map[string]Mail{}}
	c.sum = Summary{Dispositions: map[string]int{}, Indicators: map[string]int{}, Defects: map[string]int{}, Rules: rules}
	for i := range rules {
		c.rules[rules[i].ID] = &c.sum.Rules[i]
	}
	return c
}

// Add counts one mail.
//
// A parked mail comes again when it is given back: what it was then counts.
func (c *Counter) Add(m Mail) {
	if delete(c.parked, m.key); m.Disposition == string(engine.Parked) {
		c.parked[m.key] = m
		return
	}
	c.count(m)
}

func (c *Counter) count(m Mail) {
	c.sum.Mails++
	c.sum.Dispositions[m.Disposition]++
	for _, d := range m.Defects {
		c.sum.Defects[d.Code]++
	}
	for _, it := range m.Items {
		c.item(it)
	}
}

func (c *Counter) item(it Item) {
	if it.Event != nil {
		c.sum.Events++
	}
	c.sum.Files += len(it.Files)
	for _, ind := range it.Indicators {
		c.sum.Indicators[ind.Type]++
		if rc := c.rules[ind.StatusBy]; rc != nil {
			rc.Matches++
		}
	}
	for _, r := range it.Rules {
		c.rule(r)
	}
	for _, d := range it.Dropped {
		if rc := c.rules[d.Rule]; rc != nil {
			rc.Dropped++
		}
	}
}

func (c *Counter) rule(r Rule) {
	rc := c.rules[r.ID]
	if rc == nil {
		return
	}
	switch r.Result {
	case engine.Match.String():
		rc.Matches++
	case engine.ResultError.String():
		rc.Errors++
	case engine.Stopped.String():
		rc.Stopped++
	}
}

// Summary returns the counts at the end, those that are parked for good included.
// It is called once.
func (c *Counter) Summary() Summary {
	for _, m := range c.parked {
		c.count(m)
	}
	c.parked = nil
	return c.sum
}

// byCount lists the keys of a count, most frequent first.
func byCount(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	return keys
}
