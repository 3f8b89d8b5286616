package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Process computes the outcome of one delivered mail. Nothing happens but
// reading: Parse, Evaluate, extract, fold. The same delivery, rules, extractors
// and state give the same outcome. An error means that the raw mail could not
// be read, or that ctx ended.
func (e *Engine) Process(ctx context.Context, d Delivery) (*Outcome, error) {
	msg, err := e.cfg.Parser.Parse(ctx, d.Raw, d.Origin)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Origin.Name, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	msg.Defects = append(slices.Clone(d.Defects), msg.Defects...)
	rules := *e.rules.Load()
	run := &processing{engine: e, ctx: ctx, delivery: d, rules: rules, defaults: rules.Defaults(), state: State{}, budget: e.cfg.Limits.Budget()}
	out := &Outcome{Origin: d.Origin, Message: msg, Raw: d.Raw, Sender: strings.ToLower(msg.Sender.Email.Email), Received: msg.Meta.Received, Receipt: Receipt{Origin: d.Origin}}
	if parked, err := e.dam(ctx, out, d); parked || err != nil {
		return out, err
	}
	root := run.item(&Item{Message: msg})
	if err := cmp.Or(ctx.Err(), run.incomplete); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Origin.Name, err)
	}
	out.Items = run.items
	out.Offers = run.offers
	out.Receipt = Receipt{Origin: d.Origin, Route: root.Decision.Route}
	out.Defects = run.defects()
	e.settle(out, root, d, run.park(root))
	return out, nil
}

// settle says what becomes of the mail: parked, skipped, or shipped.
func (e *Engine) settle(out *Outcome, root *Item, d Delivery, wait *Park) {
	if root.Decision.Hold > 0 && !d.Expired {
		until := root.Message.Meta.Received.Add(root.Decision.Hold)
		if wait != nil && wait.Deadline.After(until) {
			until = wait.Deadline
		}
		out.Park = &Park{Received: root.Message.Meta.Received, Deadline: until}
		out.Disposition, out.Reason = Parked, "held until "+until.UTC().Format("2006-01-02 15:04:05")
		return
	}
	if reason := unusable(root.Message); reason != "" {
		out.Disposition, out.Reason = Quarantined, reason
		return
	}
	if wait != nil {
		out.Park = wait
		out.Disposition, out.Reason = Parked, "waits for the password of "+wait.keys()+" until "+wait.Deadline.UTC().Format("2006-01-02 15:04:05")
		return
	}
	out.Batches = buildBatches(out, e.sinkNames())
	switch {
	case len(out.Batches) > 0:
		out.Disposition = Shipped
	case root.Ships == "" && root.Why != "":
		out.Disposition, out.Reason = Skipped, root.Why
	default:
		out.Disposition, out.Reason = Nothing, "the plan ships nothing"
	}
}

// unusable tells why there is no mail in the raw bytes, "" when there is one.
// Where the source knew what was wrong, that is the reason: an archive that
// cannot be read is more than a mail without bytes.
func unusable(m *Message) string {
	i := slices.IndexFunc(m.Defects, func(d Defect) bool { return d.Code == DefectEmpty || d.Code == DefectNotMail })
	if i < 0 {
		return ""
	}
	if j := slices.IndexFunc(m.Defects, func(d Defect) bool { return d.Code == DefectEntry }); j >= 0 {
		i = j
	}
	return m.Defects[i].String()
}

// processing is the state of one Process call.
type processing struct {
	engine   *Engine
	ctx      context.Context // lives exactly as long as the call
	delivery Delivery
	rules    Rules
	defaults Defaults
	items    []*Item

	state  State   // what other mails offer
	offers []Offer // what this one does
	budget *Budget // of its attachments
	shares int     // of it, that attachments had of their own
	mails  int     // parsed out of attachments

	incomplete error // an adapter could not do its work: nothing of this is final
}

// item runs the rules on one message and, where it carries others, on those.
func (p *processing) item(it *Item) *Item {
	it.defaults = p.defaults
	p.items = append(p.items, it)
	p.prepare(it)
	view := &View{Message: it.Message}
	p.evaluate(it, view, PhaseMessage)
	p.offer(it)
	p.open(it)
	listFiles(it.Message)
	p.redact(it)
	applyTrims(it)
	p.evaluate(it, view, PhaseContent)
	p.treat(it)
	p.split(it)
	if it.Ships != "" {
		p.extract(it)
		view.Indicators = it.Indicators
		p.keep(it, view)
		view.Indicators = it.Indicators
	}
	p.evaluate(it, view, PhaseFindings)
	p.retreat(it)
	p.descend(it)
	p.innerCaps(it)
	return it
}

// prepare sets the facts that a message has from its mailbox and from other mails.
func (p *processing) prepare(it *Item) {
	msg := it.Message
	msg.Mailbox.Type = p.defaults.MailboxType
	it.attached = len(msg.Nested)
	pairs := p.rules.Pairings(msg)
	state, err := p.snapshot(p.ctx, pairs)
	if err != nil {
		p.incomplete = errors.Join(p.incomplete, err)
	}
	for k, offered := range state {
		p.state[k] = offered
	}
	msg.Pair = p.pairFacts(msg, pairs)
}

// offer takes the passwords that an item has for others.
func (p *processing) offer(it *Item) {
	made := offers(it)
	p.offers = append(p.offers, made...)
	for _, o := range made {
		it.secrets = append(it.secrets, o.Secrets...)
	}
}

// redact hides the passwords of the item in all that is seen of it from here on.
func (p *processing) redact(it *Item) {
	r := newRedactor(it.secrets, it.Decision.Pairs)
	r.message(it.Message)
	r.plan(&it.Plan)
	it.decide(p.defaults)
}

// evaluate asks the rules of one phase and folds what is known so far.
func (p *processing) evaluate(it *Item, view *View, phase Phase) {
	if !it.Plan.Stopped {
		view.Score, view.Tags = it.Decision.Score, it.Decision.Tags
		it.Views[phase] = *view
		plan := p.rules.Evaluate(phase, view)
		it.Plan.Append(plan)
		it.addErrors(plan.Results)
	}
	it.decide(p.defaults)
}

// decide folds the plan. What a mail says of itself makes its TLP stricter, and never
// laxer: whoever sends it chooses what it says.
func (it *Item) decide(def Defaults) {
	it.Decision = it.Plan.Decide(def)
	it.Decision.TLP = MostRestrictive(it.Decision.TLP, it.Message.Meta.TLP)
}

func (it *Item) addErrors(results []RuleResult) {
	for _, r := range results {
		if r.Err != nil {
			it.Defects = append(it.Defects, Defect{Code: DefectEvaluate, Part: r.Rule, Detail: r.Err.Error()})
		}
	}
}

// treat decides what the item is: it ships itself, it only carries others, or
// it is skipped.
//
//	a rule said      contains others   becomes
//	skip             any               nothing
//	spearphish       yes               carrier
//	spearphish       no                the spearphish itself
//	intelligence     any               an intelligence event
//	nothing, outer   as the mailbox type; a spearphish mailbox skips what contains nothing
//	nothing, inner   a forward: carrier; a section: an intelligence event; else the spearphish itself
func (p *processing) treat(it *Item) {
	it.Ships, it.Why = "", ""
	inner := it.Path != ""
	switch d := it.Decision; {
	case d.Treatment == Skip:
		it.Why = "rule " + d.TreatedBy + " says skip"
	case d.Treatment == Intelligence:
		it.Ships = Intelligence
	case d.Treatment == Spearphish:
		p.spearphish(it, true)
	case it.Message.Meta.Carrier.Via == ViaSection:
		it.Ships = Intelligence
	case inner:
		p.spearphish(it, true)
	case p.defaults.MailboxType == string(Spearphish):
		p.spearphish(it, false)
	default:
		it.Ships = Intelligence
	}
}

// spearphish ships the item, or makes it the carrier of what it contains.
func (p *processing) spearphish(it *Item, itself bool) {
	it.Carries = p.carries(it)
	switch {
	case it.Carries:
		it.Why = "carrier: its contained messages ship"
	case itself:
		it.Ships = Spearphish
	default:
		it.Why = "spearphish mailbox, and nothing contained"
	}
}

// carries tells whether a spearphish item hands on other messages. An inner
// message that is no forward is an original, whatever is attached to it, unless
// a rule treats it as a carrier.
func (p *processing) carries(it *Item) bool {
	msg := it.Message
	if it.Path != "" && it.Decision.Treatment == "" && !msg.Forward.IsForward {
		return false
	}
	return (p.unwraps(it, "nested") && it.attached > 0) ||
		(p.unwraps(it, "archive") && len(msg.Nested) > it.attached) ||
		(p.unwraps(it, "forward") && hasInline(msg))
}

func hasInline(msg *Message) bool { return msg.Forward.IsForward && msg.Forward.Style == "inline" }

// retreat lets a findings rule change the treatment to skip or ship; it cannot
// undo what was extracted.
func (p *processing) retreat(it *Item) {
	if it.Decision.Treatment == Skip && it.Ships != "" {
		it.Ships, it.Why = "", "rule "+it.Decision.TreatedBy+" says skip"
	}
}

// unwraps tells whether inner messages of that kind become items.
func (p *processing) unwraps(it *Item, kind string) bool {
	if it.Decision.Unwrap != nil {
		return slices.Contains(it.Decision.Unwrap, kind)
	}
	return it.Ships != Intelligence
}

// descend makes items of the messages that a carrier hands on, and of those
// that an unwrap action names.
func (p *processing) descend(it *Item) {
	if it.Decision.Treatment == Skip {
		return
	}
	for i, section := range it.sections {
		p.child(it, section, "s"+strconv.Itoa(i+1), ViaSection)
	}
	if !it.Carries && len(it.Decision.Unwrap) == 0 {
		return
	}
	if p.unwraps(it, "nested") {
		p.nested(it, 0, it.attached, "attached")
	}
	if p.unwraps(it, "archive") {
		p.nested(it, it.attached, len(it.Message.Nested), "container")
	}
	if p.unwraps(it, "forward") && hasInline(it.Message) {
		p.forwarded(it)
	}
}

func (p *processing) nested(it *Item, from, to int, via string) {
	for i := from; i < to; i++ {
		p.child(it, &Item{Message: it.Message.Nested[i]}, "n"+strconv.Itoa(i+1), via)
	}
}

// forwarded makes an item of the innermost inline original: the layers between
// are comments of those who passed it on.
func (p *processing) forwarded(it *Item) {
	originals := append([]Original{it.Message.Forward.Original}, it.Message.Forward.Inner...)
	last := originals[len(originals)-1]
	p.child(it, &Item{Message: inlineMessage(it.Message, &last)}, "f"+strconv.Itoa(len(originals)), "forward")
}

// child runs the rules on an inner message, within the caps.
func (p *processing) child(parent, it *Item, step, via string) {
	path, msg := step, it.Message
	if parent.Path != "" {
		path = parent.Path + "/" + step
	}
	if p.capped(parent, path) {
		return
	}
	it.Path = path
	msg.Meta.ID = p.delivery.Origin.Key() + "/" + path
	msg.Meta.Carrier = carrierOf(parent.Message, via)
	msg.Meta.TLP = MostRestrictive(parent.Message.Meta.TLP, msg.Meta.TLP)
	p.item(it)
}

func (p *processing) capped(parent *Item, path string) bool {
	lim := p.engine.cfg.Limits
	depth := 1
	for _, c := range path {
		if c == '/' {
			depth++
		}
	}
	switch {
	case depth > lim.Nesting:
		parent.Defects = append(parent.Defects, LimitDefect(DefectNesting, path, "messages nest deeper than %d", lim.Nesting))
	case len(p.items) >= lim.Items:
		if !slices.ContainsFunc(parent.Defects, func(d Defect) bool { return d.Code == DefectItems }) {
			parent.Defects = append(parent.Defects, LimitDefect(DefectItems, path, "more than %d messages in one mail", lim.Items))
		}
	default:
		return false
	}
	return true
}

func carrierOf(m *Message, via string) Carrier {
	return Carrier{ID: m.Meta.ID, Sender: m.Sender, Subject: m.Subject.Subject, Date: m.Meta.Date, Received: m.Meta.Received, Via: via}
}

// inlineMessage builds the message that an inline forward quotes. It has the
// attachments of the mail that forwards it, since clients keep them there.
func inlineMessage(carrier *Message, o *Original) *Message {
	m := &Message{
		Meta:       carrier.Meta,
		Mailbox:    carrier.Mailbox,
		Direction:  "unknown",
		Sender:     o.Sender,
		Recipients: o.Recipients,
		Subject:    Subject{Subject: o.Subject, Base: o.Subject},
		Body: Body{
			Plain:         PlainBody{Raw: o.Text},
			HTML:          o.Page,
			Text:          o.Text,
			Links:         o.Links,
			CurrentThread: Thread{Text: o.Text, Links: o.Links},
		},
		Raw: Bytes(o.Text),
	}
	m.Auth = Auth{SPF: AuthResult{Result: "none"}, DKIM: AuthResult{Result: "none"}, DMARC: AuthResult{Result: "none"}, ARC: AuthResult{Result: "none"}}
	m.Meta.Date, m.Meta.Size, m.Meta.TLP = o.Date, len(o.Text), ReadTLP(o.Subject, o.Text)
	m.Meta.SHA256 = hexDigest(o.Text)
	m.ContentKey = hexDigest("inline\x1f" + o.Sender.Email.Email + "\x1f" + o.Subject + "\x1f" + o.DateText + "\x1f" + o.Text)
	for _, a := range carrier.Attachments {
		if !a.IsMessage {
			m.Attachments = append(m.Attachments, a)
		}
	}
	return m
}

func hexDigest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// innerCaps tells of the limits that fired in messages inside an item which are
// no items of their own.
func (p *processing) innerCaps(it *Item) {
	seen := map[string]bool{}
	var look func([]*Message, string)
	look = func(nested []*Message, path string) {
		for i, m := range nested {
			if slices.ContainsFunc(p.items, func(o *Item) bool { return o.Message == m }) {
				continue
			}
			at := path + "n" + strconv.Itoa(i+1)
			for _, d := range m.Defects {
				if d.Cap && !seen[d.Code] {
					seen[d.Code] = true
					d.Part = at + ":" + d.Part
					it.Defects = append(it.Defects, d)
				}
			}
			look(m.Nested, at+"/")
		}
	}
	look(it.Message.Nested, "")
}

// defects gathers those of the mail and of every item, in order.
func (p *processing) defects() []Defect {
	var all []Defect
	for _, it := range p.items {
		for _, d := range slices.Concat(it.Message.Defects, it.Defects) {
			if it.Path != "" {
				d.Part = it.Path + ":" + d.Part
			}
			all = append(all, d)
		}
	}
	return all
}
