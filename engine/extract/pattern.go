package extract

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// PatternConfig describes a declarative extractor: a regular expression and what
// becomes of its matches. Name, Regexp and Type are needed.
type PatternConfig struct {
	Name       string            // of the extractor
	Regexp     string            // RE2; time is linear in the text
	Type       string            // rule name or short name of a type, or a lower-case name of one's own
	Value      string            // template with $1, ${name} and $$; empty means the first group that matched, else the match
	Strip      string            // characters taken out of the value
	Transform  string            // lower, upper or empty
	Validator  string            // one of Validators; empty means none
	From       []string          // kinds of parts, of PatternKinds; nil means text, page, subject and attachment
	Attributes map[string]string // name to template, for Finding.Extra
	Confidence int               // 1 to 100, for Finding.Extra; 0 says nothing
	Matches    int               // findings of one part; 10,000 when 0
	MaxText    int               // bytes of one part that are read; 8 MiB when 0
	Default    bool              // runs unless a rule says `only`
}

// PatternKinds are the kinds of parts that a pattern can look at. page is the
// text of an HTML body as a reader has it; its source is never looked at.
var patternKinds = []string{"text", "page", "subject", "header", "name", "attachment"}

// PatternKinds lists what PatternConfig.From may hold.
func PatternKinds() []string { return slices.Clone(patternKinds) }

// Transforms lists what PatternConfig.Transform may be.
func Transforms() []string { return []string{"lower", "upper"} }

// maxValue is the longest value, in bytes; a longer one is no indicator.
const maxValue = 8192

// tries is how many matches are looked at for each finding that is allowed: a
// validator refuses most of what a loose expression matches.
const tries = 10

// Pattern is a declarative extractor: what a regular expression matches, taken
// apart by a template, cleaned, verified, and in canonical form. A value that
// the validator or the grammar of its type refuses is left out. It is safe for
// concurrent use.
type Pattern struct {
	cfg        PatternConfig
	info       engine.ExtractorInfo
	expression *regexp.Regexp
	value      template
	attributes []attribute
	valid      func(string) bool
	strip      *strings.Replacer
}

type attribute struct {
	name  string
	value template
}

var _ engine.Extractor = (*Pattern)(nil)

// NewPattern checks a description and returns its extractor. The error names the
// field that is wrong.
func NewPattern(cfg PatternConfig) (*Pattern, error) {
	if err := checkPattern(&cfg); err != nil {
		return nil, fmt.Errorf("extractor %q: %w", cfg.Name, err)
	}
	p, err := compilePattern(cfg)
	if err != nil {
		return nil, fmt.Errorf("extractor %q: %w", cfg.Name, err)
	}
	return p, nil
}

// checkPattern verifies the fields that are words, and fills in what is left out.
func checkPattern(cfg *PatternConfig) error {
	if cfg.Matches <= 0 {
		cfg.Matches = 10_000
	}
	if cfg.MaxText <= 0 {
		cfg.MaxText = 8 << 20
	}
	if cfg.From == nil {
		cfg.From = []string{"text", "page", "subject", "attachment"}
	}
	for _, kind := range cfg.From {
		if !slices.Contains(patternKinds, kind) {
			return fmt.Errorf("from: there is no kind of part %q", kind)
		}
	}
	switch {
	case cfg.Name == "":
		return errors.New("name is empty")
	case !typeName(cfg.Type):
		return fmt.Errorf("type: %q is no indicator type", cfg.Type)
	case cfg.Transform != "" && !slices.Contains(Transforms(), cfg.Transform):
		return fmt.Errorf("transform: there is no %q", cfg.Transform)
	case cfg.Validator != "" && validators[cfg.Validator] == nil:
		return fmt.Errorf("validator: there is no %q", cfg.Validator)
	case cfg.Confidence < 0 || cfg.Confidence > 100:
		return fmt.Errorf("confidence: %d is not between 0 and 100", cfg.Confidence)
	}
	return nil
}

func compilePattern(cfg PatternConfig) (*Pattern, error) {
	p := &Pattern{cfg: cfg, valid: validators[cfg.Validator]}
	if cfg.Validator == "" {
		p.valid = validators["none"]
	}
	var err error
	if p.expression, err = compileExpression(cfg.Regexp); err != nil {
		return nil, fmt.Errorf("regexp: %w", err)
	}
	if p.value, err = parseTemplate(p.expression, cfg.Value); err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Attributes)) {
		value, err := parseTemplate(p.expression, cfg.Attributes[name])
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		p.attributes = append(p.attributes, attribute{name, value})
	}
	p.strip = without(cfg.Strip)
	rule, _ := engine.RuleType(cfg.Type)
	p.info = engine.ExtractorInfo{Name: cfg.Name, Version: "1", Types: []string{rule}, Default: cfg.Default}
	return p, nil
}

// maxSteps is the largest program of an expression. At worst all of it is tried
// at every byte of a text.
const maxSteps = 2000

func compileExpression(expression string) (*regexp.Regexp, error) {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if n := len(program.Inst); n > maxSteps {
		return nil, fmt.Errorf("it has %d steps; %d are allowed: shorten its repetitions", n, maxSteps)
	}
	compiled, err := regexp.Compile(expression)
	if err == nil && compiled.MatchString("") {
		return nil, errors.New("it matches the empty text")
	}
	return compiled, err
}

// without returns what takes the characters of set out of a text.
func without(set string) *strings.Replacer {
	var pairs []string
	for _, r := range set {
		pairs = append(pairs, string(r), "")
	}
	return strings.NewReplacer(pairs...)
}

// typeName tells whether typ is a type of the rule language by either of its
// names, or a name that a user may give: lower-case letters, digits, dots,
// dashes and underscores, beginning with a letter, 32 bytes at most.
func typeName(typ string) bool {
	if _, known := engine.RuleType(typ); known {
		return true
	}
	return typ != "" && len(typ) <= 32 && typ[0] >= 'a' && typ[0] <= 'z' && strings.Trim(typ, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

// Info implements engine.Extractor.
func (p *Pattern) Info() engine.ExtractorInfo { return p.info }

// Wants implements engine.Extractor.
func (p *Pattern) Wants(part engine.PartInfo) bool {
	kind := part.Kind
	if kind == "html" {
		kind = "page"
	}
	return slices.Contains(p.cfg.From, kind)
}

// Extract implements engine.Extractor. Its error wraps engine.ErrLimit when a
// part has more matches or more text than the description allows; the findings
// up to there stand.
func (p *Pattern) Extract(ctx context.Context, in engine.Input) ([]engine.Finding, error) {
	var out []engine.Finding
	var limit error
	for i := range in.Parts {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		r := reading{pattern: p, part: in.Parts[i].ID, left: p.cfg.Matches, tries: p.cfg.Matches * tries}
		if r.read(&in.Parts[i]); r.cut && limit == nil {
			limit = fmt.Errorf("extract part %q: %w: more than %d matches or %d bytes of text", r.part, engine.ErrLimit, p.cfg.Matches, p.cfg.MaxText)
		}
		out = append(out, r.out...)
	}
	return out, limit
}

// reading is the work on one part.
type reading struct {
	pattern *Pattern
	part    string
	context engine.Context
	field   string        // name of the header field in hand
	hidden  []engine.Span // ascending
	left    int           // findings until the cap
	tries   int           // matches until the cap
	out     []engine.Finding
	cut     bool
}

func (r *reading) read(part *engine.InputPart) {
	text := part.Text
	switch {
	case part.Kind == "html" && part.Page == nil:
		return
	case part.Kind == "html":
		text, r.hidden = part.Page.InnerText, part.Page.Hidden
	case part.Kind == "name":
		r.context = engine.InName
	default:
		r.context = contextOf(part.Kind)
	}
	if len(text) > r.pattern.cfg.MaxText {
		text, r.cut = text[:r.pattern.cfg.MaxText], true
	}
	if part.Kind == "header" {
		r.header(text)
		return
	}
	r.text(text, 0)
}

// header reads a header block field by field, names included.
func (r *reading) header(block string) {
	r.context = engine.InHeader
	base := 0
	for line := range strings.Lines(block) {
		r.field, _, _ = strings.Cut(line, ":")
		r.text(strings.TrimSuffix(line, "\n"), base)
		base += len(line)
	}
}

// text reads one text that begins base bytes into the part.
func (r *reading) text(text string, base int) {
	matches := r.pattern.expression.FindAllStringSubmatchIndex(text, r.tries+1)
	if len(matches) > r.tries {
		matches, r.cut = matches[:r.tries], true
	}
	r.tries -= len(matches)
	for _, m := range matches {
		f, ok := r.pattern.finding(text, m)
		switch {
		case !ok:
		case r.left == 0:
			r.cut = true
			return
		default:
			r.left--
			r.place(&f, base)
		}
	}
}

// place says where a finding stands and keeps it.
func (r *reading) place(f *engine.Finding, base int) {
	at := engine.Span{Start: f.Spot.Span.Start + base, End: f.Spot.Span.End + base}
	f.Spot = engine.Spot{Part: r.part, Context: r.context, Header: r.field, Span: at}
	for len(r.hidden) > 0 && r.hidden[0].End <= at.Start {
		r.hidden = r.hidden[1:]
	}
	if len(r.hidden) > 0 && r.hidden[0].Start <= at.Start && at.End <= r.hidden[0].End {
		f.Spot.Context = engine.InHidden
	}
	r.out = append(r.out, *f)
}

// finding makes what one match stands for; its span is of the text. It is false
// when the value is refused.
func (p *Pattern) finding(text string, match []int) (engine.Finding, bool) {
	cleaned := p.clean(p.value.expand(text, match))
	if cleaned == "" || len(cleaned) > maxValue || !p.valid(cleaned) {
		return engine.Finding{}, false
	}
	value, ok := Canonical(p.cfg.Type, cleaned)
	if !ok {
		return engine.Finding{}, false
	}
	from, to := p.value.span(match)
	f := engine.Finding{Type: p.info.Types[0], Value: value, Original: strings.ToValidUTF8(text[from:to], "\ufffd"), Extra: p.extra(text, match)}
	f.Spot.Span = engine.Span{Start: from, End: to}
	f.Flags = FlagsOf(p.cfg.Type, value)
	if p.cfg.Validator != "" && p.cfg.Validator != "none" {
		f.Flags |= engine.CheckedValue
	}
	if disguised(p.cfg.Type, cleaned) {
		f.Flags |= engine.Defanged
	}
	return f, true
}

// extra are the attributes of a match, nil when there are none.
func (p *Pattern) extra(text string, match []int) map[string]string {
	if len(p.attributes) == 0 && p.cfg.Confidence == 0 {
		return nil
	}
	extra := map[string]string{}
	for _, a := range p.attributes {
		if v := oneLine(a.value.expand(text, match)); v != "" {
			extra[a.name] = v
		}
	}
	if p.cfg.Confidence > 0 {
		extra["confidence"] = strconv.Itoa(p.cfg.Confidence)
	}
	return extra
}

// clean carries out strip and transform.
func (p *Pattern) clean(value string) string {
	value = oneLine(p.strip.Replace(value))
	switch p.cfg.Transform {
	case "lower":
		return strings.ToLower(value)
	case "upper":
		return strings.ToUpper(value)
	}
	return value
}

// oneLine makes one line of what was matched, which may have gone over several:
// control characters and the spaces around them become one space, and what is
// no UTF-8 the sign for that.
func oneLine(s string) string {
	if strings.IndexFunc(s, unwanted) >= 0 {
		s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(r rune) bool { return unicode.IsControl(r) || r == ' ' }), " ")
	}
	return s
}

// unwanted are control characters and what is no UTF-8.
func unwanted(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }
