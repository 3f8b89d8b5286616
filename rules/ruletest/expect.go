package ruletest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// Expect is what must come of one mail. What is not said is not checked.
type Expect struct {
	checks []check
}

// check compares one expectation with an outcome; it returns what is wrong, ""
// when nothing is.
type check struct {
	pos  yamlfile.Pos
	test func(f *facts) string
}

func (e *Expect) add(pos yamlfile.Pos, test func(*facts) string) {
	e.checks = append(e.checks, check{pos, test})
}

func (e *Expect) check(o *engine.Outcome) (failed []Failure) {
	f := factsOf(o)
	for _, c := range e.checks {
		if msg := c.test(f); msg != "" {
			failed = append(failed, Failure{c.pos, msg})
		}
	}
	return failed
}

// facts are what an outcome came to, over all its items and sinks.
type facts struct {
	disposition string
	ships       []string
	matches     []string
	errors      []string
	tags        []string
	score       int
	planned     []string
	defects     []string
	dropped     []string
	trimmed     []string
	events      []engine.EventRecord
	files       []engine.FileRecord
	indicators  []engine.IndicatorRecord
	objects     []string
	sinks       []string
	inside      []file // attachments and what is in them, shipped or not
	places      []string
}

func factsOf(o *engine.Outcome) *facts {
	f := &facts{disposition: string(o.Disposition)}
	for _, it := range o.Items {
		f.item(it)
	}
	for _, d := range o.Defects {
		f.defects = append(f.defects, d.Code)
	}
	for _, b := range o.Batches {
		f.batch(b)
	}
	return f
}

func (f *facts) item(it *engine.Item) {
	f.inside = append(f.inside, filesOf(it.Message.Attachments)...)
	for _, ind := range it.Indicators {
		f.places = append(f.places, ind.Locations...)
	}
	if it.Ships != "" {
		f.ships = append(f.ships, string(it.Ships))
	}
	f.score += it.Decision.Score
	f.tags = append(f.tags, it.Decision.Tags...)
	for _, r := range it.Plan.Results {
		switch {
		case r.Err != nil:
			f.errors = append(f.errors, r.Rule)
		case r.Result == engine.Match:
			f.matches = append(f.matches, r.Rule)
		}
	}
	for _, s := range it.Plan.Steps {
		f.planned = append(f.planned, s.Action.Kind())
	}
	for _, d := range it.Dropped {
		f.matches = append(f.matches, d.Rule)
		f.dropped = append(f.dropped, d.Indicator.Type+" "+d.Indicator.Value)
	}
	for _, ind := range it.Indicators {
		if ind.StatusBy != "" {
			f.matches = append(f.matches, ind.StatusBy)
		}
	}
	for _, ind := range it.Trimmed {
		f.trimmed = append(f.trimmed, ind.Type+" "+ind.Value)
	}
}

func (f *facts) batch(b engine.Batch) {
	f.sinks = append(f.sinks, b.Sink)
	if len(f.events) > 0 {
		return // every sink gets the same, or less
	}
	f.events, f.files, f.indicators = b.Events, b.Files, b.Indicators
	for _, o := range b.Objects {
		f.objects = append(f.objects, o.Type+" "+o.Name)
	}
}

// matched lists the rules that matched, keep rules that refused something included.
func matched(o *engine.Outcome) []string { return factsOf(o).matches }

// has and hasNot check membership of every wanted word.
func has(what string, want []string, of func(*facts) []string) func(*facts) string {
	return hasLike(what, want, of, func(got, want string) bool { return got == want })
}

// hasLike is has for words that can be named in several ways.
func hasLike(what string, want []string, of func(*facts) []string, same func(got, want string) bool) func(*facts) string {
	return func(f *facts) string {
		got := of(f)
		for _, w := range want {
			if !slices.ContainsFunc(got, func(g string) bool { return same(g, w) }) {
				return fmt.Sprintf("%s: %s is missing; there is %s", what, w, listed(got))
			}
		}
		return ""
	}
}

func hasNot(what string, unwanted []string, of func(*facts) []string) func(*facts) string {
	return func(f *facts) string {
		got := of(f)
		for _, w := range unwanted {
			if slices.Contains(got, w) {
				return fmt.Sprintf("%s: %s must not be there", what, w)
			}
		}
		return ""
	}
}

func exactly(what string, want []string, of func(*facts) []string) func(*facts) string {
	return func(f *facts) string {
		got, want := set(of(f)), set(want)
		if slices.Equal(got, want) {
			return ""
		}
		return fmt.Sprintf("%s: want exactly %s; there is %s", what, listed(want), listed(got))
	}
}

func set(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func listed(list []string) string {
	if list = set(list); len(list) == 0 {
		return "none"
	}
	if len(list) > 12 {
		return strings.Join(list[:12], ", ") + fmt.Sprintf(" and %d more", len(list)-12)
	}
	return strings.Join(list, ", ")
}

// eventLike wants one event in which every given field is as given.
type eventLike struct {
	kind, title, tlp, source string
	attributes               map[string]string
}

func (l eventLike) test(f *facts) string {
	var near []string
	for _, e := range f.events {
		why := l.differs(e)
		if why == "" {
			return ""
		}
		near = append(near, fmt.Sprintf("%q (%s)", e.Title, why))
	}
	return "events: none is as expected; there is " + listed(near)
}

func (l eventLike) differs(e engine.EventRecord) string {
	for _, p := range []struct{ name, want, got string }{
		{"type", l.kind, e.Type}, {"title", l.title, e.Title}, {"tlp", l.tlp, e.TLP}, {"source", l.source, e.Source},
	} {
		if p.want != "" && p.want != p.got {
			return fmt.Sprintf("%s is %q", p.name, p.got)
		}
	}
	return attributesDiffer(l.attributes, e.Attributes)
}
