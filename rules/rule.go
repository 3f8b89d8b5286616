package rules

import (
	"math"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// Mode says whether a rule counts.
type Mode string

const (
	Live   Mode = "live"
	Shadow Mode = "shadow" // evaluated and reported; what it wants is left out
	Off    Mode = "off"
)

// OnError says what becomes of a rule whose condition fails when it runs.
type OnError string

const (
	SkipRule  OnError = "skip"  // as if it did not match, but reported
	MatchRule OnError = "match" // as if it did, and reported
	StopRules OnError = "stop"  // and no further rule of the phase is asked
)

// StopAfter says what a rule that matched stops.
type StopAfter string

const (
	StopNone    StopAfter = "none"
	StopPhase   StopAfter = "phase"
	StopMessage StopAfter = "message"
)

// Rule is one rule of a set. It is immutable.
type Rule struct {
	ID          string
	Name        string
	Description string
	Mode        Mode
	Priority    int
	Phase       engine.Phase
	Keep        bool   // a keep rule: Condition decides about one indicator
	Otherwise   string // of a keep rule: the status of what it refuses; "" when that is dropped
	Condition   string // of when or keep, as written
	OnError     OnError
	Stop        StopAfter
	Actions     []ActionInfo
	Paths       []string // what the condition and the templates read

	Severity   string
	Owner      string
	Version    string
	Tags       []string
	References []string
	Expires    time.Time // zero: never
	Pos        yamlfile.Pos

	node     *yamlfile.Node
	when     *expression
	actions  []*action
	pair     []*pairAction
	exprs    []*expression
	latePath string // the path that made Phase as late as it is
}

// ActionInfo is one action of a rule, for listings.
type ActionInfo struct {
	Kind string
	Pos  yamlfile.Pos
}

// reads takes over the phase of an expression of the rule.
func (r *Rule) reads(e *expression) {
	r.exprs = append(r.exprs, e)
	for _, p := range e.use.paths {
		if !slices.Contains(r.Paths, p) {
			r.Paths = append(r.Paths, p)
		}
	}
	if e.use.phase > r.Phase {
		r.Phase, r.latePath = e.use.phase, e.use.path
	}
}

// addPaths adds the fixed paths that the rule reads.
func (r *Rule) addPaths(paths []*fixedPath) []*fixedPath {
	for _, e := range r.exprs {
		for _, p := range e.use.fixed {
			if !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

var (
	ruleKeys      = keyNames(ruleKeyTable)
	otherwiseKeys = []string{"status"}
	modes         = []string{string(Live), string(Shadow), string(Off)}
	stops         = []string{string(StopNone), string(StopPhase), string(StopMessage)}
	onErrors      = []string{string(SkipRule), string(MatchRule), string(StopRules)}
	severities    = []string{"info", "low", "medium", "high", "critical"}
)

// readRule reads one rule; nil when it is no rule at all.
func (l *loader) readRule(n *yamlfile.Node) *Rule {
	f, ok := l.Fields(n, "a rule", ruleKeys)
	if !ok {
		return nil
	}
	r := &Rule{Mode: Live, Stop: StopNone, OnError: SkipRule, Pos: n.Pos(), node: n, Keep: f.Has("keep")}
	l.readID(r, f)
	l.readMetadata(r, f)
	l.readControl(r, f)
	l.readShape(f)
	r.Otherwise = l.readOtherwise(f.Get("otherwise"))
	condition := f.Get("when")
	if r.Keep {
		condition, r.Phase = f.Get("keep"), engine.PhaseFindings
	}
	if r.when = l.condition(condition, r.Keep); r.when != nil {
		r.Condition = condition.Text
		r.reads(r.when)
	}
	l.readActions(r, f.Get("then"))
	return r
}

// readShape holds a rule to its two shapes: when and then, or keep.
func (l *loader) readShape(f yamlfile.Fields) {
	switch {
	case f.Has("keep") && (f.Has("when") || f.Has("then")):
		d := f.Get("keep").Errorf("a rule with keep has no when and no then")
		d.Hint = "put the two into rules of their own"
		l.Add(d)
	case f.Has("keep"):
		l.withoutMeaning(f, "stop", "on_error")
	case f.Has("otherwise"):
		d := f.Get("otherwise").Errorf("otherwise without keep")
		d.Hint = "it says what becomes of indicators that a keep rule refuses"
		l.Add(d)
	case !f.Has("when") && !f.Has("then"):
		d := f.Node().Errorf("a rule without a condition")
		d.Expected = "when and then, or keep"
		l.Add(d)
	default:
		l.Need(f, "a rule", "when", "then")
	}
}

// readOtherwise reads {status: name}; nil is none.
func (l *loader) readOtherwise(n *yamlfile.Node) string {
	if n == nil {
		return ""
	}
	f, ok := l.Fields(n, "otherwise", otherwiseKeys)
	if !ok || !l.Need(f, "otherwise", "status") {
		return ""
	}
	s, _ := l.Filled(f.Get("status"), "status")
	return s
}

// withoutMeaning refuses keys that a keep rule cannot have: it is asked about
// each indicator by itself, and one that fails holds.
func (l *loader) withoutMeaning(f yamlfile.Fields, keys ...string) {
	for _, k := range keys {
		if f.Has(k) {
			l.Add(f.Get(k).Errorf("%s means nothing in a keep rule", k))
		}
	}
}

func (l *loader) readID(r *Rule, f yamlfile.Fields) {
	if !l.Need(f, "a rule", "id") {
		return
	}
	n := f.Get("id")
	id, ok := l.Filled(n, "id")
	if !ok {
		return
	}
	r.ID, r.Name = id, id
	if !idForm.MatchString(id) {
		d := n.Errorf("%q cannot be the id of a rule", id)
		d.Expected = "letters, digits, dots, - and _"
		l.Add(d)
		return
	}
	if first := l.ids[id]; first != nil {
		d := n.Errorf("a second rule with the id %s", id)
		d.Related = []yamlfile.Related{{Pos: first.Pos(), Message: "the first one"}}
		l.Add(d)
		return
	}
	l.ids[id] = n
}

func (l *loader) readMetadata(r *Rule, f yamlfile.Fields) {
	if s, ok := l.Filled(f.Get("name"), "name"); ok {
		r.Name = s
	}
	r.Description, _ = l.String(f.Get("description"), "description")
	r.Owner, _ = l.String(f.Get("owner"), "owner")
	r.Version, _ = l.String(f.Get("version"), "version")
	r.Severity, _ = l.Choice(f.Get("severity"), "severity", severities)
	r.Tags, _ = l.texts(f, "tags")
	r.References, _ = l.texts(f, "references")
	if s, ok := l.String(f.Get("expires"), "expires"); ok {
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			d := f.Get("expires").Errorf("expires is %q", s)
			d.Expected = "a day such as 2027-01-31"
			l.Add(d)
		}
		r.Expires = t
	}
}

func (l *loader) texts(f yamlfile.Fields, key string) ([]string, bool) {
	if !f.Has(key) {
		return nil, false
	}
	return l.Strings(f.Get(key), key)
}

func (l *loader) readControl(r *Rule, f yamlfile.Fields) {
	if s, ok := l.Choice(f.Get("mode"), "mode", modes); ok {
		r.Mode = Mode(s)
	}
	if s, ok := l.Choice(f.Get("stop"), "stop", stops); ok {
		r.Stop = StopAfter(s)
	}
	if s, ok := l.Choice(f.Get("on_error"), "on_error", onErrors); ok {
		r.OnError = OnError(s)
	}
	if i, ok := l.Int(f.Get("priority"), "priority", math.MinInt32, math.MaxInt32); ok {
		r.Priority = i
	}
}
