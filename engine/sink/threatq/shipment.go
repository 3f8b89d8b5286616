package threatq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

const (
	maxTitle = 255    // bytes of a title; the whole subject is an attribute
	maxName  = 255    // bytes of the name of an attribute, a tag or a source
	maxValue = 65_500 // bytes of the value of an indicator; it is not cut, since a cut one is another
)

// The attributes that this package gives events and files by itself.
const (
	attrKey       = "tqmailrules-key"
	attrSeenIn    = "Seen In"
	attrScore     = "Score"
	attrLimit     = "Limit Reached"
	attrNot       = "Not Shipped"
	attrType      = "Type"
	attrCollision = "MD5 Collision"
	attrRawName   = "Raw Name"
	attrAlias     = "File Name"
)

// shipment is one batch on its way: what it wants to be at the server, merged
// and mapped to the server's lists, and what has become of each node so far.
type shipment struct {
	*Sink
	batch    *engine.Batch
	doubting bool // remembered ids do not count

	events     []*eventPlan
	files      []*filePlan
	indicators []*indicatorPlan
	objects    []*objectPlan
	edges      []edge

	ids     map[engine.Ref]int64
	fresh   map[engine.Ref]bool // created here: nothing is on them but what we put there
	linked  map[edge]bool       // made inline
	refused map[engine.Ref]string
	byForm  map[identity]*indicatorPlan
	peersOf map[engine.Ref][]engine.Ref
	checked bool // that remembered files are there
}

// edge ties two nodes; the order is that of engine.Relation.
type edge struct{ from, to engine.Ref }

type eventPlan struct {
	ref  engine.Ref
	rec  *engine.EventRecord
	want wire.Object
	raw  string // source of a spearphish, fit for JSON; "" when none

	doubtedRaw   bool // what became of posting raw was not certain
	refusedParse bool // the server was to parse it, and does not
}

type filePlan struct {
	ref  engine.Ref
	rec  *engine.FileRecord
	want wire.Object
	sums sums

	alias    string // our name, where the server knows the file by another
	collides string // what has the same MD5
}

type indicatorPlan struct {
	refs  []engine.Ref // one, or several that are one at the server
	forms []identity
	want  wire.Object
	sent  *wire.Object // what was last posted
}

type objectPlan struct {
	ref        engine.Ref
	collection string
	name       string
}

// newShipment plans a batch. It fails where the server's lists lack what the
// batch names, which an operator has to mend.
func (s *Sink) newShipment(b *engine.Batch, doubting bool) (*shipment, error) {
	p := &shipment{
		Sink: s, batch: b, doubting: doubting, ids: map[engine.Ref]int64{}, fresh: map[engine.Ref]bool{},
		linked: map[edge]bool{}, refused: map[engine.Ref]string{}, byForm: map[identity]*indicatorPlan{}, peersOf: map[engine.Ref][]engine.Ref{},
	}
	for _, r := range b.Relations {
		p.edges = append(p.edges, edge{r.From, r.To})
	}
	var errs []error
	for i := range b.Files {
		p.planFile(&b.Files[i])
	}
	for i := range b.Events {
		errs = append(errs, p.planEvent(&b.Events[i]))
	}
	for i := range b.Indicators {
		errs = append(errs, p.planIndicator(&b.Indicators[i]))
	}
	for i := range b.Objects {
		o := &b.Objects[i]
		p.planObject(engine.Ref{Kind: "object", Key: o.Key}, collectionOf(o.Type), objectName(o))
	}
	for _, e := range p.edges {
		p.peersOf[e.from] = append(p.peersOf[e.from], e.to)
		p.peersOf[e.to] = append(p.peersOf[e.to], e.from)
	}
	return p, errors.Join(errs...)
}

func (p *shipment) planEvent(e *engine.EventRecord) error {
	typ, ok := p.list.eventTypes.find(e.Type)
	if !ok {
		return fmt.Errorf("event type %q is not at the server, which has: %s", e.Type, p.list.eventTypes.names())
	}
	description, cut := tidy(e.Description, p.cfg.DescriptionCap)
	extra := []engine.AttributeRecord{{Name: attrKey, Value: e.Key}}
	if cut {
		extra = append(extra, engine.AttributeRecord{Name: attrLimit, Value: "description"})
	}
	if e.SeenIn != "" {
		extra = append(extra, engine.AttributeRecord{Name: attrSeenIn, Value: e.SeenIn})
	}
	if e.Score != 0 {
		extra = append(extra, engine.AttributeRecord{Name: attrScore, Value: fmt.Sprint(e.Score)})
	}
	plan := &eventPlan{ref: engine.Ref{Kind: "event", Key: e.Key}, rec: e}
	if e.Raw != nil {
		more, err := p.planRaw(plan)
		if err != nil {
			return err
		}
		extra = append(extra, more...)
	}
	plan.want = wire.Object{
		Title: cmp.Or(line(e.Title, maxTitle), "(no subject)"), Type: wire.Named(typ.Name), TypeID: typ.ID, Description: description,
		HappenedAt: wire.At(stamp(e.HappenedAt, e.Message.Date, e.Message.Received, p.batch.Origin.Received)),
		Sources:    p.sources(e.Source, e.TLP), Tags: tags(e.Tags), Attributes: p.attributes(slices.Concat(e.Attributes, extra)),
	}
	p.events = append(p.events, plan)
	return nil
}

func (p *shipment) planFile(f *engine.FileRecord) {
	var extra []engine.AttributeRecord
	if f.RawName != "" {
		extra = append(extra, engine.AttributeRecord{Name: attrRawName, Value: f.RawName})
	}
	locked := wire.Flag(f.Locked)
	name := fileName(f)
	p.files = append(p.files, &filePlan{ref: engine.Ref{Kind: "file", Key: f.Key}, rec: f, want: wire.Object{
		Name: name, Title: name, Type: wire.Named(p.fileType(f.Type)), MalwareLocked: &locked,
		Sources: p.sources(f.Source, f.TLP), Tags: tags(f.Tags), Attributes: p.attributes(slices.Concat(f.Attributes, extra)),
	}})
}

// fileName is never empty, never a path, and of one line.
func fileName(f *engine.FileRecord) string {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r < ' ' {
			return '_'
		}
		return r
	}, line(f.Name, maxName))
	if strings.Trim(name, ".") == "" {
		return "file-" + f.Key[:min(len(f.Key), 16)]
	}
	return name
}

// fileType is the server's spelling of a type, or ours: it makes those it lacks.
func (s *Sink) fileType(name string) string {
	if row, ok := s.list.fileTypes.find(name); ok {
		return row.Name
	}
	return cmp.Or(name, "Generic Text")
}

func (p *shipment) planIndicator(i *engine.IndicatorRecord) error {
	ref := engine.Ref{Kind: "indicator", Key: i.Key}
	value, _ := tidy(i.Value, maxValue)
	if len(i.Value) > maxValue || strings.TrimSpace(value) == "" {
		p.refuse(ref, fmt.Sprintf("a value of %d bytes", len(i.Value)))
		return nil
	}
	typ, attributes := p.indicatorType(i.Type)
	if collection, isObject := strings.CutPrefix(typ, objectPrefix); isObject {
		p.planObject(ref, collection, value)
		return nil
	}
	row, ok := p.list.indicatorTypes.find(typ)
	if !ok {
		return fmt.Errorf("indicator type %q is not at the server, which has: %s", typ, p.list.indicatorTypes.names())
	}
	want := wire.Object{
		Value: value, Type: wire.Named(row.Name), TypeID: row.ID, Class: row.Class, Sources: p.sources(i.Source, i.TLP), Tags: tags(i.Tags),
		Attributes: p.attributes(slices.Concat(i.Attributes, attributes)),
	}
	if want.Class != "network" && want.Class != "host" {
		want.Class = ""
	}
	if name := cmp.Or(i.Status, p.cfg.Status); name != "" {
		status, ok := p.list.statuses.find(name)
		if !ok {
			return fmt.Errorf("indicator status %q is not at the server, which has: %s", name, p.list.statuses.names())
		}
		want.Status, want.StatusID = wire.Named(status.Name), status.ID
	}
	p.addIndicator(&indicatorPlan{refs: []engine.Ref{ref}, forms: forms(row.Name, value), want: want})
	return nil
}

// addIndicator adds a plan, or merges it into the one that is the same at the
// server: two of our types may be one there.
func (p *shipment) addIndicator(n *indicatorPlan) {
	if old := p.byForm[n.forms[0]]; old != nil {
		old.refs = append(old.refs, n.refs...)
		old.want.Attributes = mergeAttributes(append(old.want.Attributes, n.want.Attributes...))
		return
	}
	p.byForm[n.forms[0]] = n
	p.indicators = append(p.indicators, n)
}

// indicatorType maps one of our types to the server's, and says what is lost by
// an attribute.
func (s *Sink) indicatorType(name string) (typ string, lost []engine.AttributeRecord) {
	if to := s.cfg.Types[name]; to != "" {
		return to, nil
	}
	if row, ok := s.list.indicatorTypes.find(name); ok {
		return row.Name, nil
	}
	s.once("type "+name, "the server lacks an indicator type: it is shipped as String with an attribute", "type", name)
	return "String", []engine.AttributeRecord{{Name: attrType, Value: name}}
}

// objectPrefix marks a mapping of an indicator type to a collection of objects.
const objectPrefix = "object:"

func isObjectType(name string) bool { return strings.HasPrefix(name, objectPrefix) }

func (p *shipment) planObject(ref engine.Ref, collection, name string) {
	name = line(name, maxTitle)
	if name == "" {
		p.refuse(ref, "an empty name")
		return
	}
	p.objects = append(p.objects, &objectPlan{ref, collection, name})
}

// objectName is what the platform calls an object: attack patterns of ATT&CK begin with
// their number there, as its own feeds have it.
func objectName(o *engine.ObjectRecord) string {
	if o.Type == "attack_pattern" && o.ID != "" && o.ID != o.Name {
		return o.ID + " - " + o.Name
	}
	return o.Name
}

// collectionOf is where objects of a type live: of those that batches hold, only
// adversaries are plural.
func collectionOf(typ string) string {
	name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(typ)), " ", "_")
	if name == "adversary" {
		return "adversaries"
	}
	return name
}

func (p *shipment) refuse(ref engine.Ref, reason string) {
	p.refused[ref] = reason
	p.log.Warn("not shipped", "batch", p.batch.Key, "kind", ref.Kind, "reason", line(reason, maxName))
}

// sources are the one source of a record, and who may see what it says.
func (s *Sink) sources(name, tlp string) wire.List[wire.Source] {
	name = line(cmp.Or(name, s.cfg.Source), maxName)
	if name == "" {
		return nil
	}
	return wire.List[wire.Source]{{Name: name, TLP: s.tlp(cmp.Or(tlp, s.cfg.TLP))}}
}

// tlps are the names that the platform knows. Older ones lack the last two: see
// Sink.oldTLP.
var tlps = []string{"RED", "AMBER", "GREEN", "WHITE", "CLEAR", "AMBER+STRICT"}

func (s *Sink) tlp(name string) wire.Ref {
	name = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "TLP:")
	switch {
	case name == "":
		return wire.Ref{}
	case !slices.Contains(tlps, name):
		s.once("tlp "+name, "no such TLP: it is left out", "tlp", name)
		return wire.Ref{}
	case s.oldTLP && name == "CLEAR":
		return wire.Named("WHITE")
	case s.oldTLP && name == "AMBER+STRICT":
		return wire.Named("RED") // the next one that shows it to nobody whom it must not reach
	}
	return wire.Named(name)
}

func tags(names []string) wire.List[wire.Tag] {
	var all wire.List[wire.Tag]
	for _, n := range names {
		if n = line(n, maxName); n != "" && !slices.Contains(all, wire.Tag{Name: n}) {
			all = append(all, wire.Tag{Name: n})
		}
	}
	return all
}

// attributes are name and value, tidied, each pair once, in order.
func (s *Sink) attributes(records []engine.AttributeRecord) wire.List[wire.Attribute] {
	var all []wire.Attribute
	for _, a := range records {
		name := line(a.Name, maxName)
		value, _ := tidy(strings.TrimSpace(a.Value), s.cfg.AttributeCap)
		if name != "" && value != "" {
			all = append(all, wire.Attribute{Name: name, Value: value})
		}
	}
	return mergeAttributes(all)
}

func mergeAttributes(all []wire.Attribute) wire.List[wire.Attribute] {
	slices.SortStableFunc(all, func(a, b wire.Attribute) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	return slices.CompactFunc(all, sameAttribute)
}

func sameAttribute(a, b wire.Attribute) bool {
	return attributeName(a) == attributeName(b) && a.Value == b.Value
}

// attributeName reads the name in either of its places.
func attributeName(a wire.Attribute) string {
	if a.Name == "" && a.Attribute != nil {
		return a.Attribute.Name
	}
	return a.Name
}

// lacking are the attributes that are not there yet.
func lacking(want, have []wire.Attribute) wire.List[wire.Attribute] {
	type pair struct{ name, value string }
	there := map[pair]bool{}
	for _, a := range have {
		there[pair{strings.ToLower(attributeName(a)), a.Value}] = true
	}
	var all wire.List[wire.Attribute]
	for _, a := range want {
		if !there[pair{strings.ToLower(a.Name), a.Value}] {
			all = append(all, a)
		}
	}
	return all
}

// lackingTags are the tags that are not there yet; their case does not count.
func lackingTags(want, have []wire.Tag) wire.List[wire.Tag] {
	var all wire.List[wire.Tag]
	for _, t := range want {
		if !slices.ContainsFunc(have, func(h wire.Tag) bool { return strings.EqualFold(h.Name, t.Name) }) {
			all = append(all, t)
		}
	}
	return all
}

// peers are the nodes of a kind that a node is tied to, either way.
func (p *shipment) peers(ref engine.Ref, kind string) []engine.Ref {
	var all []engine.Ref
	for _, peer := range p.peersOf[ref] {
		if peer.Kind == kind {
			all = append(all, peer)
		}
	}
	return all
}

// shipped notes the id of a node.
func (p *shipment) shipped(ref engine.Ref, id int64) { p.ids[ref] = id }

// confess writes on the events what was not shipped with them. It comes last,
// when all refusals are known.
func (p *shipment) confess(ctx context.Context) error {
	for _, e := range p.events {
		id := p.ids[e.ref]
		var missing []engine.AttributeRecord
		for ref, reason := range p.refused {
			if slices.Contains(p.peers(ref, "event"), e.ref) || len(p.peers(ref, "event")) == 0 {
				missing = append(missing, engine.AttributeRecord{Name: attrNot, Value: p.describe(ref) + ": " + reason})
			}
		}
		if id == 0 || len(missing) == 0 {
			continue
		}
		if err := p.ensureAttributes(ctx, "events", id, p.attributes(missing)); err != nil {
			return err
		}
	}
	return nil
}

// describe names a node for people.
func (p *shipment) describe(ref engine.Ref) string {
	for _, f := range p.files {
		if f.ref == ref {
			return "file " + f.want.Name + " (SHA-256 " + ref.Key + ")"
		}
	}
	return ref.Kind + " " + strings.ReplaceAll(ref.Key, "\x1f", " ")
}
