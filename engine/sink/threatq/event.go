package threatq

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// eventObject is an event as it is read: with the source of a spearphish.
type eventObject struct {
	wire.Object
	Spearphish *struct {
		Value string `json:"value"`
	} `json:"spearphish"`
}

// shipEvents makes sure of the events and of what stands on them.
func (p *shipment) shipEvents(ctx context.Context) error {
	for _, e := range p.events {
		ship := func(again bool) error {
			if p.imports(e) {
				return p.importEvent(ctx, e, again)
			}
			return p.shipEvent(ctx, e, again)
		}
		if err := p.persist(ctx, ship); err != nil {
			return fmt.Errorf("event %s: %w", e.rec.Key, err)
		}
	}
	return nil
}

// shipEvent finds the event or makes it, and adds what it lacks.
func (p *shipment) shipEvent(ctx context.Context, e *eventPlan, again bool) error {
	have, err := p.findEvent(ctx, e, again)
	if err != nil {
		return err
	}
	if have == nil {
		if have, err = p.makeEvent(ctx, e); err != nil {
			return err
		}
	}
	return p.completeEvent(ctx, e, have)
}

// findEvent looks for an event of our key: where it is remembered to be, else
// among those of its time. nil: there is none.
func (p *shipment) findEvent(ctx context.Context, e *eventPlan, again bool) (*eventObject, error) {
	id := p.ids[e.ref]
	if id == 0 && !p.doubting {
		var err error
		if id, err = p.recallID(ctx, noteEvent, e.rec.Key); err != nil {
			return nil, err
		}
	}
	if id == 0 {
		if search, err := p.mustSearch(ctx, e, again); !search {
			return nil, err
		}
		var err error
		if id, err = p.searchEvent(ctx, e.rec.Key, e.want.HappenedAt.Time, e.want.Title); err != nil || id == 0 {
			return nil, err
		}
	}
	have, err := p.readEvent(ctx, id)
	if isKind(err, missing) || err == nil && !p.isOurs(&have.Object, e.rec.Key) {
		delete(p.ids, e.ref)
		id, err = p.searchEvent(ctx, e.rec.Key, e.want.HappenedAt.Time, e.want.Title)
		if err != nil || id == 0 {
			return nil, err
		}
		have, err = p.readEvent(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	p.shipped(e.ref, id)
	return have, p.noteID(ctx, noteEvent, e.rec.Key, id)
}

// mustSearch tells whether an event may be there that is not remembered. Only a
// sink that is alone can know that it is not: when the mail came after the memory
// began, and making its event was never begun. The latter is noted here.
func (p *shipment) mustSearch(ctx context.Context, e *eventPlan, again bool) (bool, error) {
	if !p.cfg.Alone || again || p.doubting {
		return true, nil
	}
	_, begun, err := p.cfg.Memory.Recall(ctx, p.scope(), noteAttempt, e.rec.Key)
	if err != nil || begun {
		return true, remembering(err)
	}
	since, err := p.memoryBegan(ctx)
	if err != nil || !p.batch.Origin.Received.After(since) {
		return true, err
	}
	return false, p.keep(ctx, noteAttempt, e.rec.Key, "begun")
}

// readEvent reads an event with all that may stand on it.
func (s *Sink) readEvent(ctx context.Context, id int64) (*eventObject, error) {
	path := fmt.Sprintf("/events/%d", id)
	with := "attributes,tags,sources,attachments"
	if s.maybe(withSpear) {
		page, err := ask[eventObject](ctx, s.api, http.MethodGet, path, url.Values{"with": {with + ",spearphish"}}, nil)
		if err == nil && len(page.Data) > 0 {
			s.learn(withSpear, true)
			return &page.Data[0], nil
		}
		if isKind(err, missing) || !s.lacks(withSpear, err) {
			return nil, cmp.Or(err, error(&fault{"GET " + path, missing, fmt.Errorf("nothing there")}))
		}
	}
	page, err := ask[eventObject](ctx, s.api, http.MethodGet, path, url.Values{"with": {with}}, nil)
	if err != nil || len(page.Data) == 0 {
		return nil, cmp.Or(err, error(&fault{"GET " + path, missing, fmt.Errorf("nothing there")}))
	}
	return &page.Data[0], nil
}

// maxCandidates is how many events of one time are looked at, the newest first:
// dates come from attackers, too, and one that was interrupted is new.
const maxCandidates = 200

// searchEvent finds the event with our key among those that happened at one
// time; 0 when there is none. Titles come from attackers, and the platform's
// title filter takes % and comma for its own, so that the key is compared here.
func (s *Sink) searchEvent(ctx context.Context, key string, at time.Time, title string) (int64, error) {
	stamp := at.Format(wire.TimeLayout)
	ways := []struct {
		known feature
		list  func(f func(wire.Object) bool) error
	}{
		{listByTime, func(f func(wire.Object) bool) error {
			return each(ctx, s.api, "/events", filter("happened_at", stamp, "with", "attributes", "sort", "-created_at,id"), f)
		}},
		{queryByTime, func(f func(wire.Object) bool) error {
			return s.query(ctx, "/events/query", object{"happened_at": stamp}, "attributes", f)
		}},
		{listByTitle, func(f func(wire.Object) bool) error {
			return each(ctx, s.api, "/events", filter("title", filterText(title), "with", "attributes", "sort", "-created_at,id"), f)
		}},
	}
	for _, way := range ways {
		if !s.maybe(way.known) {
			continue
		}
		id, ignored, seen := int64(0), false, 0
		err := way.list(func(o wire.Object) bool {
			seen++
			if s.isOurs(&o, key) {
				id = int64(o.ID)
			}
			ignored = ignored || way.known != listByTitle && !o.HappenedAt.Equal(at)
			return id == 0 && !ignored && seen < maxCandidates
		})
		if err != nil && !s.lacks(way.known, err) || err == nil && (id != 0 || !ignored) {
			return id, err
		}
		s.learn(way.known, false)
	}
	return 0, nil
}

// isOurs tells whether an event is the one of a key. One that the server parsed
// carries the key at the end of its description until its attributes are there;
// one that has the attribute is never judged by its description, since that is
// the text of a mail.
func (s *Sink) isOurs(o *wire.Object, key string) bool {
	for _, a := range o.Attributes {
		if attributeName(a) == attrKey {
			return a.Value == key
		}
	}
	return s.cfg.ParseServer != nil && strings.HasSuffix(o.Description, keyLine(key))
}

// keyLine ends the description of an event that the server parses.
func keyLine(key string) string { return attrKey + ": " + key }

// makeEvent makes an event, and returns what is on it then.
func (p *shipment) makeEvent(ctx context.Context, e *eventPlan) (*eventObject, error) {
	want, tries, id, err := p.postEvent(ctx, e)
	if err != nil {
		return nil, err
	}
	p.shipped(e.ref, id)
	p.fresh[e.ref] = true
	if err := p.noteID(ctx, noteEvent, e.rec.Key, id); err != nil {
		return nil, err
	}
	if err := p.proveSearch(ctx, e, id); err != nil {
		return nil, err
	}
	if !p.unsure(tries) {
		return &eventObject{Object: want}, nil
	}
	have, err := p.readEvent(ctx, id)
	if err == nil {
		p.learnEvent(tries, &want, have)
	}
	return have, err
}

// postEvent makes an event with all that the server takes in one request; with
// less, where it refuses that. tries are the features that were made use of.
func (p *shipment) postEvent(ctx context.Context, e *eventPlan) (want wire.Object, tries []feature, id int64, err error) {
	want, tries = p.eventRequest(e), p.eventFeatures(e)
	got, err := made(ask[wire.Object](ctx, p.api, http.MethodPost, "/events", nil, want))
	if isKind(err, refused) {
		if gone := p.checkRemembered(ctx); gone != nil {
			return want, nil, 0, gone
		}
		if p.dropTLP(err) {
			return p.postEvent(ctx, e)
		}
		if p.unsure(tries) {
			for _, f := range tries {
				p.learn(f, false)
			}
			return p.postEvent(ctx, e)
		}
	}
	if isKind(err, refused, tooLarge) {
		want, tries = p.least(e), nil
		got, err = made(ask[wire.Object](ctx, p.api, http.MethodPost, "/events", nil, want))
	}
	return want, tries, int64(got.ID), err
}

// least is as much of an event as is found again. The rest follows in pieces: it
// was too much, or something of it is refused, which need not be all.
func (p *shipment) least(e *eventPlan) wire.Object {
	want := e.want
	want.Tags, want.Attachments, want.Sources = nil, nil, p.shown(want.Sources)
	want.Attributes = wire.List[wire.Attribute]{{Name: attrKey, Value: e.rec.Key}}
	return want
}

// eventFeatures are what a request for an event makes use of.
func (p *shipment) eventFeatures(e *eventPlan) []feature {
	var all []feature
	if len(e.want.Tags) > 0 && p.maybe(eventTags) {
		all = append(all, eventTags)
	}
	if len(p.filesOf(e)) > 0 && p.maybe(eventFiles) {
		all = append(all, eventFiles)
	}
	return all
}

// unsure tells whether any of the features was never seen to work.
func (s *Sink) unsure(all []feature) bool {
	return slices.ContainsFunc(all, func(f feature) bool { return !s.trusted(f) })
}

func (p *shipment) eventRequest(e *eventPlan) wire.Object {
	want := e.want
	want.Tags, want.Sources = nil, p.shown(want.Sources)
	for _, f := range p.eventFeatures(e) {
		switch f {
		case eventTags:
			want.Tags = e.want.Tags
		case eventFiles:
			want.Attachments = p.filesOf(e)
		}
	}
	return want
}

// filesOf are the files that an event is tied to, as far as they are there.
func (p *shipment) filesOf(e *eventPlan) wire.List[wire.Object] {
	var all wire.List[wire.Object]
	for _, f := range p.peers(e.ref, "file") {
		if id := p.ids[f]; id != 0 {
			all = append(all, wire.Object{ID: wire.Int(id)})
		}
	}
	return all
}

// learnEvent compares what was sent with what is there.
func (s *Sink) learnEvent(tries []feature, sent *wire.Object, have *eventObject) {
	for _, f := range tries {
		switch f {
		case eventTags:
			s.learn(f, len(lackingTags(sent.Tags, have.Tags)) == 0)
		case eventFiles:
			s.learn(f, containsIDs(have.Attachments, sent.Attachments))
		}
	}
}

func containsIDs(have, want []wire.Object) bool {
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h wire.Object) bool { return h.ID == w.ID }) {
			return false
		}
	}
	return true
}

// proveSearch looks, once, whether the way of searching finds an event that is
// known to be there; else another way is taken.
func (p *shipment) proveSearch(ctx context.Context, e *eventPlan, id int64) error {
	for _, way := range []feature{listByTime, queryByTime} {
		if p.trusted(way) {
			return nil
		}
		if !p.maybe(way) {
			continue
		}
		found, err := p.searchEvent(ctx, e.rec.Key, e.want.HappenedAt.Time, e.want.Title)
		if err != nil {
			return err
		}
		p.learn(way, found == id)
	}
	return nil
}

// completeEvent adds what an event lacks.
func (p *shipment) completeEvent(ctx context.Context, e *eventPlan, have *eventObject) error {
	id := p.ids[e.ref]
	for _, f := range p.peers(e.ref, "file") {
		if slices.ContainsFunc(have.Attachments, func(o wire.Object) bool { return int64(o.ID) == p.ids[f] }) {
			p.linked[edge{e.ref, f}] = true
		}
	}
	if err := p.addAttributes(ctx, "events", id, p.news(e, have)); err != nil {
		return err
	}
	if err := p.addTags(ctx, "events", id, lackingTags(e.want.Tags, have.Tags)); err != nil {
		return err
	}
	if err := p.addSources(ctx, "events", id, e.want.Sources, have.Sources); err != nil {
		return err
	}
	return p.addRaw(ctx, e, id, have)
}

// maxSeenIn is how many mails an event names: a mail that is sent again and again
// must not make its event too large to be read.
const maxSeenIn = 1000

// news are the attributes that an event lacks.
func (p *shipment) news(e *eventPlan, have *eventObject) []wire.Attribute {
	seen := 0
	for _, a := range have.Attributes {
		if attributeName(a) == attrSeenIn {
			seen++
		}
	}
	lack := lacking(e.want.Attributes, have.Attributes)
	if seen < maxSeenIn {
		return lack
	}
	return slices.DeleteFunc(lack, func(a wire.Attribute) bool { return a.Name == attrSeenIn })
}

// addSources adds the sources that an object lacks. A source that is there and
// is shown to more people than ours may be is posted again, with our TLP.
func (p *shipment) addSources(ctx context.Context, collection string, id int64, want, have []wire.Source) error {
	var lack []wire.Source
	for _, w := range want {
		i := slices.IndexFunc(have, func(h wire.Source) bool { return strings.EqualFold(h.Name, w.Name) })
		if i < 0 || p.list.stricter(w, have[i]) {
			lack = append(lack, w)
		}
	}
	return postAll(ctx, p.Sink, fmt.Sprintf("/%s/%d/sources", collection, id), p.shown(lack))
}

// tlpIDs are the ids that all public clients know of the four that every
// platform has.
var tlpIDs = map[wire.Int]string{1: "RED", 2: "AMBER", 3: "GREEN", 4: "WHITE"}

// stricter tells whether ours may be shown to fewer people than theirs.
func (l *lists) stricter(ours, theirs wire.Source) bool {
	a, b := l.tlpOf(ours), l.tlpOf(theirs)
	return a != "" && a != b && engine.MostRestrictive(a, b) == a
}

func (l *lists) tlpOf(s wire.Source) string {
	id := max(s.TLPID, s.TLP.ID)
	return strings.ToUpper(cmp.Or(s.TLP.Name, l.tlps.nameOf(id), tlpIDs[id]))
}

// shown are sources with TLPs as the server knows them: by its id where it lists
// them, else by name.
func (s *Sink) shown(list wire.List[wire.Source]) wire.List[wire.Source] {
	all := slices.Clone(list)
	for i := range all {
		tlp := s.tlp(all[i].TLP.Name)
		if row, ok := s.list.tlps.find(tlp.Name); ok && tlp.Name != "" {
			all[i].TLP, all[i].TLPID = wire.Ref{}, row.ID
			continue
		}
		all[i].TLP = tlp
	}
	return all
}

// dropTLP tells whether a refusal is about a TLP that an older server lacks; from
// then on the older names are used.
func (s *Sink) dropTLP(err error) bool {
	if s.oldTLP || !strings.Contains(strings.ToLower(cause(err).Error()), "tlp") {
		return false
	}
	s.oldTLP = true
	s.once("tlp old", "the server lacks CLEAR or AMBER+STRICT: WHITE and RED are used in their place")
	return true
}

// addRaw puts the raw mail on the event of a spearphish.
func (p *shipment) addRaw(ctx context.Context, e *eventPlan, id int64, have *eventObject) error {
	if e.raw == "" || have.Spearphish != nil && have.Spearphish.Value != "" {
		return nil
	}
	_, err := ask[wire.Object](ctx, p.api, http.MethodPost, fmt.Sprintf("/events/%d/spearphish", id), nil, object{"value": e.raw})
	if isKind(err, doubted) && !e.doubtedRaw {
		e.doubtedRaw = true // once more
		return err
	}
	if isKind(err, refused, tooLarge, unsupported, doubted) {
		p.refuse(engine.Ref{Kind: "raw mail", Key: e.rec.Message.SHA256}, cause(err).Error())
		return nil
	}
	return err
}
