package threatq

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// bundle is what one node is to be tied to in one collection: one request.
type bundle struct {
	from       engine.Ref
	collection string
	to         []engine.Ref
}

// relate makes the links that no earlier request made.
func (p *shipment) relate(ctx context.Context) error {
	for _, b := range p.bundles() {
		err := p.persist(ctx, func(again bool) error { return p.tie(ctx, b, again) })
		switch {
		case isKind(err, refused, doubted):
			if err := p.checkRemembered(ctx); err != nil {
				return err
			}
			p.refuse(engine.Ref{Kind: "relation", Key: p.describe(b.from) + " to " + b.collection}, cause(err).Error())
		case err != nil:
			return err
		}
	}
	return nil
}

// bundles gathers what is left to be tied, in the order of the batch. A file is
// tied to all its indicators at once.
func (p *shipment) bundles() []*bundle {
	var all []*bundle
	for _, e := range p.edges {
		if p.linked[e] || p.ids[e.from] == 0 || p.ids[e.to] == 0 || e.from == e.to {
			continue
		}
		home := p.home(e.to)
		i := slices.IndexFunc(all, func(b *bundle) bool { return b.from == e.from && b.collection == home })
		if i < 0 {
			all = append(all, &bundle{from: e.from, collection: home})
			i = len(all) - 1
		}
		if !slices.ContainsFunc(all[i].to, func(r engine.Ref) bool { return p.ids[r] == p.ids[e.to] }) {
			all[i].to = append(all[i].to, e.to)
		}
	}
	return all
}

// home is the collection of a node.
func (p *shipment) home(ref engine.Ref) string {
	for _, o := range p.objects {
		if o.ref == ref {
			return o.collection
		}
	}
	switch ref.Kind {
	case "event":
		return "events"
	case "file":
		return "attachments"
	default:
		return "indicators"
	}
}

// tie links one node to others. Where a link may be there already, that is asked
// first.
func (p *shipment) tie(ctx context.Context, b *bundle, again bool) error {
	path := fmt.Sprintf("/%s/%d/%s", p.home(b.from), p.ids[b.from], url.PathEscape(b.collection))
	there := map[int64]bool{}
	old := func(r engine.Ref) bool { return !p.fresh[r] }
	inlineMaybe := b.from.Kind == "file" && b.collection == "indicators" && p.does[consumeFiles] == unknown
	if again || inlineMaybe || old(b.from) && slices.ContainsFunc(b.to, old) {
		err := each(ctx, p.api, path, nil, func(o wire.Object) bool {
			there[int64(o.ID)] = true
			return true
		})
		if err != nil {
			return err
		}
	}
	var ids []object
	for _, r := range b.to {
		if !there[p.ids[r]] {
			ids = append(ids, object{"id": p.ids[r]})
		}
	}
	return postAll(ctx, p.Sink, path, ids)
}

// note remembers a batch that was shipped whole.
func (p *shipment) note(ctx context.Context, digest string) error {
	n := batchNote{Digest: digest, Ours: map[string]int64{}, Others: map[string]int64{}}
	before, err := p.recallBatch(ctx, p.batch.Key)
	if err != nil {
		return err
	}
	for ref, id := range p.ids {
		if name := nodeName(ref); p.fresh[ref] || before.Ours[name] == id {
			n.Ours[name] = id
		} else {
			n.Others[name] = id
		}
	}
	for ref := range p.refused {
		n.Refused = append(n.Refused, nodeName(ref))
	}
	slices.SortFunc(n.Refused, cmp.Compare)
	return p.keepBatch(ctx, p.batch.Key, n)
}
