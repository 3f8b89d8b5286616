package rules

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

func readTreatAs(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	s, ok := l.Choice(n, "treat_as", treatments)
	if !ok {
		return nil
	}
	return one(engine.TreatAs{As: engine.Treatment(s)})
}

func readTrim(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	if n.Kind == yamlfile.Scalar {
		chars, ok := l.Int(n, "trim", 1, math.MaxInt32)
		if !ok {
			return nil
		}
		return one(engine.Trim{Chars: chars})
	}
	f, ok := l.Fields(n, "trim", actionKeys["trim"])
	if !ok {
		return nil
	}
	if f.Has("chars") == f.Has("after") || f.Has("after") && f.Has("from") {
		d := n.Errorf("trim needs either chars or after")
		d.Expected = "{chars: N, from: start or end}, or {after: pattern}"
		l.Add(d)
		return nil
	}
	var t engine.Trim
	if t.After, ok = l.pattern(f.Get("after"), "after"); ok {
		return one(t)
	}
	if t.Chars, ok = l.Int(f.Get("chars"), "chars", 1, math.MaxInt32); !ok {
		return nil
	}
	if from, ok := l.Choice(f.Get("from"), "from", trimFrom); ok {
		t.End = from == "end"
	}
	return one(t)
}

// pattern reads a regular expression that stands by itself in the YAML.
func (l *loader) pattern(n *yamlfile.Node, what string) (*regexp.Regexp, bool) {
	s, ok := l.Filled(n, what)
	if !ok {
		return nil, false
	}
	re, err := regexp.Compile(s)
	if err == nil {
		return re, true
	}
	message, off := patternFault(s, err)
	d := n.ErrorAt(off, "not a regular expression: %s", message)
	patternHint(s)(&d)
	l.Add(d)
	return nil, false
}

func readUnlock(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "unlock", actionKeys["unlock"])
	if !ok {
		return nil
	}
	var u engine.Unlock
	words, _ := l.texts(f, "passwords")
	for _, w := range words {
		u.Passwords = append(u.Passwords, engine.LiteralPassword(w))
	}
	secrets, _ := l.texts(f, "secrets")
	for i, s := range secrets {
		l.known(itemNode(f.Get("secrets"), i), s, "secret", l.opt.Secrets)
		u.Passwords = append(u.Passwords, engine.Password{Secret: s})
	}
	if len(u.Passwords) == 0 {
		l.Add(n.Errorf("unlock without passwords and secrets"))
		return nil
	}
	return one(u)
}

// itemNode is the node of element i of a list, or the text that stands for a list.
func itemNode(n *yamlfile.Node, i int) *yamlfile.Node {
	if n.Kind == yamlfile.Sequence {
		return n.Items[i]
	}
	return n
}

// known reports a name that the configuration does not have. A nil list of
// names means that it is not at hand.
func (l *loader) known(n *yamlfile.Node, name, what string, names []string) {
	if names == nil || slices.Contains(names, name) {
		return
	}
	d := n.Errorf("unknown %s %s", what, name)
	d.Suggest(name, names)
	if d.Hint == "" {
		d.Hint = what + "s are declared in the configuration, which -c names"
	}
	l.Add(d)
}

func readUnwrap(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	if n.Kind == yamlfile.Scalar && n.Text == "none" {
		return one(engine.Unwrap{})
	}
	kinds, ok := l.choices(n, "unwrap", unwrapKinds, "none")
	if !ok {
		return nil
	}
	return one(engine.Unwrap{Kinds: kinds})
}

func readSplit(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	if n.Kind == yamlfile.Scalar {
		if _, ok := l.Choice(n, "split", []string{"headings"}); !ok {
			return nil
		}
		return one(engine.Split{})
	}
	f, ok := l.Fields(n, "split", actionKeys["split"])
	if !ok {
		return nil
	}
	var s engine.Split
	if at := f.Get("at"); f.Has("at") && at.Text != "headings" {
		if s.At, ok = l.pattern(at, "at"); !ok {
			return nil
		}
	}
	if f.Has("until") {
		if s.Until, ok = l.pattern(f.Get("until"), "until"); !ok {
			return nil
		}
	}
	if f.Has("rest") {
		rest, _ := l.Choice(f.Get("rest"), "rest", splitRests)
		s.SkipRest = rest == "skip"
	}
	return one(s)
}

// choices reads one or several of the options.
func (l *loader) choices(n *yamlfile.Node, what string, options []string, also ...string) ([]string, bool) {
	if n.Kind == yamlfile.Scalar {
		s, ok := l.Choice(n, what, append(slices.Clone(options), also...))
		return []string{s}, ok
	}
	items, ok := l.Items(n, what)
	var out []string
	for _, it := range items {
		s, good := l.Choice(it, what, options)
		out, ok = append(out, s), ok && good
	}
	return out, ok
}

func readExtract(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "extract", actionKeys["extract"])
	if !ok {
		return nil
	}
	var e engine.Extract
	for _, k := range []struct {
		key string
		to  *[]string
	}{{"use", &e.Use}, {"only", &e.Only}} {
		*k.to, _ = l.texts(f, k.key)
		for i, name := range *k.to {
			l.known(itemNode(f.Get(k.key), i), name, "extractor", l.opt.Extractors)
		}
	}
	l.set.extractors = slices.Concat(l.set.extractors, e.Use, e.Only)
	if f.Has("from") {
		e.From, _ = l.choices(f.Get("from"), "from", extractFrom)
	}
	if f.Has("config") {
		if f.Get("config").Kind != yamlfile.Mapping {
			l.Add(f.Get("config").Errorf("config is %s", f.Get("config").Kind))
			return nil
		}
		if len(e.Use)+len(e.Only) == 0 {
			d := f.Get("config").Errorf("config is for no extractor")
			d.Hint = "name those it is for: use: [NAME]"
			l.Add(d)
		}
		e.Config, _ = plainValue(f.Get("config")).(map[string]any)
		l.checkConfig(f.Get("config"), &e)
	}
	return one(e)
}

// checkConfig asks each extractor that is named about its configuration.
func (l *loader) checkConfig(n *yamlfile.Node, e *engine.Extract) {
	if l.opt.CheckConfig == nil {
		return
	}
	raw, err := json.Marshal(e.Config)
	if err != nil {
		l.Add(n.Errorf("config: %v", err))
		return
	}
	for _, name := range slices.Concat(e.Use, e.Only) {
		if err := l.opt.CheckConfig(name, raw); err != nil {
			l.Add(n.Errorf("config of extractor %s: %v", name, err))
		}
	}
}

// plainValue turns YAML into what JSON can hold.
func plainValue(n *yamlfile.Node) any {
	switch n.Kind {
	case yamlfile.Sequence:
		out := make([]any, len(n.Items))
		for i, it := range n.Items {
			out[i] = plainValue(it)
		}
		return out
	case yamlfile.Mapping:
		out := make(map[string]any, len(n.Pairs))
		for _, p := range n.Pairs {
			out[p.Key.Text] = plainValue(p.Value)
		}
		return out
	case yamlfile.Scalar:
		return plainScalar(n)
	}
	return nil
}

func plainScalar(n *yamlfile.Node) any {
	var v any
	switch n.Tag {
	case "!!bool":
		return n.Text == "true" || n.Text == "True" || n.Text == "TRUE"
	case "!!int":
		if i, err := strconv.ParseInt(n.Text, 0, 64); err == nil {
			return i
		}
	case "!!float":
		if json.Unmarshal([]byte(n.Text), &v) == nil {
			return v
		}
	}
	return n.Text
}
