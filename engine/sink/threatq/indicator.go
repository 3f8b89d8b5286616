package threatq

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

const (
	maxConditions = 1500    // of one query
	maxBulkBytes  = 4 << 20 // of one bulk request, about
)

// shipIndicators makes or updates the indicators, as many in a request as the
// server bears, with what stands on them and what they are tied to.
func (p *shipment) shipIndicators(ctx context.Context) error {
	for rest := p.indicators; len(rest) > 0; {
		n := p.portion(rest)
		if err := p.bulkShip(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return p.findLost(ctx)
}

// portion is how many indicators go into the next request.
func (p *shipment) portion(list []*indicatorPlan) int {
	size := 0
	for i, n := range list[:min(len(list), p.bulk)] {
		for _, a := range n.want.Attributes {
			size += len(a.Name) + len(a.Value) + 50
		}
		if size += len(n.want.Value) + 200; size > maxBulkBytes && i > 0 {
			return i
		}
	}
	return min(len(list), p.bulk)
}

// bulkShip ships one portion. Where that is too much at once for the server, or
// one of it is refused, it goes in halves: so the others arrive.
func (p *shipment) bulkShip(ctx context.Context, list []*indicatorPlan) error {
	var err error
	if len(list) == 1 {
		err = p.persist(ctx, func(bool) error { return p.consume(ctx, list) })
	} else {
		err = p.patiently(ctx, func() error { return p.consume(ctx, list) })
	}
	switch {
	case err == nil:
		if len(list) == p.bulk {
			p.bulk = min(p.cfg.Bulk, p.bulk+max(1, p.bulk/10))
		}
		return nil
	case isKind(err, refused) && p.dropTLP(err):
		return p.bulkShip(ctx, list)
	case isKind(err, refused) && p.dropInline(list):
		return p.bulkShip(ctx, list)
	case len(list) == 1 && isKind(err, refused, tooLarge, doubted):
		return p.refuseIndicator(list[0], err)
	case len(list) == 1 || !isKind(err, refused, tooLarge, doubted, slow):
		return err
	}
	if isKind(err, refused) {
		if err := p.checkRemembered(ctx); err != nil {
			return err
		}
	}
	half := len(list) / 2
	if isKind(err, tooLarge, slow) {
		p.bulk = max(1, min(p.bulk, half))
		p.log.Info("fewer indicators at a time", "bulk", p.bulk, "reason", err.Error())
	}
	if err := p.bulkShip(ctx, list[:half]); err != nil {
		return err
	}
	return p.bulkShip(ctx, list[half:])
}

// patiently is persist, but for what is slow: that is not repeated, since less
// at a time will do better.
func (p *shipment) patiently(ctx context.Context, step func() error) error {
	var late error
	err := p.persist(ctx, func(bool) error {
		err := step()
		if isKind(err, slow, doubted) {
			late = err
			return nil
		}
		return err
	})
	if late != nil {
		return late
	}
	return err
}

// maxRefused is how many indicators of a batch may be refused one by one: beyond,
// something is wrong that is not the indicators'.
const maxRefused = 100

// refuseIndicator leaves out an indicator that the server does not take.
func (p *shipment) refuseIndicator(n *indicatorPlan, err error) error {
	if len(p.refused) >= maxRefused {
		return fmt.Errorf("%d indicators were refused, and one more: %w", len(p.refused), err)
	}
	for _, ref := range n.refs {
		p.refuse(ref, cause(err).Error())
	}
	return nil
}

// dropInline tells whether a refusal may be due to links that the server does not
// take inline; from then on they are made by themselves.
func (p *shipment) dropInline(list []*indicatorPlan) bool {
	if p.does[consumeFiles] != unknown || !slices.ContainsFunc(list, func(n *indicatorPlan) bool { return len(p.fileLinks(n)) > 0 }) {
		return false
	}
	p.learn(consumeFiles, false)
	return true
}

// consume reads what is there of a portion, and posts what is missing.
func (p *shipment) consume(ctx context.Context, list []*indicatorPlan) error {
	have, err := p.findIndicators(ctx, list)
	if err != nil {
		return err
	}
	requests := make([]wire.Object, len(list))
	for i, n := range list {
		if requests[i], err = p.indicatorRequest(ctx, n, have.find(n)); err != nil {
			return err
		}
	}
	page, err := ask[wire.Object](ctx, p.api, http.MethodPost, "/indicators/consume", nil, requests)
	if err != nil {
		return err
	}
	for _, o := range page.Data {
		have.add(p.list, o)
	}
	for i, n := range list {
		p.took(n, have.find(n), &requests[i])
	}
	return p.proveInline(ctx, list, page.Data)
}

// findIndicators asks for the indicators of a portion, in every form in which
// they may be there.
func (p *shipment) findIndicators(ctx context.Context, list []*indicatorPlan) (index, error) {
	have := index{}
	keep := func(o wire.Object) bool {
		have.add(p.list, o)
		return true
	}
	if !p.maybe(indicatorQuery) {
		return have, p.listIndicators(ctx, list, keep)
	}
	values := p.values(list)
	for len(values) > 0 {
		n := min(len(values), maxConditions)
		var either []object
		for _, v := range values[:n] {
			either = append(either, object{"value": object{"is": v}})
		}
		err := p.query(ctx, "/indicators/query", object{"+or": either}, "attributes", keep)
		if isKind(err, missing, unsupported) {
			p.learn(indicatorQuery, false)
			return have, p.listIndicators(ctx, list, keep)
		}
		if err != nil {
			return nil, err
		}
		values = values[n:]
	}
	return have, nil
}

// listIndicators asks for them one by one, where the server lacks queries.
func (p *shipment) listIndicators(ctx context.Context, list []*indicatorPlan, keep func(wire.Object) bool) error {
	for _, v := range p.values(list) {
		if err := each(ctx, p.api, "/indicators", filter("value", v, "with", "attributes"), keep); err != nil {
			return err
		}
	}
	return nil
}

// values are what to ask for, each once. A server that is told not to normalise
// has what it was sent.
func (p *shipment) values(list []*indicatorPlan) []string {
	var all []string
	seen := map[string]bool{}
	add := func(v string) {
		if !seen[strings.ToLower(v)] {
			seen[strings.ToLower(v)] = true
			all = append(all, v)
		}
	}
	for _, n := range list {
		add(n.want.Value)
		if p.cfg.Normalize == NormalizeNo {
			continue
		}
		for _, f := range n.forms {
			add(f.value)
		}
	}
	return all
}

// index holds indicators of the server by what identifies them.
type index map[identity]*wire.Object

func (x index) add(l *lists, o wire.Object) {
	if o.ID > 0 {
		x[newIdentity(l.typeOf(&o), o.Value)] = &o
	}
}

// find is the indicator that a plan is at the server, in the likeliest of its
// forms; nil when it is in none.
func (x index) find(n *indicatorPlan) *wire.Object {
	for _, f := range n.forms {
		if o := x[f]; o != nil {
			return o
		}
	}
	return nil
}

// indicatorRequest is what to post of an indicator: of one that is there, only
// what it lacks.
func (p *shipment) indicatorRequest(ctx context.Context, n *indicatorPlan, have *wire.Object) (wire.Object, error) {
	want := n.want
	want.Normalize, want.Sources = p.cfg.Normalize.flag(), p.shown(want.Sources)
	want.Events = p.eventLinks(n)
	if p.maybe(consumeFiles) {
		want.Attachments = p.fileLinks(n)
	}
	if have == nil {
		for _, ref := range n.refs {
			p.fresh[ref] = true
		}
		return want, nil
	}
	// In the server's words, so that it has nothing to normalise: what it takes off
	// a value becomes an attribute, each time.
	want.Value, want.Type, want.TypeID, want.Class = have.Value, wire.Named(p.list.typeOf(have)), 0, ""
	if p.cfg.StatusPolicy == KeepStatus {
		want.Status, want.StatusID = wire.Ref{}, 0
	}
	want.Tags = lackingTags(want.Tags, have.Tags)
	want.Sources = p.list.asStrict(want.Sources, have.Sources)
	if len(want.Attributes) == 0 {
		return want, nil
	}
	if have.Attributes == nil {
		got, err := p.read(ctx, "indicators", int64(have.ID), "attributes")
		if err != nil {
			return want, err
		}
		have.Attributes = got.Attributes
	}
	want.Attributes = lacking(want.Attributes, have.Attributes)
	return want, nil
}

// asStrict leaves the TLP of a source out where the server has a stricter one for
// it.
func (l *lists) asStrict(want, have wire.List[wire.Source]) wire.List[wire.Source] {
	all := slices.Clone(want)
	for i := range all {
		for _, h := range have {
			if strings.EqualFold(h.Name, all[i].Name) && l.stricter(h, all[i]) {
				all[i].TLP, all[i].TLPID = wire.Ref{}, 0
			}
		}
	}
	return all
}

func (p *shipment) eventLinks(n *indicatorPlan) wire.List[wire.Object] { return p.links(n, "event") }

func (p *shipment) fileLinks(n *indicatorPlan) wire.List[wire.Object] { return p.links(n, "file") }

func (p *shipment) links(n *indicatorPlan, kind string) wire.List[wire.Object] {
	var all wire.List[wire.Object]
	for _, ref := range n.refs {
		for _, peer := range p.peersOf[ref] {
			id := wire.Int(p.ids[peer])
			if peer.Kind == kind && id != 0 && !slices.ContainsFunc(all, func(o wire.Object) bool { return o.ID == id }) {
				all = append(all, wire.Object{ID: id})
			}
		}
	}
	return all
}

// took notes what a request did.
func (p *shipment) took(n *indicatorPlan, got *wire.Object, sent *wire.Object) {
	for _, ref := range n.refs {
		if got != nil {
			p.shipped(ref, int64(got.ID))
		}
		for _, peer := range p.peersOf[ref] {
			if peer.Kind == "event" && p.ids[peer] != 0 || peer.Kind == "file" && p.trusted(consumeFiles) && p.ids[peer] != 0 {
				p.linked[edge{peer, ref}] = true
			}
		}
	}
	n.sent = sent
}

// proveInline looks, once, whether the server has tied an indicator to a new file
// as it was told to in the same request.
func (p *shipment) proveInline(ctx context.Context, list []*indicatorPlan, answered []wire.Object) error {
	if p.does[consumeFiles] != unknown {
		return nil
	}
	for _, n := range list {
		for _, ref := range n.refs {
			for _, peer := range p.peersOf[ref] {
				if peer.Kind != "file" || !p.fresh[peer] || p.ids[ref] == 0 {
					continue
				}
				has, err := p.hasLink(ctx, peer, ref)
				if err != nil {
					return err
				}
				p.learn(consumeFiles, has)
				p.trustInline(list)
				return nil
			}
		}
	}
	return nil
}

func (p *shipment) trustInline(list []*indicatorPlan) {
	for _, n := range list {
		if n.sent != nil {
			p.took(n, nil, n.sent)
		}
	}
}

// hasLink tells whether a file is tied to an indicator.
func (p *shipment) hasLink(ctx context.Context, file, indicator engine.Ref) (bool, error) {
	found := false
	path := fmt.Sprintf("/attachments/%d/indicators", p.ids[file])
	err := each(ctx, p.api, path, nil, func(o wire.Object) bool {
		found = found || int64(o.ID) == p.ids[indicator]
		return !found
	})
	return found, err
}

// findLost asks again, one by one, for indicators that no answer named in a form
// that is known here: the server made something else of them.
func (p *shipment) findLost(ctx context.Context) error {
	for _, n := range p.indicators {
		if p.ids[n.refs[0]] != 0 || p.refused[n.refs[0]] != "" {
			continue
		}
		again := wire.Object{Value: n.want.Value, Type: n.want.Type, TypeID: n.want.TypeID, Normalize: p.cfg.Normalize.flag()}
		var got wire.Page[wire.Object]
		err := p.persist(ctx, func(bool) (err error) {
			got, err = ask[wire.Object](ctx, p.api, http.MethodPost, "/indicators/consume", nil, []wire.Object{again})
			return err
		})
		if err != nil && !isKind(err, refused, doubted) {
			return err
		}
		o := p.likeliest(n, got.Data)
		if o == nil {
			p.log.Warn("the server does not say what became of an indicator", "batch", p.batch.Key, "type", n.want.Type.Name)
			continue
		}
		p.took(n, o, nil)
	}
	return nil
}

// likeliest is what a server made of one indicator, among that and what it
// derived: the only one, or the one of its type.
func (p *shipment) likeliest(n *indicatorPlan, answered []wire.Object) *wire.Object {
	for i := range answered {
		if o := &answered[i]; o.ID > 0 && (len(answered) == 1 || strings.EqualFold(p.list.typeOf(o), n.want.Type.Name)) {
			return o
		}
	}
	return nil
}

// checkRemembered tells, once, whether the files that are only remembered are
// still there: if not, a refusal is not the indicators' fault.
func (p *shipment) checkRemembered(ctx context.Context) error {
	if p.checked {
		return nil
	}
	p.checked = true
	for _, f := range p.files {
		id := p.ids[f.ref]
		if id == 0 || p.fresh[f.ref] {
			continue
		}
		err := p.persist(ctx, func(bool) error {
			_, err := p.read(ctx, "attachments", id, "")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
