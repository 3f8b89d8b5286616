package threatq

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// read is an object with what is named in with.
func (s *Sink) read(ctx context.Context, collection string, id int64, with string) (wire.Object, error) {
	path := fmt.Sprintf("/%s/%d", collection, id)
	page, err := ask[wire.Object](ctx, s.api, http.MethodGet, path, url.Values{"with": {with}}, nil)
	switch {
	case err != nil:
		return wire.Object{}, err
	case len(page.Data) == 0:
		return wire.Object{}, &fault{http.MethodGet + " " + path, missing, fmt.Errorf("nothing there")}
	}
	return page.Data[0], nil
}

// ensureAttributes adds those that an object lacks.
func (s *Sink) ensureAttributes(ctx context.Context, collection string, id int64, want []wire.Attribute) error {
	return s.persist(ctx, func(bool) error {
		have, err := s.read(ctx, collection, id, "attributes")
		if err != nil {
			return err
		}
		return s.addAttributes(ctx, collection, id, lacking(want, have.Attributes))
	})
}

// addAttributes posts attributes, as many at a time as the server takes. One that
// it refuses does not keep the others.
func (s *Sink) addAttributes(ctx context.Context, collection string, id int64, list []wire.Attribute) error {
	err := postAll(ctx, s, fmt.Sprintf("/%s/%d/attributes", collection, id), list)
	if !isKind(err, refused, tooLarge) {
		return err
	}
	if len(list) == 1 {
		s.log.Warn("an attribute is refused", "collection", collection, "id", id, "name", list[0].Name, "reason", cause(err).Error())
		return nil
	}
	// Some of it may have been taken before the refusal.
	have, err := s.read(ctx, collection, id, "attributes")
	if err != nil {
		return err
	}
	list = lacking(list, have.Attributes)
	if len(list) == 0 {
		return nil
	}
	half := max(1, len(list)/2)
	if err := s.addAttributes(ctx, collection, id, list[:half]); err != nil || half == len(list) {
		return err
	}
	return s.addAttributes(ctx, collection, id, list[half:])
}

func (s *Sink) addTags(ctx context.Context, collection string, id int64, list []wire.Tag) error {
	names := make([]object, len(list))
	for i, t := range list {
		names[i] = object{"name": t.Name}
	}
	return postAll(ctx, s, fmt.Sprintf("/%s/%d/tags", collection, id), names)
}

// postAll posts a list in one request, or in halves where that is too much.
func postAll[T any](ctx context.Context, s *Sink, path string, list []T) error {
	if len(list) == 0 {
		return nil
	}
	err := error(nil)
	if len(list) <= pageSize {
		_, err = ask[wire.Object](ctx, s.api, http.MethodPost, path, nil, list)
	}
	if len(list) == 1 || len(list) <= pageSize && !isKind(err, tooLarge) {
		return err
	}
	half := len(list) / 2
	if err := postAll(ctx, s, path, list[:half]); err != nil {
		return err
	}
	return postAll(ctx, s, path, list[half:])
}

// shipObjects makes sure of adversaries, malware and the like, which are known
// by name.
func (p *shipment) shipObjects(ctx context.Context) error {
	for _, o := range p.objects {
		err := p.persist(ctx, func(bool) error { return p.shipObject(ctx, o) })
		switch {
		case isKind(err, refused, missing, unsupported, doubted):
			p.refuse(o.ref, cause(err).Error())
		case err != nil:
			return err
		}
	}
	return nil
}

func (p *shipment) shipObject(ctx context.Context, o *objectPlan) error {
	key := o.collection + "\x1f" + o.name
	if !p.doubting {
		id, err := p.recallID(ctx, noteObject, key)
		if err != nil {
			return err
		}
		if id != 0 {
			p.shipped(o.ref, id)
			return nil
		}
	}
	id, err := p.findObject(ctx, o)
	if err != nil {
		return err
	}
	if id == 0 {
		if id, err = p.makeObject(ctx, o); err != nil {
			return err
		}
		p.fresh[o.ref] = true
	}
	p.shipped(o.ref, id)
	return p.noteID(ctx, noteObject, key, id)
}

// nameField is the field of the natural key.
func nameField(collection string) string {
	if collection == "adversaries" {
		return "name"
	}
	return "value"
}

func (s *Sink) findObject(ctx context.Context, o *objectPlan) (int64, error) {
	found := int64(0)
	err := each(ctx, s.api, "/"+url.PathEscape(o.collection), filter(nameField(o.collection), filterText(o.name)), func(got wire.Object) bool {
		if strings.EqualFold(got.Value, o.name) || strings.EqualFold(got.Name, o.name) {
			found = int64(got.ID)
		}
		return found == 0
	})
	return found, err
}

// filterText makes a filter that finds at least what is wanted: the platform
// takes a filter apart at its commas, and % stands for any text.
func filterText(name string) string { return strings.ReplaceAll(name, ",", "%") }

func (s *Sink) makeObject(ctx context.Context, o *objectPlan) (int64, error) {
	want := wire.Object{Value: o.name}
	if nameField(o.collection) == "name" {
		want = wire.Object{Name: o.name}
	}
	want.Sources = s.shown(s.sources("", ""))
	got, err := made(ask[wire.Object](ctx, s.api, http.MethodPost, "/"+url.PathEscape(o.collection), nil, want))
	return int64(got.ID), err
}
