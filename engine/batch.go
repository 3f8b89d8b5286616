package engine

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxDescription is the length at which an event's description is cut, in
// bytes: ThreatQ keeps no more.
const maxDescription = 65_500

// buildBatches makes one batch per sink that any item ships to.
func buildBatches(out *Outcome, sinks []string) []Batch {
	var batches []Batch
	for _, sink := range sinks {
		g := graph{files: map[string]int{}, indicators: map[string]int{}, objects: map[string]int{}, refused: map[string]bool{}}
		g.batch = Batch{Key: hexDigest(out.Origin.Key() + "\x1f" + sink)[:32], Sink: sink, Origin: out.Origin, Defects: out.Defects}
		for _, it := range out.Items {
			if it.shipsTo(sink) {
				g.addItem(out, it)
			}
		}
		if len(g.batch.Events) == 0 {
			continue
		}
		for _, it := range out.Items {
			g.addMatches(it)
		}
		batches = append(batches, g.sorted())
	}
	return batches
}

func (it *Item) shipsTo(sink string) bool {
	ship := it.Decision.Ship
	return it.Ships != "" && !ship.None && (ship.Sinks == nil || slices.Contains(ship.Sinks, sink))
}

// graph collects nodes and relations; a node that several items share is one.
type graph struct {
	batch                      Batch
	files, indicators, objects map[string]int
	refused                    map[string]bool // indicators whose status is that of the rule which refuses them
}

// addItem adds the event of an item, its files and indicators, and what ties
// them together (design section 6).
func (g *graph) addItem(out *Outcome, it *Item) {
	event := newEvent(out, it)
	g.batch.Events = append(g.batch.Events, event)
	self := Ref{"event", event.Key}
	places := map[string]Ref{}
	for _, a := range it.Message.Attachments {
		if a.IsInline {
			continue
		}
		g.addPart(it, a, self, places)
	}
	if it.Ships == Intelligence && it.defaults.KeepRaw && it.Path == "" {
		g.relate(self, Ref{"file", g.addRaw(it)})
	}
	for _, ind := range it.Indicators {
		i, ok := g.addFound(it, ind)
		if !ok {
			continue
		}
		g.relate(self, i)
		for _, part := range ind.Parts {
			if f, ok := places[part]; ok {
				g.relate(f, i)
			}
		}
	}
	for _, r := range it.Decision.Relates {
		g.relate(self, Ref{"object", g.addObject(r.Type, r.Name, "")})
	}
}

// addFound adds an indicator, or the object that a finding names; a tag is none.
func (g *graph) addFound(it *Item, ind *Indicator) (Ref, bool) {
	t, isObject := objectType(ind.Type)
	switch {
	case !isObject:
		return Ref{"indicator", g.addIndicator(it, ind)}, true
	case t.Object == "":
		return Ref{}, false
	}
	return Ref{"object", g.addObject(t.Object, ind.Value, ind.Extra["id"])}, true
}

// addPart adds the file of an attachment or of a member of one, and those inside
// it. Indicators are tied to the innermost file they stood in. A member that is
// inline, or beyond the cap, is no file of its own: what stands in it counts for
// its container.
func (g *graph) addPart(it *Item, a *Part, from Ref, places map[string]Ref) {
	f := Ref{"file", g.addFile(it, a)}
	g.relate(from, f)
	places[a.Path] = f
	for _, c := range a.Children {
		if c.IsInline || len(g.batch.Files) >= maxFiles {
			mark(places, c, f)
			continue
		}
		g.addPart(it, c, f, places)
	}
}

// maxFiles is how many files one mail ships with all that is inside them.
const maxFiles = 200

// mark notes that texts of a part and of its members stand in that file.
func mark(places map[string]Ref, a *Part, f Ref) {
	places[a.Path] = f
	for _, c := range a.Children {
		mark(places, c, f)
	}
}

func (g *graph) relate(from, to Ref) {
	g.batch.Relations = append(g.batch.Relations, Relation{from, to})
}

func newEvent(out *Outcome, it *Item) EventRecord {
	msg, d := it.Message, it.Decision
	e := EventRecord{
		Key:         hexDigest(out.Message.ContentKey + "/" + it.Path)[:32],
		Item:        it.Path,
		Type:        cmp.Or(d.Event.Type, it.defaultEventType()),
		Title:       cmp.Or(d.Event.Title, msg.Subject.Subject, "(no subject)"),
		HappenedAt:  happenedAt(msg, d),
		Description: cut(msg.Body.Text, maxDescription),
		Source:      d.Source,
		TLP:         d.TLP,
		Score:       d.Score,
		Tags:        d.Tags,
		SeenIn:      seenIn(out.Origin),
		Message:     newMessageRecord(it),
	}
	e.Attributes = sortAttributes(append(eventAttributes(out, it, e.Key), it.chosenAttributes("event")...))
	if it.Ships == Spearphish {
		e.Raw = msg.Raw
		if d.Parse.Server {
			e.Parse = "server"
		}
	}
	e.Tags = append(slices.Clone(e.Tags), foundTags(it)...)
	if hasLocked(msg.Attachments) {
		e.Tags = append(e.Tags, TagLocked)
	}
	e.Tags = sortedSet(e.Tags)
	return e
}

// foundTags are the tags that extractors found in the text.
func foundTags(it *Item) (tags []string) {
	for _, ind := range it.Indicators {
		if t, ok := objectType(ind.Type); ok && t.Object == "" {
			tags = append(tags, ind.Value)
		}
	}
	return tags
}

func (it *Item) defaultEventType() string {
	if it.Ships == Spearphish {
		return "Spearphish"
	}
	return cmp.Or(it.defaults.EventType, "Incident")
}

func happenedAt(msg *Message, d Decision) time.Time {
	for _, t := range []time.Time{d.Event.HappenedAt, msg.Meta.Date, msg.Meta.Received} {
		if !t.IsZero() {
			return t.UTC()
		}
	}
	return time.Time{}
}

func seenIn(o Origin) string {
	return strings.Join(strings.Fields(o.Source+" "+o.Account+" "+o.Folder+" "+o.Name), " ")
}

func newMessageRecord(it *Item) MessageRecord {
	m := it.Message
	return MessageRecord{
		ID:        m.Meta.ID,
		MessageID: m.Headers.MessageID,
		SHA256:    m.Meta.SHA256,
		Size:      m.Meta.Size,
		From:      m.Sender.Email.Email,
		To:        emails(m.Recipients.To),
		Cc:        emails(m.Recipients.Cc),
		Subject:   m.Subject.Subject,
		Date:      m.Meta.Date,
		Received:  m.Meta.Received,
		Treatment: string(it.Ships),
		Carrier:   m.Meta.Carrier.Subject,
	}
}

func (g *graph) addFile(it *Item, a *Part) string {
	f := FileRecord{
		Key: a.SHA256, Name: cmp.Or(a.FileName, "part-"+a.Path), Type: it.fileType(), ContentType: a.ContentType, FileType: a.FileType,
		Size: int64(a.Size), MD5: a.MD5, SHA1: a.SHA1, Encrypted: a.Encrypted, Locked: it.Ships == Spearphish,
		Source: it.Decision.Source, TLP: it.Decision.TLP, Tags: it.Decision.Tags,
		Attributes: append(it.chosenAttributes("files"), fileAttributes(a)...), Content: a.Content,
	}
	if a.Locked() {
		f.Tags = sortedSet(append(slices.Clone(f.Tags), TagLocked))
	}
	if a.RawName != a.FileName && a.RawName != "" {
		f.RawName = a.RawName
	}
	return g.putFile(f)
}

func (g *graph) addRaw(it *Item) string {
	m := it.Message
	return g.putFile(FileRecord{
		Key: m.Meta.SHA256, Name: m.Meta.SHA256[:min(16, len(m.Meta.SHA256))] + ".eml", Type: it.fileType(), ContentType: "message/rfc822",
		FileType: "eml", Size: m.Raw.Size(), Source: it.Decision.Source, TLP: it.Decision.TLP, Content: m.Raw,
	})
}

func (it *Item) fileType() string {
	if it.Ships == Spearphish {
		return "Spearphish Attachment"
	}
	return cmp.Or(it.defaults.FileType, "Email Attachment")
}

func (g *graph) putFile(f FileRecord) string {
	i, known := g.files[f.Key]
	if !known {
		f.Attributes = sortAttributes(f.Attributes)
		g.files[f.Key] = len(g.batch.Files)
		g.batch.Files = append(g.batch.Files, f)
		return f.Key
	}
	old := &g.batch.Files[i]
	old.Locked = old.Locked || f.Locked
	old.TLP = MostRestrictive(old.TLP, f.TLP)
	old.Tags = sortedSet(append(slices.Clone(old.Tags), f.Tags...))
	old.Attributes = sortAttributes(append(old.Attributes, f.Attributes...))
	return f.Key
}

func (g *graph) addIndicator(it *Item, ind *Indicator) string {
	key := ind.Type + "\x1f" + ind.Value
	i, known := g.indicators[key]
	if known {
		old := &g.batch.Indicators[i]
		old.TLP = MostRestrictive(old.TLP, it.Decision.TLP)
		old.Tags = sortedSet(append(slices.Clone(old.Tags), it.Decision.Tags...))
		old.Attributes = sortAttributes(slices.Concat(old.Attributes, it.chosenAttributes("indicators"), named("Found At", ind.Locations...)))
		old.Contexts, old.Flags = union(old.Contexts, ind.Contexts), union(old.Flags, ind.Flags)
		if ind.Status == "" && g.refused[key] { // in another item of the mail no rule refuses it
			old.Status, g.refused[key] = it.Decision.Status, false
		}
		return key
	}
	r := IndicatorRecord{
		Key: key, Type: ind.Type, Value: ind.Value, Status: cmp.Or(ind.Status, it.Decision.Status), Source: it.Decision.Source,
		TLP: it.Decision.TLP, Tags: it.Decision.Tags, Contexts: slices.Clone(ind.Contexts), Flags: slices.Clone(ind.Flags),
		Attributes: sortAttributes(slices.Concat(it.chosenAttributes("indicators"), extraAttributes(ind), named("Found At", ind.Locations...), named("Listed In", ind.Lists...))),
	}
	if ind.Original != ind.Value {
		r.Original = ind.Original
	}
	g.refused[key] = ind.Status != ""
	g.indicators[key] = len(g.batch.Indicators)
	g.batch.Indicators = append(g.batch.Indicators, r)
	return key
}

func (g *graph) addObject(typ, name, id string) string {
	key := typ + "\x1f" + name
	i, known := g.objects[key]
	if !known {
		i = len(g.batch.Objects)
		g.objects[key] = i
		g.batch.Objects = append(g.batch.Objects, ObjectRecord{Key: key, Type: typ, Name: name})
	}
	if o := &g.batch.Objects[i]; o.ID == "" {
		o.ID = id
	}
	return key
}

func (g *graph) addMatches(it *Item) {
	for _, r := range it.Plan.Results {
		if r.Result == Match || r.Result == ResultError {
			m := MatchRecord{Item: it.Path, Rule: r.Rule, Phase: r.Phase.String(), Result: r.Result.String(), Shadow: r.Shadow}
			if r.Err != nil {
				m.Error = r.Err.Error()
			}
			g.batch.Matches = append(g.batch.Matches, m)
		}
	}
}

// sorted puts nodes and relations into their canonical order.
func (g *graph) sorted() Batch {
	b := g.batch
	slices.SortFunc(b.Files, func(x, y FileRecord) int { return cmp.Compare(x.Key, y.Key) })
	slices.SortFunc(b.Indicators, func(x, y IndicatorRecord) int {
		return cmp.Or(cmp.Compare(typeRank(x.Type), typeRank(y.Type)), cmp.Compare(x.Key, y.Key))
	})
	slices.SortFunc(b.Objects, func(x, y ObjectRecord) int { return cmp.Compare(x.Key, y.Key) })
	slices.SortFunc(b.Relations, compareRelations)
	b.Relations = slices.Compact(b.Relations)
	return b
}

func compareRelations(x, y Relation) int {
	return cmp.Or(cmp.Compare(x.From.Kind, y.From.Kind), cmp.Compare(x.From.Key, y.From.Key),
		cmp.Compare(x.To.Kind, y.To.Kind), cmp.Compare(x.To.Key, y.To.Key))
}

// cut shortens s to at most n bytes at a character boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
