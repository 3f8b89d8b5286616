package yamlfile

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reader decodes nodes strictly and collects what is wrong. Its methods return
// false, and have reported, when a node does not fit; a nil node does not fit
// and is not reported. The zero value works. A Reader is for one goroutine.
type Reader struct{ Diags Diagnostics }

// Add reports a diagnostic.
func (r *Reader) Add(d Diagnostic) { r.Diags = append(r.Diags, d) }

// Fields are the entries of a mapping whose keys are known.
type Fields struct {
	node   *Node
	values map[string]*Node
	meant  []string // known keys that unknown ones look like
}

// Has says whether the key is there.
func (f Fields) Has(key string) bool { return f.values[key] != nil }

// Get returns the value of a key, nil if it is not there.
func (f Fields) Get(key string) *Node { return f.values[key] }

// Node is the mapping itself.
func (f Fields) Node() *Node { return f.node }

// Fields reads a mapping of known keys. what names the mapping in messages, as
// in "a rule". An unknown key is reported with the nearest known one, and left out.
func (r *Reader) Fields(n *Node, what string, known []string) (Fields, bool) {
	f := Fields{node: n, values: map[string]*Node{}}
	if !r.kind(n, Mapping, what) {
		return f, false
	}
	for _, p := range n.Pairs {
		if !slices.Contains(known, p.Key.Text) {
			r.unknown(p.Key, "key", what, known)
			if near, ok := Nearest(p.Key.Text, known); ok {
				f.meant = append(f.meant, near)
			}
			continue
		}
		f.values[p.Key.Text] = p.Value
	}
	return f, true
}

// Need reports keys that are missing, at the mapping. One that an unknown key
// was probably meant to be is missing too, but was told already.
func (r *Reader) Need(f Fields, what string, keys ...string) bool {
	ok := true
	for _, k := range keys {
		if f.Has(k) {
			continue
		}
		ok = false
		if !slices.Contains(f.meant, k) {
			r.Add(f.node.Errorf("%s without %s", what, k))
		}
	}
	return ok
}

func (r *Reader) unknown(n *Node, noun, what string, known []string) {
	d := n.Errorf("unknown %s %s in %s", noun, n.Text, what)
	d.Suggest(n.Text, known)
	r.Add(d)
}

// Suggest fills Hint with the nearest of names, or else Expected with all of
// them when they are few.
func (d *Diagnostic) Suggest(name string, names []string) {
	if near, ok := Nearest(name, names); ok {
		d.Hint = "did you mean " + near + "?"
		return
	}
	if len(names) > 0 && len(names) <= 24 {
		d.Expected = OneOf(names)
	}
}

// OneOf joins alternatives for people: "a, b or c".
func OneOf(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func (r *Reader) kind(n *Node, want Kind, what string) bool {
	if n == nil {
		return false
	}
	if n.Kind == want {
		return true
	}
	d := n.Errorf("%s is %s", what, n.Kind)
	d.Expected = want.String()
	r.Add(d)
	return false
}

// Items reads a list.
func (r *Reader) Items(n *Node, what string) ([]*Node, bool) {
	if !r.kind(n, Sequence, what) {
		return nil, false
	}
	return n.Items, true
}

// String reads a scalar of any kind as it is written.
func (r *Reader) String(n *Node, what string) (string, bool) {
	if n == nil {
		return "", false
	}
	if n.Kind != Scalar {
		d := n.Errorf("%s is %s", what, n.Kind)
		d.Expected = "a text"
		r.Add(d)
		return "", false
	}
	return n.Text, true
}

// Filled reads a text that is not empty.
func (r *Reader) Filled(n *Node, what string) (string, bool) {
	s, ok := r.String(n, what)
	if ok && strings.TrimSpace(s) == "" {
		r.Add(n.Errorf("%s is empty", what))
		return "", false
	}
	return s, ok
}

// Strings reads a list of texts. A single text is a list of one.
func (r *Reader) Strings(n *Node, what string) ([]string, bool) {
	if n != nil && n.Kind == Scalar {
		return []string{n.Text}, true
	}
	items, ok := r.Items(n, what)
	out := make([]string, 0, len(items))
	for _, it := range items {
		s, good := r.String(it, "an entry of "+what)
		out, ok = append(out, s), ok && good
	}
	return out, ok
}

// Choice reads one of the options.
func (r *Reader) Choice(n *Node, what string, options []string) (string, bool) {
	s, ok := r.String(n, what)
	if !ok {
		return "", false
	}
	if slices.Contains(options, s) {
		return s, true
	}
	d := n.Errorf("unknown %s %q", what, s)
	d.Expected = OneOf(options)
	if near, ok := Nearest(s, options); ok {
		d.Hint = "did you mean " + near + "?"
	}
	r.Add(d)
	return "", false
}

// Bool reads true or false.
func (r *Reader) Bool(n *Node, what string) (value, ok bool) {
	if n == nil {
		return false, false
	}
	if n.Kind == Scalar && n.Tag == "!!bool" {
		return strings.EqualFold(n.Text, "true"), true
	}
	d := n.Errorf("%s is %s", what, describe(n))
	d.Expected = "true or false"
	r.Add(d)
	return false, false
}

// Int reads a whole number within the bounds, both included.
func (r *Reader) Int(n *Node, what string, low, high int) (int, bool) {
	if n == nil {
		return 0, false
	}
	i, err := strconv.ParseInt(strings.ReplaceAll(n.Text, "_", ""), 0, 64)
	if n.Kind == Scalar && n.Tag == "!!int" && err == nil && int(i) >= low && int(i) <= high {
		return int(i), true
	}
	d := n.Errorf("%s is %s", what, describe(n))
	d.Expected = bounds(low, high)
	r.Add(d)
	return 0, false
}

func bounds(low, high int) string {
	switch {
	case low == math.MinInt && high == math.MaxInt:
		return "a whole number"
	case high == math.MaxInt:
		return sprintf("a whole number of at least %d", []any{low})
	default:
		return sprintf("a whole number from %d to %d", []any{low, high})
	}
}

// Duration reads a span such as 90s, 15m, 72h, 30d or 1d12h; it is not negative.
func (r *Reader) Duration(n *Node, what string) (time.Duration, bool) {
	if n == nil {
		return 0, false
	}
	if n.Kind == Scalar {
		if d, ok := ParseDuration(n.Text); ok {
			return d, true
		}
	}
	d := n.Errorf("%s is %s", what, describe(n))
	d.Expected = "a duration such as 90s, 15m, 72h or 30d"
	r.Add(d)
	return 0, false
}

// ParseDuration reads what time.ParseDuration reads, and days (d) of 24 hours
// before it. Negative spans are refused.
func ParseDuration(s string) (time.Duration, bool) {
	var days time.Duration
	if i := strings.IndexByte(s, 'd'); i > 0 {
		n, err := strconv.ParseUint(s[:i], 10, 16)
		if err != nil {
			return 0, false
		}
		days, s = time.Duration(n)*24*time.Hour, s[i+1:]
		if s == "" {
			return days, true
		}
	}
	d, err := time.ParseDuration(s)
	return days + d, err == nil && d >= 0 && days+d >= 0
}

// describe says what stands there, in a few words.
func describe(n *Node) string {
	if n.Kind != Scalar {
		return n.Kind.String()
	}
	s := []rune(n.Text)
	if len(s) > 40 {
		s = append(s[:37], '.', '.', '.')
	}
	return strconv.Quote(string(s))
}
