package engine

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// Decision is a plan folded by the combination rule of each action: the first
// by priority, the union, the sum, the longest, or the most restrictive.
type Decision struct {
	Treatment  Treatment // "" when no rule said
	TreatedBy  string    // the rule that did
	Trims      []Trim
	Pairs      []Pair
	Passwords  []Password
	Unwrap     []string // nil when no rule said; empty for none
	Split      *Split   // nil when no rule said
	SplitBy    string   // the rule that did
	Extract    Extraction
	Event      Event
	Attributes []Attribute
	Tags       []string // sorted
	Relates    []Relate
	Status     string
	Source     string
	TLP        string
	Score      int
	Ship       Ship
	Route      Route
	Hold       time.Duration
	Parse      Parse
}

// Extraction is the union of all extract actions.
type Extraction struct {
	Use, Only []string
	From      []string // nil means subject, body and attachments
	Config    map[string]json.RawMessage
}

// Decide folds the plan. Among equal priorities the earlier phase, then the
// order of the rule files decides.
func (p *Plan) Decide(def Defaults) Decision {
	steps := slices.Clone(p.Steps)
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.Priority, b.Priority) })
	var d Decision
	for _, s := range steps {
		d.add(s)
	}
	d.Tags = sortedSet(d.Tags)
	first(&d.Status, def.Status)
	first(&d.Source, def.Source)
	first(&d.TLP, def.TLP)
	return d
}

// add is the table of combination rules (design section 5).
func (d *Decision) add(s Step) {
	switch a := s.Action.(type) {
	case TreatAs:
		if d.Treatment == "" {
			d.Treatment, d.TreatedBy = a.As, s.Rule
		}
	case Trim:
		d.Trims = append(d.Trims, a)
	case Pair:
		d.Pairs = append(d.Pairs, a)
	case Unlock:
		d.Passwords = append(d.Passwords, a.Passwords...)
	case Unwrap:
		d.Unwrap = union(append([]string{}, d.Unwrap...), a.Kinds)
	case Split:
		if d.Split == nil {
			d.Split, d.SplitBy = &a, s.Rule
		}
	case Extract:
		d.Extract.add(a)
	case Event:
		first(&d.Event.Type, a.Type)
		first(&d.Event.Title, a.Title)
		if d.Event.HappenedAt.IsZero() {
			d.Event.HappenedAt = a.HappenedAt
		}
	case Attribute:
		d.Attributes = append(d.Attributes, a)
	case Tag:
		d.Tags = append(d.Tags, a.Name)
	case Relate:
		d.Relates = append(d.Relates, a)
	case Status:
		first(&d.Status, a.Name)
	case SourceName:
		first(&d.Source, a.Name)
	case TLP:
		d.TLP = MostRestrictive(d.TLP, a.Level)
	case Score:
		d.Score += a.Points
	case Ship:
		if d.Ship.Sinks == nil && !d.Ship.None {
			d.Ship = a
		}
	case Route:
		if d.Route == (Route{}) {
			d.Route = a
		}
	case Parse:
		d.Parse.Server = d.Parse.Server || a.Server
	case Hold:
		d.Hold = max(d.Hold, a.For)
	}
}

func (e *Extraction) add(a Extract) {
	e.Use = union(e.Use, a.Use)
	e.Only = union(e.Only, a.Only)
	e.From = union(e.From, a.From)
	if len(a.Config) == 0 {
		return
	}
	raw, err := json.Marshal(a.Config)
	if err != nil {
		return // checked at load: rule files hold only what JSON can say
	}
	if e.Config == nil {
		e.Config = map[string]json.RawMessage{}
	}
	for _, name := range append(append([]string{}, a.Use...), a.Only...) {
		if _, set := e.Config[name]; !set {
			e.Config[name] = raw
		}
	}
}

func first(dst *string, s string) {
	if *dst == "" {
		*dst = s
	}
}

// union appends what dst does not hold yet.
func union(dst, more []string) []string {
	for _, s := range more {
		if !slices.Contains(dst, s) {
			dst = append(dst, s)
		}
	}
	return dst
}

func sortedSet(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}
