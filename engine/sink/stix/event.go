package stix

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// tie says what files hold: other files, and indicators.
func (w *writer) tie() {
	for _, r := range w.batch.Relations {
		from, to := w.nodes[r.From], w.nodes[r.To]
		if r.From.Kind != "file" || len(from) == 0 || len(to) == 0 {
			continue
		}
		f := w.frame(r.From)
		if r.To.Kind == "file" {
			w.relate(f, from[0], "contains", to[0])
		} else {
			w.relate(f, to[0], "related-to", from[0])
		}
	}
}

// addEvent adds the mail of an event, the report on it, and a note of what neither
// can say.
func (w *writer) addEvent(i int) error {
	e := &w.batch.Events[i]
	f := w.events[i]
	mail, err := w.addMail(e)
	if err != nil {
		return err
	}
	o := object{
		"name": cmp.Or(clean(e.Title), "(no subject)"), "published": timestamp(f.at),
		"report_types": []string{"observed-data"}, "object_refs": w.members(i, mail),
	}
	if len(w.batch.Indicators) > 0 {
		o["report_types"] = []string{"indicator", "observed-data"}
	}
	if e.Description != "" {
		o["description"] = clean(e.Description)
	}
	if all := labels(e.Tags); len(all) > 0 {
		o["labels"] = all
	}
	if n := min(max(e.Score, 0), 100); n > 0 {
		o["confidence"] = n
	}
	report := w.say("report", f, e.TLP, o)
	w.note(f, e.TLP, "event", w.eventLines(i), report)
	return nil
}

func reportID(f frame) string { return saidID("report", f) }

// members are what a report is about: the mail, everything that hangs on its event,
// and what ties that together.
func (w *writer) members(i int, mail []string) []string {
	all := slices.Clone(mail)
	for _, f := range w.batch.Files {
		all = w.member(all, i, engine.Ref{Kind: "file", Key: f.Key})
	}
	for _, n := range w.batch.Indicators {
		all = w.member(all, i, engine.Ref{Kind: "indicator", Key: n.Key})
	}
	for _, o := range w.batch.Objects {
		all = w.member(all, i, engine.Ref{Kind: "object", Key: o.Key})
	}
	in := map[string]bool{}
	for _, id := range all {
		in[id] = true
	}
	for _, l := range w.links {
		if in[l.source] && in[l.target] {
			all = append(all, l.id)
		}
	}
	return unique(all)
}

func (w *writer) member(all []string, i int, ref engine.Ref) []string {
	if !w.reached[i][ref] {
		return all
	}
	return append(all, w.nodes[ref]...)
}

// unique keeps the first of equals.
func unique(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}

func (w *writer) eventLines(i int) []line {
	e := &w.batch.Events[i]
	all := lines(nil, "Type", e.Type)
	all = lines(all, "Score", number(e.Score))
	all = lines(all, "Seen In", e.SeenIn)
	all = lines(all, "Carrier", e.Message.Carrier)
	all = attributeLines(all, e.Attributes)
	for _, m := range w.batch.Matches {
		if m.Item == e.Item && m.Error != "" {
			all = lines(all, "Rule Failed", m.Rule+": "+m.Error)
		}
	}
	if i > 0 {
		return all
	}
	for _, d := range w.batch.Defects {
		all = lines(all, "Defect", d.String())
	}
	return all
}

// headers are the attributes that are fields of the mail.
var headers = []string{
	"Authentication-Results", "Content-Language", "In-Reply-To", "List-Id", "Reply-To", "Return-Path", "User-Agent", "X-Mailer", "X-Originating-IP",
}

// addMail adds the mail of an event and what it refers to, itself first. Its
// identifier is of its content: that of the standard would be the same for all mails
// of one sender and subject.
func (w *writer) addMail(e *engine.EventRecord) (ids []string, err error) {
	m := &e.Message
	files := w.attached(e)
	o := object{"type": "email-message", "spec_version": "2.1", "id": identifier("email-message", ours, "email-message", e.Key), "is_multipart": len(files) > 0}
	raw, err := w.raw(e)
	if err != nil {
		return nil, err
	}
	if raw != "" {
		o["raw_email_ref"] = raw
		ids = append(ids, raw)
	}
	ids = append(ids, w.people(o, e)...)
	if m.Subject != "" {
		o["subject"] = clean(m.Subject)
	}
	if known(m.Date) {
		o["date"] = timestamp(m.Date)
	}
	if m.MessageID != "" {
		o["message_id"] = clean(m.MessageID)
	}
	setFields(o, e)
	w.setBody(o, e, files)
	return append([]string{w.put(o, e.TLP)}, ids...), nil
}

// people adds the addresses of a mail.
func (w *writer) people(o object, e *engine.EventRecord) (ids []string) {
	from := w.addresses([]string{e.Message.From}, e.TLP)
	to, cc := w.addresses(e.Message.To, e.TLP), w.addresses(e.Message.Cc, e.TLP)
	if len(from) > 0 {
		o["from_ref"] = from[0]
	}
	if sender := w.addresses(values(e, "Sender"), e.TLP); len(sender) > 0 {
		o["sender_ref"] = sender[0]
		ids = append(ids, sender...)
	}
	if len(to) > 0 {
		o["to_refs"] = to
	}
	if len(cc) > 0 {
		o["cc_refs"] = cc
	}
	return slices.Concat(ids, from, to, cc)
}

// addresses adds those that are some; the others stand in the note of the event.
func (w *writer) addresses(list []string, tlp string) (ids []string) {
	for _, a := range list {
		if what, ok := readMailbox(clean(a)); ok {
			ids = append(ids, w.put(what.observables[0], tlp))
		}
	}
	return unique(ids)
}

func setFields(o object, e *engine.EventRecord) {
	fields := object{}
	for _, name := range headers {
		if all := values(e, name); len(all) > 0 {
			fields[name] = all
		}
	}
	if len(fields) > 0 {
		o["additional_header_fields"] = fields
	}
	if hops := receivedLines(e); len(hops) > 0 {
		o["received_lines"] = hops
	}
}

// receivedLines are the hops of a mail in their order.
func receivedLines(e *engine.EventRecord) (hops []string) {
	byNumber := map[int]string{}
	for _, a := range e.Attributes {
		n, isHop := strings.CutPrefix(a.Name, "Received Hop ")
		if i, err := strconv.Atoi(n); isHop && err == nil {
			byNumber[i] = oneLine(a.Value)
		}
	}
	for _, i := range slices.Sorted(maps.Keys(byNumber)) {
		if hop := strings.TrimSpace(byNumber[i]); hop != "" {
			hops = append(hops, hop)
		}
	}
	return hops
}

// values are those of an attribute, in one line each.
func values(e *engine.EventRecord, name string) (all []string) {
	for _, a := range e.Attributes {
		if v := strings.TrimSpace(oneLine(a.Value)); a.Name == name && v != "" {
			all = append(all, v)
		}
	}
	return all
}

// setBody writes the text; and of a mail with attachments, where they are.
func (w *writer) setBody(o object, e *engine.EventRecord, files []*engine.FileRecord) {
	if len(files) == 0 {
		if e.Description != "" {
			o["body"] = clean(e.Description)
		}
		return
	}
	var parts []object
	if e.Description != "" {
		parts = append(parts, object{"content_type": "text/plain; charset=utf-8", "content_disposition": "inline", "body": clean(e.Description)})
	}
	for _, f := range files {
		parts = append(parts, object{
			"content_type": contentType(f), "content_disposition": "attachment",
			"body_raw_ref": w.nodes[engine.Ref{Kind: "file", Key: f.Key}][0],
		})
	}
	o["body_multipart"] = parts
}

// attached are the files that hang on an event itself, the mail not among them.
func (w *writer) attached(e *engine.EventRecord) (all []*engine.FileRecord) {
	direct := map[string]bool{}
	for _, to := range w.ties[engine.Ref{Kind: "event", Key: e.Key}] {
		direct[to.Key] = direct[to.Key] || to.Kind == "file"
	}
	for i := range w.batch.Files {
		if f := &w.batch.Files[i]; direct[f.Key] && f.Key != e.Message.SHA256 {
			all = append(all, f)
		}
	}
	return all
}

// raw adds the source of a mail: that of a spearphish, or the file that was made of
// it. "" when it does not go along.
func (w *writer) raw(e *engine.EventRecord) (id string, err error) {
	content := e.Raw
	for i := range w.batch.Files {
		if f := &w.batch.Files[i]; content == nil && f.Key == e.Message.SHA256 {
			content = f.Content
		}
	}
	return w.artifact(content, maxRaw, "message/rfc822", e.TLP)
}
