package engine

import (
	"regexp"
	"time"
)

// Phase is a moment at which rules look at a message. The phase of a condition
// is the latest phase of the fields it reads.
type Phase uint8

const (
	PhaseMessage  Phase = iota // the parsed mail
	PhaseContent               // what was inside its attachments
	PhaseFindings              // what was extracted
)

func (p Phase) String() string { return [...]string{"message", "content", "findings"}[p] }

// Plan is what rules want done with one item. It describes; the engine acts.
// Steps stand in order of evaluation; Decide folds them by the combination
// rule of each action.
type Plan struct {
	Steps   []Step
	Results []RuleResult // every rule that matched, failed, or was stopped; those that did not match are left out
	Stopped bool         // a rule said `stop: message`: later phases evaluate nothing
}

// Append adds the plan of a later phase.
func (p *Plan) Append(q Plan) {
	p.Steps = append(p.Steps, q.Steps...)
	p.Results = append(p.Results, q.Results...)
	p.Stopped = p.Stopped || q.Stopped
}

// Step is one action that one rule asked for.
type Step struct {
	Rule     string
	Priority int // low first
	Action   Action
}

// RuleResult is the verdict of one rule in one phase.
type RuleResult struct {
	Rule   string
	Phase  Phase
	Result Result
	Shadow bool  // evaluated and counted, its steps left out
	Err    error // when Result is ResultError
}

// Result is the outcome of one condition.
type Result uint8

const (
	NoMatch Result = iota
	Match
	ResultError // the condition failed at run time: its own outcome, never a silent no
	Stopped     // an earlier rule stopped the phase or the message
)

func (r Result) String() string { return [...]string{"no match", "match", "error", "stopped"}[r] }

// Action is one of the closed set below.
type Action interface{ Kind() string }

// Treatment says what a mail is.
type Treatment string

const (
	Intelligence Treatment = "intelligence"
	Spearphish   Treatment = "spearphish"
	Skip         Treatment = "skip"
)

type (
	// TreatAs decides what the mail is; the first by priority counts.
	TreatAs struct{ As Treatment }

	// Trim shortens the body before extraction; all apply, in order.
	Trim struct {
		Chars int            // this many characters (runes)
		End   bool           // from the end instead of the start
		After *regexp.Regexp // instead of Chars: everything from the first match on
	}

	// Pair parks or offers (design section 8).
	Pair struct {
		Key     Key            // zero when the subject did not match
		Prefix  *regexp.Regexp // what stands before a password; nil: DefaultPrefix
		Window  time.Duration
		Default []Password
		Take    *regexp.Regexp // what a password looks like; nil: quoted, bracketed or bare token
	}

	// Unlock names further passwords to try.
	Unlock struct{ Passwords []Password }

	// Unwrap says which inner messages become items of their own:
	// forward, nested, archive; empty means none.
	Unwrap struct{ Kinds []string }

	// Split makes each section of the body an item of its own.
	Split struct {
		At       *regexp.Regexp // the lines at which a section begins; nil: headings
		Until    *regexp.Regexp // the line at which the last one ends; nil: at the end
		SkipRest bool           // what stands in no section is not shipped
	}

	// Extract chooses extractors and the parts they see.
	Extract struct {
		Use, Only []string       // names of extractors, in addition to or instead of the built-in ones
		From      []string       // body, attachments, headers
		Config    map[string]any // handed to the extractors named here
	}

	// Event overrides the default event; empty fields leave it.
	Event struct {
		Type, Title string
		HappenedAt  time.Time
	}

	// Attribute adds a name and values to what is shipped.
	Attribute struct {
		Name   string
		Values []string
		On     string // event, files, indicators
	}

	// Tag adds a tag to the event and its indicators.
	Tag struct{ Name string }

	// Relate ties the event to an object by name: adversary, malware, campaign,
	// attack_pattern, tool or vulnerability.
	Relate struct{ Type, Name string }

	// Status, SourceName and TLP of what is shipped.
	Status     struct{ Name string }
	SourceName struct{ Name string }
	TLP        struct{ Level string } // RED, AMBER+STRICT, AMBER, GREEN, CLEAR

	// Score adds to the score that later phases can read.
	Score struct{ Points int }

	// Ship names the sinks; none means that nothing is shipped.
	Ship struct {
		Sinks []string
		None  bool
	}

	// Route is the receipt given to the source.
	Route struct {
		Seen   bool
		MoveTo string
		Flag   string
	}

	// Parse asks sinks that can to parse a spearphish themselves, beside what was
	// extracted here.
	Parse struct{ Server bool }

	// Hold parks the message without a partner.
	Hold struct{ For time.Duration }
)

func (TreatAs) Kind() string    { return "treat_as" }
func (Trim) Kind() string       { return "trim" }
func (Pair) Kind() string       { return "pair" }
func (Unlock) Kind() string     { return "unlock" }
func (Parse) Kind() string      { return "parse" }
func (Unwrap) Kind() string     { return "unwrap" }
func (Split) Kind() string      { return "split" }
func (Extract) Kind() string    { return "extract" }
func (Event) Kind() string      { return "event" }
func (Attribute) Kind() string  { return "attribute" }
func (Tag) Kind() string        { return "tag" }
func (Relate) Kind() string     { return "relate" }
func (Status) Kind() string     { return "status" }
func (SourceName) Kind() string { return "source" }
func (TLP) Kind() string        { return "tlp" }
func (Score) Kind() string      { return "score" }
func (Ship) Kind() string       { return "ship" }
func (Route) Kind() string      { return "route" }
func (Hold) Kind() string       { return "hold" }
