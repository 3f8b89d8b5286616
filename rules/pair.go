package rules

import (
	"regexp"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/fold"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// pairAction is a pair action whose key is computed from the message.
type pairAction struct {
	subject *regexp.Regexp // nil: no key
	scope   string
	plan    engine.Pair // all but the key
}

var pairScopes = []string{"domain", "thread", "mailbox"}

// defaultWindow is how far apart a locked mail and its password may be.
const defaultWindow = 72 * time.Hour

func readPair(l *loader, r *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "pair", actionKeys["pair"])
	if !ok {
		return nil
	}
	p := &pairAction{plan: engine.Pair{Window: defaultWindow}, scope: "domain"}
	p.subject, _ = l.stringOrPattern(f.Get("subject"), "subject")
	if re, ok := l.stringOrPattern(f.Get("password_prefix"), "password_prefix"); ok {
		p.plan.Prefix = re
	}
	if d, ok := l.Duration(f.Get("window"), "window"); ok {
		p.plan.Window = d
	}
	if s, ok := l.Choice(f.Get("scope"), "scope", pairScopes); ok {
		p.scope = s
	}
	p.plan.Take, _ = l.pattern(f.Get("take"), "take")
	p.plan.Default = l.passwords(f.Get("default_password"))
	r.pair = append(r.pair, p)
	return func(ev *evaluator) ([]engine.Action, error) {
		return []engine.Action{p.of(ev.run.msg)}, nil
	}
}

// stringOrPattern reads a text that means itself regardless of case, unless it
// has a sign in it that means something in a pattern.
func (l *loader) stringOrPattern(n *yamlfile.Node, what string) (*regexp.Regexp, bool) {
	re, ok := l.pattern(n, what)
	if ok && regexp.QuoteMeta(n.Text) == n.Text {
		re = regexp.MustCompile("(?i)" + n.Text)
	}
	return re, ok
}

// passwords reads a password, {secret: name}, or a list of these.
func (l *loader) passwords(n *yamlfile.Node) []engine.Password {
	if n == nil {
		return nil
	}
	nodes := []*yamlfile.Node{n}
	if n.Kind == yamlfile.Sequence {
		nodes = n.Items
	}
	var out []engine.Password
	for _, it := range nodes {
		if it.Kind == yamlfile.Scalar {
			out = append(out, engine.LiteralPassword(it.Text))
			continue
		}
		f, ok := l.Fields(it, "default_password", []string{"secret"})
		if !ok || !l.Need(f, "default_password", "secret") {
			continue
		}
		if s, ok := l.Filled(f.Get("secret"), "secret"); ok {
			l.known(f.Get("secret"), s, "secret", l.opt.Secrets)
			out = append(out, engine.Password{Secret: s})
		}
	}
	return out
}

// of is the action on a message.
func (p *pairAction) of(m *engine.Message) engine.Pair {
	plan := p.plan
	if key, scope := p.key(m), scopeOf(p.scope, m); key != "" && scope != "" {
		plan.Key = engine.Key{Scope: scope, Key: key}
	}
	return plan
}

// key is what the subject yields: the first group that fits, else the whole
// fit, folded, so that two mails that differ in case still meet.
func (p *pairAction) key(m *engine.Message) string {
	if p.subject == nil {
		return ""
	}
	fits := extract(p.subject, m.Subject.Subject, 1)
	if len(fits) == 0 {
		return ""
	}
	return fold.Fold(fits[0])
}

// Pairings implements engine.Rules: the pair actions of live rules.
func (s *Set) Pairings(m *engine.Message) []engine.Pair {
	var all []engine.Pair
	for _, r := range s.rules {
		if r.Mode != Live {
			continue
		}
		for _, p := range r.pair {
			all = append(all, p.of(m))
		}
	}
	return all
}

// scopeOf is the value of engine.Key.Scope for a scope of the rule language; "" when
// the message says nothing: mails without a sender have none in common.
func scopeOf(scope string, m *engine.Message) string {
	switch scope {
	case "thread":
		if id := thread(&m.Headers); id != "" {
			return "thread:" + id
		}
		return ""
	case "mailbox":
		return "mailbox:" + m.Meta.Account
	}
	d := m.Sender.Email.Domain
	if d.RootDomain != "" {
		return "domain:" + d.RootDomain
	}
	if d.Domain == "" {
		return ""
	}
	return "domain:" + d.Domain
}

// thread is the id of the mail that began a conversation, as far as the header tells.
func thread(h *engine.Headers) string {
	switch {
	case len(h.References) > 0:
		return h.References[0]
	case h.InReplyTo != "":
		return h.InReplyTo
	}
	return h.MessageID
}
