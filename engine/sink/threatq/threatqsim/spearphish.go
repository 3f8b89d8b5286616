package threatqsim

import (
	"net/http"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// mailWork is a spearphish import that is neither committed nor abandoned.
type mailWork struct {
	id         int64
	in         wire.Object // of the first call
	staged     int64       // id of the staged event
	event      wire.Object // what it will be
	recipients []recipient
	files      []stagedFile
	found      []Indicator
	options    wire.SessionOptions
}

type stagedFile struct {
	id      int64
	name    string
	content []byte
}

// postSpearphishImport reads a mail and stages what it would become.
func (s *Server) postSpearphishImport(c *call) answer {
	var in wire.Object
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	d := s.check(s.state.collections["events"], in, "", false, p)
	if d.typ == nil || d.typ.name != "Spearphish" {
		p.add("type", "The selected type cannot be imported.")
	}
	if in.Text == "" {
		p.add("text", "The text field is required.")
	}
	if len(p) > 0 {
		return p.answer()
	}
	if s.cfg.Parser == nil || s.cfg.Extract == nil {
		return refuse(http.StatusNotImplemented, "This simulator was given no mail parser.")
	}
	w, err := s.stageMail(c, in)
	if err != nil {
		return refuse(http.StatusBadRequest, "The mail cannot be read: "+err.Error())
	}
	s.state.spears[w.id] = w
	return data(http.StatusCreated, object{"id": w.id})
}

func (s *Server) stageMail(c *call, in wire.Object) (*mailWork, error) {
	msg, err := s.cfg.Parser.Parse(c.ctx, engine.Bytes(in.Text), engine.Origin{Source: "threatqsim", ID: "import", Name: "import"})
	if err != nil {
		return nil, err
	}
	w := &mailWork{id: s.state.nextImport(), in: in, staged: s.state.nextStaged(), recipients: recipientsOf(msg)}
	w.event = wire.Object{Title: first(msg.Subject.Subject, in.Title, "(no subject)"), HappenedAt: wire.At(firstTime(msg.Meta.Date, in.HappenedAt.Time, c.now)), Description: in.Description}
	for _, part := range msg.Attachments {
		content, err := engine.ReadAll(part.Content, s.cfg.MaxBody)
		if err != nil {
			return nil, err
		}
		w.files = append(w.files, stagedFile{s.state.nextStaged(), first(part.FileName, "attachment"), content})
	}
	w.found = s.cfg.Extract(c.ctx, msg.Subject.Subject+"\n"+msg.Body.Text+"\n"+hrefs(msg))
	return w, nil
}

func hrefs(msg *engine.Message) string {
	var b strings.Builder
	for _, l := range msg.Body.Links {
		b.WriteString(l.HrefURL.URL + "\n")
	}
	return b.String()
}

func recipientsOf(msg *engine.Message) []recipient {
	var all []recipient
	for _, f := range []struct {
		name string
		list []engine.Address
	}{{"To", msg.Recipients.To}, {"CC", msg.Recipients.Cc}, {"BCC", msg.Recipients.Bcc}} {
		for _, a := range f.list {
			all = append(all, recipient{f.name, a.Email.Email})
		}
	}
	return all
}

// first is the first text that is not empty.
func first(all ...string) string {
	for _, s := range all {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

func firstTime(all ...time.Time) time.Time {
	for _, t := range all {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func (w *mailWork) render() object {
	return object{
		"id": w.id,
		"events": []any{object{
			"id": w.staged, "title": w.event.Title, "happened_at": stamp(w.event.HappenedAt.Time), "description": text(w.event.Description), "type": "Spearphish",
		}},
		"attachments": each(w.files, func(f stagedFile) any { return object{"id": f.id, "name": f.name, "title": f.name} }),
		"indicators":  each(w.found, func(i Indicator) any { return object{"type": i.Type, "value": i.Value} }),
	}
}

// renderFor leaves out what with did not ask for.
func (s *Server) renderWork(c *call, w *mailWork) answer {
	o, asked := w.render(), s.readWith(c.query)
	for _, name := range []string{"events", "attachments", "indicators"} {
		if !asked[name] {
			delete(o, name)
		}
	}
	return data(http.StatusOK, o)
}

func (s *Server) getSpearphishImport(c *call) answer {
	if w := s.state.spears[c.number("impid")]; w != nil {
		return s.renderWork(c, w)
	}
	return missing("import")
}

// putSpearphishImport sets what goes for all that the session brings.
func (s *Server) putSpearphishImport(c *call) answer {
	w := s.state.spears[c.number("impid")]
	if w == nil {
		return missing("import")
	}
	var in wire.SessionOptions
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	checkRow(s.state.collections["indicators"].statuses, wire.Ref{}, in.IndicatorStatusID, "indicator_status", p)
	s.checkGlobals(in.Globals, p)
	if len(p) > 0 {
		return p.answer()
	}
	w.options = in
	return s.renderWork(c, w)
}

func (s *Server) checkGlobals(g *wire.Globals, p problems) *draft {
	d := &draft{}
	if g == nil {
		return d
	}
	for _, a := range g.Indicators.Attributes {
		s.checkAttribute(a, "globals.indicators.attributes.", p)
	}
	for kind, list := range map[string]wire.List[wire.Object]{
		"adversaries": g.Relations.Adversaries, "events": g.Relations.Events, "attachments": g.Relations.Attachments,
		"indicators": g.Relations.Indicators, "signatures": g.Relations.Signatures,
	} {
		for _, peer := range list {
			s.checkPeer(d, kind, peer, "globals.relations."+kind+".", p)
		}
	}
	return d
}

// putStagedEvent corrects what the parser guessed.
func (s *Server) putStagedEvent(c *call) answer {
	w := s.state.spears[c.number("impid")]
	if w == nil || w.staged != c.number("id") {
		return missing("staged event")
	}
	var in wire.Object
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	if s.check(s.state.collections["events"], in, "", false, p); len(p) > 0 {
		return p.answer()
	}
	w.event.Title = first(in.Title, w.event.Title)
	w.event.Description = first(in.Description, w.event.Description)
	if !in.HappenedAt.IsZero() {
		w.event.HappenedAt = in.HappenedAt
	}
	return data(http.StatusOK, w.render()["events"].([]any)[0])
}

func (s *Server) deleteSpearphishImport(c *call) answer {
	if s.state.spears[c.number("impid")] == nil {
		return missing("import")
	}
	delete(s.state.spears, c.number("impid"))
	return noContent
}

// commitSpearphishImport makes what was staged. The session is gone then: its id
// in the answer is not that of the event.
func (s *Server) commitSpearphishImport(c *call) answer {
	w := s.state.spears[c.number("impid")]
	if w == nil {
		return missing("import")
	}
	p := problems{}
	globals := s.checkGlobals(w.options.Globals, p)
	if len(p) > 0 {
		return p.answer() // a related object went away meanwhile
	}
	delete(s.state.spears, w.id)
	event := s.makeEvent(c, w, globals)
	files := s.makeFiles(c, w, event)
	found := s.makeIndicators(c, w, event)
	return data(http.StatusOK, object{
		"id": w.id, "events": []any{object{"id": event.id, "title": event.key}},
		"attachments": each(files, func(n *node) any { return object{"id": n.id, "name": n.file.name} }),
		"indicators":  each(found, func(n *node) any { return object{"id": n.id, "value": n.key} }),
	})
}

func (s *Server) makeEvent(c *call, w *mailWork, globals *draft) *node {
	coll := s.state.collections["events"]
	in := w.in
	in.Description, in.HappenedAt = w.event.Description, w.event.HappenedAt
	d := &draft{in: in, key: w.event.Title, typ: coll.types.byName("Spearphish"), peers: globals.peers, made: globals.made}
	n, _, _ := s.put(c, coll, d, false)
	n.recipients = w.recipients
	return n
}

func (s *Server) makeFiles(c *call, w *mailWork, event *node) []*node {
	coll, locked := s.state.collections["attachments"], wire.Flag(true)
	var all []*node
	for _, f := range w.files {
		in := wire.Object{Name: f.name, Sources: w.in.Sources, MalwareLocked: &locked}
		d := &draft{in: in, key: f.name, typ: coll.types.byName("Spearphish Attachment"), peers: []*node{event}, file: newFile(in, f.content)}
		n, _, _ := s.put(c, coll, d, false)
		all = append(all, n)
	}
	return all
}

func (s *Server) makeIndicators(c *call, w *mailWork, event *node) []*node {
	in := wire.Object{Sources: w.in.Sources}
	if w.options.Globals != nil {
		in.Attributes = w.options.Globals.Indicators.Attributes
	}
	status := s.state.collections["indicators"].statuses.byID(int64(w.options.IndicatorStatusID))
	return s.putFound(c, w.found, in, status, []*node{event}, s.cfg.Normalize)
}

// putFound makes the indicators that Extract found; those of types that the
// platform has not are left out.
func (s *Server) putFound(c *call, found []Indicator, in wire.Object, status *row, peers []*node, normal bool) []*node {
	coll := s.state.collections["indicators"]
	var all []*node
	for _, i := range found {
		typ := coll.types.byName(i.Type)
		if typ == nil || i.Value == "" {
			continue
		}
		n, _, derived := s.put(c, coll, &draft{in: in, key: i.Value, typ: typ, status: status, peers: peers}, normal)
		all = append(append(all, n), derived...)
	}
	return all
}

// postSpearphish gives an event of type Spearphish the mail that it is about.
func (s *Server) postSpearphish(c *call) answer {
	n := s.state.collections["events"].objects[c.number("id")]
	if n == nil || !s.has(Spearphish) {
		return missing("event")
	}
	var in said
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	if in.Value == "" {
		p.add("value", "The value field is required.")
	}
	if n.typ.name != "Spearphish" {
		p.add("event", "The event is no Spearphish.")
	}
	if len(p) > 0 {
		return p.answer()
	}
	n.text, n.updated = in.Value, c.now
	if s.cfg.Parser != nil {
		if msg, err := s.cfg.Parser.Parse(c.ctx, engine.Bytes(in.Value), engine.Origin{Source: "threatqsim", ID: "event", Name: "event"}); err == nil {
			n.recipients = recipientsOf(msg)
		}
	}
	return data(http.StatusCreated, n.renderSpearphish())
}

func (s *Server) getSpearphish(c *call) answer {
	n := s.state.collections["events"].objects[c.number("id")]
	if n == nil || n.text == "" || !s.has(Spearphish) {
		return missing("spearphish")
	}
	return data(http.StatusOK, n.renderSpearphish())
}
