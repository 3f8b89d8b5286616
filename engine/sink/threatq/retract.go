package threatq

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// Retraction says what Retract did, in words fit for a report.
type Retraction struct {
	Deleted  []string // objects that this sink had made and that nobody else refers to
	Unlinked []string // links
	Changed  []string // objects that stay, with what changed about them
	Left     []string // objects that stay as they are, with the reason
}

// Retract takes back what shipped has and keep has not (keep may be the zero
// Batch). Events of ours go, unless another mail was seen in them; files and
// indicators that this batch made go, unless something else refers to them by
// then; other indicators lose their links, get the status Config.Retracted, if
// that is set, and a comment. Adversaries and the like only lose their links, and
// tags stay. It may be repeated: what is gone already is no error.
func (s *Sink) Retract(ctx context.Context, shipped, keep engine.Batch) (Retraction, error) {
	s.api.waited = 0
	r := &retraction{Sink: s, shipped: &shipped, keeps: map[engine.Ref]bool{}, drops: map[engine.Ref]bool{}, shared: map[engine.Ref]bool{}}
	err := r.run(ctx, &keep)
	if err != nil {
		err = fmt.Errorf("retract batch %s at %s: %w", shipped.Key, s.cfg.Name, err)
	}
	return r.done, err
}

// retraction is one batch on its way back.
type retraction struct {
	*Sink
	shipped *engine.Batch
	plan    *shipment
	keeps   map[engine.Ref]bool
	drops   map[engine.Ref]bool
	shared  map[engine.Ref]bool // events that other mails were seen in, and their peers
	note    batchNote
	done    Retraction
}

func (r *retraction) run(ctx context.Context, keep *engine.Batch) error {
	var err error
	if err = r.resolve(ctx); err != nil {
		return err
	}
	if r.note, err = r.recallBatch(ctx, r.shipped.Key); err != nil {
		return err
	}
	if r.plan, err = r.newShipment(r.shipped, false); err != nil {
		return err
	}
	r.compare(keep)
	steps := []func(context.Context) error{r.locate, r.findShared, r.unlinkAll(keep), r.dropEvents, r.dropFiles, r.dropIndicators, r.dropAttributes(keep)}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	r.note.Digest = "" // what is kept is compared with the server when it is shipped again
	return r.keepBatch(ctx, r.shipped.Key, r.note)
}

// compare finds out which nodes stay.
func (r *retraction) compare(keep *engine.Batch) {
	for _, ref := range nodes(keep) {
		r.keeps[ref] = true
	}
	for _, ref := range nodes(r.shipped) {
		r.drops[ref] = !r.keeps[ref]
	}
	for _, f := range r.plan.files { // a raw mail that was shipped as a file for its event
		if _, listed := r.drops[f.ref]; !listed {
			r.drops[f.ref] = !slices.ContainsFunc(r.plan.peers(f.ref, "event"), func(e engine.Ref) bool { return r.keeps[e] })
		}
	}
}

func nodes(b *engine.Batch) []engine.Ref {
	var all []engine.Ref
	for i := range b.Events {
		all = append(all, engine.Ref{Kind: "event", Key: b.Events[i].Key})
	}
	for i := range b.Files {
		all = append(all, engine.Ref{Kind: "file", Key: b.Files[i].Key})
	}
	for i := range b.Indicators {
		all = append(all, engine.Ref{Kind: "indicator", Key: b.Indicators[i].Key})
	}
	for i := range b.Objects {
		all = append(all, engine.Ref{Kind: "object", Key: b.Objects[i].Key})
	}
	return all
}

// locate finds the ids of the nodes: as noted when the batch was shipped, else
// by asking. What is not found is not there.
func (r *retraction) locate(ctx context.Context) error {
	for ref := range r.drops {
		if id := r.note.Ours[nodeName(ref)] + r.note.Others[nodeName(ref)]; id != 0 {
			r.plan.ids[ref] = id
		}
	}
	for _, e := range r.plan.events {
		err := r.persist(ctx, func(bool) error {
			_, err := r.plan.findEvent(ctx, e, true)
			return err
		})
		if err != nil {
			return err
		}
	}
	var strange []*indicatorPlan
	for _, n := range r.plan.indicators {
		if r.plan.ids[n.refs[0]] == 0 {
			strange = append(strange, n)
		}
	}
	if len(strange) == 0 {
		return nil
	}
	return r.persist(ctx, func(bool) error {
		found, err := r.plan.findIndicators(ctx, strange)
		for _, n := range strange {
			if o := found.find(n); o != nil {
				r.plan.ids[n.refs[0]] = int64(o.ID)
			}
		}
		return err
	})
}

// unlinkAll removes the links that keep has not.
func (r *retraction) unlinkAll(keep *engine.Batch) func(context.Context) error {
	return func(ctx context.Context) error {
		stay := map[edge]bool{}
		for _, k := range keep.Relations {
			stay[edge{k.From, k.To}] = true
		}
		for _, e := range r.plan.edges {
			if stay[e] || r.shared[e.from] {
				r.plan.linked[e] = true
			}
		}
		for _, b := range r.plan.bundles() {
			if err := r.persist(ctx, func(bool) error { return r.untie(ctx, b) }); err != nil && !isKind(err, missing) {
				return err
			}
		}
		return nil
	}
}

// findShared finds the events that are those of other mails, too: what is tied to
// them may be those mails', and stays.
func (r *retraction) findShared(ctx context.Context) error {
	for _, e := range r.plan.events {
		id := r.plan.ids[e.ref]
		if id == 0 {
			continue
		}
		err := r.persist(ctx, func(bool) error {
			have, err := r.readEvent(ctx, id)
			if err == nil {
				r.shared[e.ref] = len(r.otherMails(e, have)) > 0
			}
			return err
		})
		if err != nil && !isKind(err, missing) {
			return err
		}
		if !r.shared[e.ref] {
			continue
		}
		for _, peer := range r.plan.peersOf[e.ref] {
			r.shared[peer], r.keeps[peer], r.drops[peer] = true, true, false
		}
	}
	return nil
}

func (r *retraction) otherMails(e *eventPlan, have *eventObject) []string {
	var all []string
	for _, a := range have.Attributes {
		if attributeName(a) == attrSeenIn && a.Value != e.rec.SeenIn {
			all = append(all, a.Value)
		}
	}
	return all
}

// untie removes the links of a bundle, by the ids of their pivots.
func (r *retraction) untie(ctx context.Context, b *bundle) error {
	path := fmt.Sprintf("/%s/%d/%s", r.plan.home(b.from), r.plan.ids[b.from], url.PathEscape(b.collection))
	var pivots []wire.Int
	err := each(ctx, r.api, path, nil, func(o wire.Object) bool {
		if o.Pivot != nil && slices.ContainsFunc(b.to, func(to engine.Ref) bool { return r.plan.ids[to] == int64(o.ID) }) {
			pivots = append(pivots, o.Pivot.ID)
		}
		return true
	})
	if err != nil || len(pivots) == 0 {
		return err
	}
	if _, err := ask[wire.Object](ctx, r.api, http.MethodDelete, path, nil, pivots); err != nil && !isKind(err, missing) {
		return err
	}
	r.done.Unlinked = append(r.done.Unlinked, fmt.Sprintf("%s: %d of its %s", r.plan.describe(b.from), len(pivots), b.collection))
	return nil
}

// dropEvents deletes the events that are ours alone.
func (r *retraction) dropEvents(ctx context.Context) error {
	for _, e := range r.plan.events {
		if !r.drops[e.ref] || r.plan.ids[e.ref] == 0 {
			continue
		}
		if err := r.persist(ctx, func(bool) error { return r.dropEvent(ctx, e) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *retraction) dropEvent(ctx context.Context, e *eventPlan) error {
	id := r.plan.ids[e.ref]
	have, err := r.readEvent(ctx, id)
	switch {
	case isKind(err, missing):
		return r.forget(ctx, noteEvent, e.rec.Key, e.ref)
	case err != nil:
		return err
	case !r.isOurs(&have.Object, e.rec.Key):
		r.done.Left = append(r.done.Left, fmt.Sprintf("event %d: it does not carry our key any more", id))
		return nil
	}
	if others := r.otherMails(e, have); len(others) > 0 {
		r.done.Left = append(r.done.Left, fmt.Sprintf("event %d: it was seen in %s, too", id, strings.Join(others, ", ")))
		return r.removeAttributes(ctx, "events", id, have.Attributes, []wire.Attribute{{Name: attrSeenIn, Value: e.rec.SeenIn}})
	}
	return r.remove(ctx, "events", noteEvent, e.rec.Key, e.ref)
}

// remove deletes an object and forgets it.
func (r *retraction) remove(ctx context.Context, collection, kind, key string, ref engine.Ref) error {
	id := r.plan.ids[ref]
	_, err := ask[wire.Object](ctx, r.api, http.MethodDelete, fmt.Sprintf("/%s/%d", collection, id), nil, nil)
	if err != nil && !isKind(err, missing) {
		return err
	}
	r.done.Deleted = append(r.done.Deleted, r.plan.describe(ref))
	return r.forget(ctx, kind, key, ref)
}

func (r *retraction) forget(ctx context.Context, kind, key string, ref engine.Ref) error {
	delete(r.note.Ours, nodeName(ref))
	delete(r.note.Others, nodeName(ref))
	r.plan.ids[ref] = 0
	if kind == "" {
		return nil
	}
	return r.keep(ctx, kind, key, "")
}

// made tells whether this sink made a node, with this batch or with one that was
// taken back while others still referred to it.
func (r *retraction) made(ctx context.Context, ref engine.Ref) (bool, error) {
	if r.note.Ours[nodeName(ref)] == r.plan.ids[ref] {
		return true, nil
	}
	id, err := r.recallID(ctx, noteOurs, nodeName(ref))
	return id != 0 && id == r.plan.ids[ref], err
}

func (r *retraction) dropFiles(ctx context.Context) error {
	for _, f := range r.plan.files {
		if !r.drops[f.ref] || r.plan.ids[f.ref] == 0 {
			continue
		}
		err := r.persist(ctx, func(bool) error {
			gone, err := r.dropNode(ctx, "attachments", noteFile, f.ref.Key, f.ref)
			if err == nil && !gone {
				r.done.Left = append(r.done.Left, r.plan.describe(f.ref)+": others made it or refer to it")
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dropNode deletes a file or an indicator that is ours and that nothing refers
// to. If others still do, it is remembered as ours for when they are taken back.
func (r *retraction) dropNode(ctx context.Context, collection, kind, key string, ref engine.Ref) (gone bool, err error) {
	ours, err := r.made(ctx, ref)
	if err != nil || !ours {
		return false, err
	}
	have, err := r.read(ctx, collection, r.plan.ids[ref], "events,indicators,attachments,adversaries,malware,campaign,signatures")
	if isKind(err, missing) {
		return true, r.forget(ctx, kind, key, ref)
	}
	if err != nil {
		return false, err
	}
	if n := len(have.Events) + len(have.Indicators) + len(have.Attachments) + len(have.Adversaries) + len(have.Malware) + len(have.Campaign) + len(have.Signatures); n > 0 {
		return false, r.noteID(ctx, noteOurs, nodeName(ref), r.plan.ids[ref])
	}
	return true, r.remove(ctx, collection, kind, key, ref)
}

func (r *retraction) dropIndicators(ctx context.Context) error {
	for _, n := range r.plan.indicators {
		ref := n.refs[0]
		if r.plan.ids[ref] == 0 || slices.ContainsFunc(n.refs, func(ref engine.Ref) bool { return r.keeps[ref] }) {
			continue
		}
		if err := r.persist(ctx, func(bool) error { return r.dropIndicator(ctx, ref) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *retraction) dropIndicator(ctx context.Context, ref engine.Ref) error {
	gone, err := r.dropNode(ctx, "indicators", "", "", ref)
	if err != nil || gone {
		return err
	}
	id := r.plan.ids[ref]
	have, err := r.read(ctx, "indicators", id, "status,comments")
	switch {
	case isKind(err, missing):
		return nil
	case err != nil:
		return err
	}
	words := fmt.Sprintf("tqmailrules took back what it had shipped of %s", line(r.shipped.Origin.Name, maxName))
	if !slices.ContainsFunc(have.Comments, func(c wire.Comment) bool { return c.Value == words }) {
		if _, err := ask[wire.Comment](ctx, r.api, http.MethodPost, fmt.Sprintf("/indicators/%d/comments", id), nil, object{"value": words}); err != nil {
			return err
		}
	}
	change := "a comment"
	status, configured := r.list.statuses.find(r.cfg.Retracted)
	whitelisted, _ := r.list.statuses.find("Whitelisted")
	if now := max(have.StatusID, have.Status.ID); configured && now != status.ID && (whitelisted.ID == 0 || now != whitelisted.ID) {
		if _, err := ask[wire.Object](ctx, r.api, http.MethodPut, fmt.Sprintf("/indicators/%d", id), nil, object{"status_id": status.ID}); err != nil {
			return err
		}
		change = "status " + status.Name
	}
	r.done.Changed = append(r.done.Changed, r.plan.describe(ref)+": "+change)
	return nil
}

// said are the attributes of an event that rules decide.
func said(e *engine.EventRecord) []engine.AttributeRecord {
	all := slices.Clone(e.Attributes)
	if e.Score != 0 {
		all = append(all, engine.AttributeRecord{Name: attrScore, Value: fmt.Sprint(e.Score)})
	}
	return all
}

// dropAttributes removes, from events that stay, the attributes that keep lacks.
func (r *retraction) dropAttributes(keep *engine.Batch) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, e := range r.plan.events {
			i := slices.IndexFunc(keep.Events, func(k engine.EventRecord) bool { return k.Key == e.rec.Key })
			if i < 0 || r.plan.ids[e.ref] == 0 {
				continue
			}
			drop := lacking(r.attributes(said(e.rec)), r.attributes(said(&keep.Events[i])))
			err := r.persist(ctx, func(bool) error {
				have, err := r.readEvent(ctx, r.plan.ids[e.ref])
				if err != nil || len(drop) == 0 {
					return err
				}
				return r.removeAttributes(ctx, "events", r.plan.ids[e.ref], have.Attributes, drop)
			})
			if err != nil && !isKind(err, missing) {
				return err
			}
		}
		return nil
	}
}

// removeAttributes deletes the rows that say what is to go.
func (r *retraction) removeAttributes(ctx context.Context, collection string, id int64, have, drop []wire.Attribute) error {
	n := 0
	for _, a := range have {
		if a.ID == 0 || attributeName(a) == attrKey || !slices.ContainsFunc(drop, func(d wire.Attribute) bool { return sameAttribute(d, a) }) {
			continue
		}
		path := fmt.Sprintf("/%s/%d/attributes/%d", collection, id, a.ID)
		if _, err := ask[wire.Object](ctx, r.api, http.MethodDelete, path, nil, nil); err != nil && !isKind(err, missing) {
			return err
		}
		n++
	}
	if n > 0 {
		r.done.Changed = append(r.done.Changed, fmt.Sprintf("%s %d: %d attributes fewer", collection, id, n))
	}
	return nil
}
