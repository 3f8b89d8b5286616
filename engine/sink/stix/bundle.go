package stix

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// encode makes the bundle of a batch: an object a line, those that others refer to
// mostly first.
func encode(b *engine.Batch) ([]byte, error) {
	w := newWriter(b)
	if err := w.addFiles(); err != nil {
		return nil, err
	}
	w.addIndicators()
	w.addNamed()
	w.tie()
	for i := range b.Events {
		if err := w.addEvent(i); err != nil {
			return nil, err
		}
	}
	return w.bytes()
}

// writer collects the objects of one bundle.
type writer struct {
	batch   *engine.Batch
	order   []string // identifiers, as they came
	objects map[string]object
	levels  map[string]string           // TLP by identifier
	sources map[string]string           // identities by name
	nodes   map[engine.Ref][]string     // identifiers of what a node became; the first stands for it
	ties    map[engine.Ref][]engine.Ref // relations by their start
	events  []frame                     // by event
	frames  map[engine.Ref]frame        // of the first event that has a node
	reached []map[engine.Ref]bool       // by event
	links   []link                      // relationships
	secret  bool                        // no contents go along
	payload int64                       // bytes of contents that may still go along
}

// link is a relationship and its ends.
type link struct{ id, source, target string }

// frame is what an object takes from the event it belongs to.
type frame struct {
	event string    // key of the event, and when it was
	at    time.Time // created, modified
	by    string    // source, in words
	tlp   string
	score int
}

func newWriter(b *engine.Batch) *writer {
	w := &writer{
		batch: b, objects: map[string]object{}, levels: map[string]string{}, sources: map[string]string{}, nodes: map[engine.Ref][]string{},
		ties: map[engine.Ref][]engine.Ref{}, frames: map[engine.Ref]frame{}, payload: maxPayloads,
		secret: slices.ContainsFunc(b.Files, func(f engine.FileRecord) bool { return f.Locked }),
	}
	for _, r := range b.Relations {
		w.ties[r.From] = append(w.ties[r.From], r.To)
	}
	for i := range b.Events {
		f, found := w.frameOf(&b.Events[i]), w.reach(engine.Ref{Kind: "event", Key: b.Events[i].Key})
		w.events, w.reached = append(w.events, f), append(w.reached, found)
		for ref := range found {
			if _, taken := w.frames[ref]; !taken {
				w.frames[ref] = f
			}
		}
	}
	return w
}

// frameOf dates an event by when it happened, else by when its mail came.
func (w *writer) frameOf(e *engine.EventRecord) frame {
	f := frame{at: time.Unix(0, 0), by: e.Source, tlp: e.TLP, score: e.Score}
	for _, t := range []time.Time{e.HappenedAt, e.Message.Received, w.batch.Origin.Received} {
		if known(t) {
			f.at = t
			break
		}
	}
	f.event = e.Key + " " + timestamp(f.at)
	return f
}

// reach is everything that hangs on a node, itself included.
func (w *writer) reach(start engine.Ref) map[engine.Ref]bool {
	found, next := map[engine.Ref]bool{start: true}, []engine.Ref{start}
	for len(next) > 0 {
		ref := next[len(next)-1]
		next = next[:len(next)-1]
		for _, to := range w.ties[ref] {
			if !found[to] {
				found[to] = true
				next = append(next, to)
			}
		}
	}
	return found
}

// frame is that of the event that a node belongs to.
func (w *writer) frame(ref engine.Ref) frame {
	if f, ok := w.frames[ref]; ok {
		return f
	}
	if len(w.events) > 0 {
		return w.events[0]
	}
	return w.frameOf(&engine.EventRecord{})
}

// put adds an object, or what it says beyond the one that is there under its
// identifier. A level of TLP that is stricter wins.
func (w *writer) put(o object, tlp string) (id string) {
	id = o["id"].(string)
	old, there := w.objects[id]
	if !there {
		w.order = append(w.order, id)
		w.objects[id], w.levels[id] = maps.Clone(o), tlp
		return id
	}
	for k, v := range o {
		if _, said := old[k]; !said {
			old[k] = v
		}
	}
	w.levels[id] = engine.MostRestrictive(w.levels[id], tlp)
	return id
}

// say adds an object that somebody says about a mail: it has the dates of its event,
// and an identifier of it.
func (w *writer) say(kind string, f frame, tlp string, properties object, key ...string) (id string) {
	o := object{
		"type": kind, "spec_version": "2.1", "id": saidID(kind, f, key...),
		"created": timestamp(f.at), "modified": timestamp(f.at), "created_by_ref": w.source(f.by),
	}
	maps.Copy(o, properties)
	return w.put(o, tlp)
}

func saidID(kind string, f frame, key ...string) string {
	return identifier(kind, ours, append([]string{kind, f.event, f.by}, key...)...)
}

// source is the identity of who says something.
func (w *writer) source(name string) (id string) {
	id, there := w.sources[name]
	if !there {
		id = w.put(identity(cmp.Or(strings.TrimSpace(clean(name)), "tqmailrules")), "")
		w.sources[name] = id
	}
	return id
}

// relate says that one object has to do with another.
func (w *writer) relate(f frame, source, kind, target string) {
	if source == target {
		return
	}
	tlp := engine.MostRestrictive(f.tlp, engine.MostRestrictive(w.levels[source], w.levels[target]))
	id := w.say("relationship", f, tlp, object{"relationship_type": kind, "source_ref": source, "target_ref": target}, source, kind, target)
	w.links = append(w.links, link{id, source, target})
}

// note says in words what has no property. Without lines there is none. What it says
// is part of its identity, so that one object may have many.
func (w *writer) note(f frame, tlp, abstract string, all []line, about ...string) (id string) {
	if len(all) == 0 {
		return ""
	}
	abstract, content := cmp.Or(oneLine(abstract), "more"), contentOf(all)
	return w.say("note", f, tlp, object{"abstract": abstract, "content": content, "object_refs": about}, append([]string{abstract, content}, about...)...)
}

func (w *writer) bytes() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(`{"type":"bundle","id":"` + identifier("bundle", ours, "bundle", w.batch.Key) + `","objects":[`)
	for i, o := range w.all() {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		if err := writeJSON(&out, o); err != nil {
			return nil, err
		}
	}
	out.WriteString("\n]}\n")
	return out.Bytes(), nil
}

// all are the objects with their markings, before those the markings.
func (w *writer) all() []object {
	var marked, used []object
	seen := map[string]bool{}
	for _, id := range w.order {
		o := w.objects[id]
		if m, ok := markings[w.levels[id]]; ok {
			o["object_marking_refs"] = []string{m["id"].(string)}
			if !seen[w.levels[id]] {
				seen[w.levels[id]] = true
				used = append(used, m)
			}
		}
		marked = append(marked, o)
	}
	return slices.Concat(used, marked)
}

// writeJSON writes an object in one line, what it is first, with characters that HTML
// knows as they are.
func writeJSON(out *bytes.Buffer, o object) error {
	rest := maps.Clone(o)
	delete(rest, "type")
	delete(rest, "id")
	var properties bytes.Buffer
	enc := json.NewEncoder(&properties)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(rest); err != nil {
		return err
	}
	out.WriteString(`{"type":` + canonical(o["type"]) + `,"id":` + canonical(o["id"]) + ",")
	out.Write(bytes.TrimRight(properties.Bytes()[1:], "\n"))
	return nil
}
