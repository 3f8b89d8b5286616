package settings

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// Extractor is one extractor beside the built-in one: a module, or a pattern.
type Extractor struct {
	Name    string
	Kind    string // wasm, regex
	Default bool   // runs unless a rule says `only`; else rules choose it by name
	Module  Module
	Pattern Pattern

	node *yamlfile.Node
}

// Module is an extractor of kind wasm. At least one of SHA256 and Key is set.
type Module struct {
	Path      string
	SHA256    string // 64 lower-case hexadecimal digits, or AnyDigest
	Key       []byte // Ed25519 public key of whoever must have signed the module
	Signature string // path of the signature; empty without Key
	Limits    ModuleLimits
	Config    json.RawMessage // nil when there is none
	Breaker   int             // failures in a row that end its use for the run; 0 means the default
}

// AnyDigest in place of a digest takes a module as it is, for development.
const AnyDigest = "any"

// ModuleLimits caps a module; 0 means the default. Ceilings are the host's.
type ModuleLimits struct {
	Module, Memory, Stack, Output, Log int64 // bytes
	Fuel, FuelPerMiB                   int64
	Deadline, DeadlinePerMiB           time.Duration
	Findings                           int64
}

// Pattern is an extractor of kind regex. Its expression compiles, and the
// groups that its templates name exist.
type Pattern struct {
	Regexp     string // with its flags
	Type       string
	Value      string // template
	Strip      string // characters taken out of values
	Transform  string
	Validator  string
	From       []string // kinds of parts; nil means the default
	Attributes map[string]string
	Confidence int
	Matches    int // of one part; 0 means the default
}

// Cache says where compiled modules are kept.
type Cache struct {
	Dir string // empty means the cache folder of the user
	Off bool
}

// What the keys of a pattern can be.
var (
	PatternKinds = []string{"text", "page", "subject", "header", "name", "attachment"}
	Transforms   = []string{"lower", "upper"}
	Validators   = []string{"base58check", "bech32", "ean", "eip55", "iban", "isin", "luhn", "mod97", "monero", "none", "uuid"}
)

var (
	moduleKeys  = []string{"name", "wasm", "sha256", "key", "signature", "default", "limits", "config", "breaker"}
	patternKeys = []string{"name", "regex", "flags", "type", "value", "strip", "transform", "validator", "from", "attributes", "confidence", "matches", "default"}
)

// Errorf is an error at a place in the extractor's entry: for what only those can
// know who open files. A path is that of keys and list items, such as
// config.coins[1]; what of it the entry does not have is left off at its end.
func (x Extractor) Errorf(path, format string, args ...any) yamlfile.Diagnostic {
	n := x.node
	for _, step := range strings.FieldsFunc(path, func(c rune) bool { return strings.ContainsRune(".[]", c) }) {
		next := n.Get(step)
		if i, err := strconv.Atoi(step); err == nil && i < len(n.Items) {
			next = n.Items[i]
		}
		if next == nil {
			break
		}
		n = next
	}
	return n.Errorf(format, args...)
}

func (r *reader) extractors(n *yamlfile.Node) (all []Extractor) {
	items, _ := r.Items(n, "extractors")
	for _, it := range items {
		x, ok := r.extractor(it)
		if !ok {
			continue
		}
		if x.Name != "" && slices.ContainsFunc(all, func(o Extractor) bool { return o.Name == x.Name }) {
			r.Add(x.Errorf("name", "two extractors are named %s; give one a name of its own", x.Name))
		}
		all = append(all, x)
	}
	return all
}

// extractor reads one entry; which keys it has depends on its kind.
func (r *reader) extractor(n *yamlfile.Node) (x Extractor, ok bool) {
	x.node = n
	keys := slices.Compact(slices.Sorted(slices.Values(slices.Concat(moduleKeys, patternKeys))))
	module, pattern := n.Get("wasm") != nil, n.Get("regex") != nil
	switch {
	case module && pattern:
		r.Add(n.Get("regex").Errorf("an extractor has either wasm or regex; write one entry each"))
		return x, false
	case module:
		x.Kind, keys = "wasm", moduleKeys
	case pattern:
		x.Kind, keys = "regex", patternKeys
	}
	f, ok := r.Fields(n, "an extractor", keys)
	if !ok {
		return x, false
	}
	x.Name = r.extractorName(f)
	x.Default, _ = r.Bool(f.Get("default"), "default")
	switch x.Kind {
	case "wasm":
		x.Module = r.module(f)
	case "regex":
		x.Pattern = r.pattern(f)
	default:
		d := n.Errorf("an extractor without wasm or regex")
		d.Expected = "wasm: FILE for a module, or regex: EXPRESSION"
		r.Add(d)
	}
	return x, true
}

// extractorName is what rules call it: as in a module's description.
func (r *reader) extractorName(f yamlfile.Fields) string {
	if !r.Need(f, "an extractor", "name") {
		return ""
	}
	n := f.Get("name")
	name, ok := r.Filled(n, "name")
	switch {
	case !ok:
	case name == "builtin" || name == "message":
		r.Add(n.Errorf("%s is the name of a built-in extractor", name))
	case !extractorName.MatchString(name):
		d := n.Errorf("name %q", name)
		d.Expected = "lower-case letters, digits and dashes, beginning with a letter, 40 at most"
		r.Add(d)
	default:
		return name
	}
	return ""
}

func (r *reader) module(f yamlfile.Fields) (m Module) {
	if p, ok := r.Filled(f.Get("wasm"), "wasm"); ok {
		m.Path = r.path(p)
	}
	m.SHA256 = r.digest(f.Get("sha256"), m.Path)
	m.Key = r.publicKey(f.Get("key"))
	r.signature(f, &m)
	if !f.Has("sha256") && !f.Has("key") {
		d := f.Node().Errorf("module %s is neither pinned nor signed", m.Path)
		d.Expected = "sha256: DIGEST or key: PUBLIC KEY"
		d.Hint = pinHint(m.Path)
		r.Add(d)
	}
	m.Limits = r.moduleLimits(f.Get("limits"))
	if n := f.Get("config"); n != nil && r.isMapping(n, "config") {
		m.Config, _ = json.Marshal(r.plain(n))
	}
	if n := f.Get("breaker"); n != nil {
		m.Breaker, _ = r.Int(n, "breaker", 1, math.MaxInt32)
	}
	return m
}

func pinHint(path string) string {
	return "tqmailrules ext inspect " + path + " prints its digest; sha256: any takes every module, for development"
}

func (r *reader) digest(n *yamlfile.Node, path string) string {
	text, ok := r.Filled(n, "sha256")
	if !ok || text == AnyDigest {
		return text
	}
	if b, err := hex.DecodeString(text); err != nil || len(b) != 32 {
		d := n.Errorf("sha256 %q is no digest", text)
		d.Expected = "64 hexadecimal digits, or any"
		d.Hint = pinHint(path)
		r.Add(d)
		return ""
	}
	return strings.ToLower(text)
}

func (r *reader) publicKey(n *yamlfile.Node) []byte {
	text, ok := r.Filled(n, "key")
	if !ok {
		return nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		d := n.Errorf("key is no Ed25519 public key")
		d.Expected = "base64 of 32 bytes: the line in the .pub file that tqmailrules ext keygen writes"
		r.Add(d)
		return nil
	}
	return key
}

// signature stands beside the module unless the entry says where.
func (r *reader) signature(f yamlfile.Fields, m *Module) {
	n := f.Get("signature")
	switch {
	case n != nil && !f.Has("key"):
		r.Add(n.Errorf("a signature without key: nobody says whose it must be"))
	case n != nil:
		if p, ok := r.Filled(n, "signature"); ok {
			m.Signature = r.path(p)
		}
	case f.Has("key"):
		m.Signature = m.Path + ".sig"
	}
}

func (r *reader) moduleLimits(n *yamlfile.Node) (l ModuleLimits) {
	sizes := map[string]*int64{"module": &l.Module, "memory": &l.Memory, "stack": &l.Stack, "output": &l.Output, "log": &l.Log}
	counts := map[string]*int64{"fuel": &l.Fuel, "fuel_per_mib": &l.FuelPerMiB, "findings": &l.Findings}
	spans := map[string]*time.Duration{"deadline": &l.Deadline, "deadline_per_mib": &l.DeadlinePerMiB}
	keys := []string{"deadline", "deadline_per_mib", "findings", "fuel", "fuel_per_mib", "log", "memory", "module", "output", "stack"}
	f, ok := r.Fields(n, "limits", keys)
	if !ok {
		return l
	}
	for _, k := range keys {
		v, what := f.Get(k), "limits."+k
		switch {
		case v == nil:
		case sizes[k] != nil:
			*sizes[k], _ = r.size(v, what)
		case counts[k] != nil:
			*counts[k], _ = r.count(v, what)
		default:
			*spans[k] = r.span(v, what)
		}
	}
	return l
}

// span reads a duration that is more than nothing.
func (r *reader) span(n *yamlfile.Node, what string) time.Duration {
	d, ok := r.Duration(n, what)
	if ok && d == 0 {
		r.Add(n.Errorf("%s is nothing", what))
	}
	return d
}

// count reads a number with a decimal unit: 500M, 10k, 10000, 10_000.
func (r *reader) count(n *yamlfile.Node, what string) (int64, bool) {
	text, ok := r.Filled(n, what)
	if !ok {
		return 0, false
	}
	digits := strings.TrimRight(text, "kMG")
	unit, known := map[string]int64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[text[len(digits):]]
	v, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(digits), "_", ""), 10, 64)
	if err != nil || !known || v <= 0 || v > math.MaxInt64/unit {
		d := n.Errorf("%s: %q is no number", what, text)
		d.Expected = "a whole number, alone or with k (thousand), M (million) or G (thousand million)"
		r.Add(d)
		return 0, false
	}
	return v * unit, true
}

func (r *reader) isMapping(n *yamlfile.Node, what string) bool {
	if n.Kind == yamlfile.Mapping {
		return true
	}
	d := n.Errorf("%s is %s", what, n.Kind)
	d.Expected = yamlfile.Mapping.String()
	r.Add(d)
	return false
}

// plain is a node as values of JSON.
func (r *reader) plain(n *yamlfile.Node) any {
	switch n.Kind {
	case yamlfile.Mapping:
		m := map[string]any{}
		for _, p := range n.Pairs {
			m[p.Key.Text] = r.plain(p.Value)
		}
		return m
	case yamlfile.Sequence:
		list := make([]any, len(n.Items))
		for i, it := range n.Items {
			list[i] = r.plain(it)
		}
		return list
	case yamlfile.Scalar:
		return r.plainScalar(n)
	}
	return nil
}

func (r *reader) plainScalar(n *yamlfile.Node) any {
	number := strings.ReplaceAll(n.Text, "_", "")
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Text, "true")
	case "!!int":
		if i, err := strconv.ParseInt(number, 0, 64); err == nil {
			return i
		}
	case "!!float":
		if f, err := strconv.ParseFloat(number, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
	default:
		return n.Text
	}
	r.Add(n.Errorf("%s is no number of JSON", n.Text))
	return nil
}

func (r *reader) pattern(f yamlfile.Fields) (p Pattern) {
	r.Need(f, "a pattern", "type")
	p.Regexp = r.expression(f)
	p.Type = r.indicatorType(f.Get("type"))
	p.Value = r.template(f.Get("value"), "value", p.Regexp)
	p.Attributes = r.attributes(f.Get("attributes"), p.Regexp)
	p.Strip, _ = r.String(f.Get("strip"), "strip")
	if n := f.Get("transform"); n != nil {
		p.Transform, _ = r.Choice(n, "transform", Transforms)
	}
	if n := f.Get("validator"); n != nil {
		p.Validator, _ = r.Choice(n, "validator", Validators)
	}
	p.From = r.kinds(f.Get("from"))
	if n := f.Get("confidence"); n != nil {
		p.Confidence, _ = r.Int(n, "confidence", 1, 100)
	}
	if n := f.Get("matches"); n != nil {
		p.Matches, _ = r.Int(n, "matches", 1, math.MaxInt32)
	}
	return p
}

// expression is the regular expression with its flags; empty when it is wrong.
func (r *reader) expression(f yamlfile.Fields) string {
	n := f.Get("regex")
	text, ok := r.Filled(n, "regex")
	flags, _ := r.String(f.Get("flags"), "flags")
	if strings.Trim(flags, "ims") != "" {
		d := f.Get("flags").Errorf("flags %q", flags)
		d.Expected = "i (ignore case), m (^ and $ at line ends), s (. matches line ends), or several of them"
		r.Add(d)
		flags = ""
	}
	if !ok || r.hasControl(n, text) {
		return ""
	}
	compiled, err := regexp.Compile(text)
	switch {
	case err != nil:
		r.Add(badExpression(n, text, err))
		return ""
	case compiled.MatchString(""):
		d := n.Errorf("regex matches the empty text, and so everywhere")
		d.Hint = "make part of it compulsory: + in place of *"
		r.Add(d)
		return ""
	case flags != "":
		return "(?" + flags + ")" + text
	}
	return text
}

// hasControl reports control characters but the tab in an expression. Nobody means
// them: they are what YAML makes of \b and \n in double quotes, and of the end of a
// line after |, and mails hardly ever hold them.
func (r *reader) hasControl(n *yamlfile.Node, text string) bool {
	at := strings.IndexFunc(text, func(c rune) bool { return c != '\t' && unicode.IsControl(c) })
	if at < 0 {
		return false
	}
	c, _ := utf8.DecodeRuneInString(text[at:])
	d := n.Errorf("regex holds the control character %q", c)
	d.Hint = "use single quotes on one line, in which a backslash stands for itself"
	r.Add(d)
	return true
}

// badExpression points at the part of the expression that is wrong.
func badExpression(n *yamlfile.Node, text string, err error) yamlfile.Diagnostic {
	var syn *syntax.Error
	if !errors.As(err, &syn) {
		return n.Errorf("regex: %v", err)
	}
	d := n.ErrorAt(max(strings.LastIndex(text, syn.Expr), 0), "regex: %s: %s", syn.Code, syn.Expr)
	switch syn.Code {
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidEscape, syntax.ErrInvalidNamedCapture:
		d.Hint = "the syntax is RE2: no look-around and no back-references"
	case syntax.ErrInvalidRepeatSize:
		d.Hint = "at most 1,000 times, repetitions inside each other multiplied"
	}
	return d
}

// indicatorType is a type of the rule language, its short name, or a name of
// one's own.
func (r *reader) indicatorType(n *yamlfile.Node) string {
	text, ok := r.Filled(n, "type")
	if !ok {
		return ""
	}
	var known []string
	for _, t := range engine.IndicatorTypes {
		if text == t.Name || text == t.Short {
			return text
		}
		known = append(known, t.Name)
	}
	if ownType.MatchString(text) {
		return text
	}
	d := n.Errorf("type %q is no indicator type", text)
	d.Expected = "one of the rule language, or a name in lower case"
	if near, ok := yamlfile.Nearest(text, known); ok {
		d.Hint = "did you mean " + near + "?"
	}
	r.Add(d)
	return ""
}

func (r *reader) kinds(n *yamlfile.Node) (all []string) {
	if n != nil && n.Kind == yamlfile.Scalar {
		return r.kind(nil, n)
	}
	items, _ := r.Items(n, "from")
	for _, it := range items {
		all = r.kind(all, it)
	}
	if n != nil && len(items) == 0 {
		r.Add(n.Errorf("from is empty: the extractor would see nothing"))
	}
	return all
}

// kind adds one. What modules can have and patterns cannot is told apart from what
// there is not.
func (r *reader) kind(all []string, n *yamlfile.Node) []string {
	if n.Text == "html" || n.Text == "raw" {
		d := n.Errorf("patterns do not read %s, modules do", n.Text)
		d.Expected = yamlfile.OneOf(PatternKinds)
		d.Hint = map[string]string{"html": "page is the text of an HTML body", "raw": "attachment is the text of an attachment"}[n.Text]
		r.Add(d)
		return all
	}
	k, _ := r.Choice(n, "kind of part", PatternKinds)
	return append(all, k)
}

func (r *reader) attributes(n *yamlfile.Node, expression string) map[string]string {
	if n == nil || !r.isMapping(n, "attributes") {
		return nil
	}
	all := map[string]string{}
	for _, p := range n.Pairs {
		all[p.Key.Text] = r.template(p.Value, "attributes."+p.Key.Text, expression)
	}
	return all
}

// Names as extractor modules may give them.
var (
	extractorName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	ownType       = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,31}$`)
)

// groupRef is a place of a template: $$, or a group by number or name; the
// last alternative is a $ that is neither.
var groupRef = regexp.MustCompile(`\$(?:(\$)|(\w+)|\{(\w+)\}|)`)

// template reads a text with $1, ${name} and $$, and reports groups that the
// expression does not have.
func (r *reader) template(n *yamlfile.Node, what, expression string) string {
	text, ok := r.String(n, what)
	compiled, err := regexp.Compile(expression)
	if !ok || err != nil || expression == "" {
		return text
	}
	for _, m := range groupRef.FindAllStringSubmatchIndex(text, -1) {
		name := ""
		switch {
		case m[2] >= 0:
			continue
		case m[4] >= 0:
			name = text[m[4]:m[5]]
		case m[6] >= 0:
			name = text[m[6]:m[7]]
		default:
			r.Add(n.ErrorAt(m[0], "%s: a $ without the name of a group; write $$ for the sign", what))
			continue
		}
		if number, err := strconv.Atoi(name); err == nil && number > compiled.NumSubexp() {
			r.Add(n.ErrorAt(m[0], "%s: there is no group %d: the regex has %d", what, number, compiled.NumSubexp()))
		} else if err != nil && compiled.SubexpIndex(name) < 0 {
			d := n.ErrorAt(m[0], "%s: there is no group %q", what, name)
			d.Suggest(name, named(compiled))
			r.Add(d)
		}
	}
	return text
}

// named lists the groups of an expression that have a name.
func named(re *regexp.Regexp) []string {
	return slices.DeleteFunc(re.SubexpNames(), func(s string) bool { return s == "" })
}

// cache reads `cache: none` or `cache: { dir: PATH }`.
func (r *reader) cache(n *yamlfile.Node) (c Cache) {
	if n != nil && n.Kind == yamlfile.Scalar {
		_, c.Off = r.Choice(n, "cache", []string{"none"})
		return c
	}
	f, ok := r.Fields(n, "cache", []string{"dir"})
	if !ok || !r.Need(f, "cache", "dir") {
		return c
	}
	if p, ok := r.Filled(f.Get("dir"), "cache.dir"); ok {
		c.Dir = r.path(p)
	}
	return c
}
