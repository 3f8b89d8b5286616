package pdf

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

const (
	maxScripts  = 100
	maxNotes    = 50_000   // annotations of all pages
	maxXFA      = 16 << 20 // bytes of an XFA form
	maxValue    = 4096     // bytes of the value of a field that is compared with others
	maxActions  = 20_000   // of one file
	maxPackets  = 100      // of an XFA form
	maxLink     = 64 << 10 // bytes of a target
	maxTarget   = 4096     // bytes of a target that stands in a broken object
	maxParents  = 8        // of a form field
	maxFieldSet = 5000     // fields of a form
	scriptFact  = 500      // bytes of a script in a fact
)

// note is an annotation of a page; area collects the text under a link.
type note struct {
	dict dict
	area *area
}

func (r *reading) annotations(page dict) []note {
	var notes []note
	list := r.f.array(page["Annots"])
	if len(list) > maxAnnotations {
		r.f.capped(engine.DefectItems, "more than %d annotations on a page", maxAnnotations)
		list = list[:maxAnnotations]
	}
	if r.notes += len(list); r.notes > maxNotes {
		r.f.capped(engine.DefectItems, "more than %d annotations", maxNotes)
		return nil
	}
	for _, v := range list {
		d := r.f.dict(v)
		if d == nil {
			continue
		}
		n := note{dict: d}
		box := r.f.resolved(d["Rect"])
		if r.f.name(d["Subtype"]) == "Link" && len(box) == 4 {
			n.area = &area{
				x0: min(number(box[0]), number(box[2])), x1: max(number(box[0]), number(box[2])),
				y0: min(number(box[1]), number(box[3])), y1: max(number(box[1]), number(box[3])),
			}
		}
		notes = append(notes, n)
	}
	return notes
}

// annotation tells what one shows, and where it leads.
func (r *reading) annotation(page int, n note, out *layout) {
	if n.area != nil {
		r.actions(n.dict["A"], n.area.shown(), 0)
	}
	place := fmt.Sprintf("page %d, annotation", page)
	r.say(place, r.f.text(n.dict["Contents"]))
	before := r.t.Text.Len()
	if s := r.appearance(n.dict); s != nil {
		r.t.Text.At(place)
		newInterpreter(r, page, out).form(s)
		out.done()
	}
	if v := r.fieldValue(n.dict); v != "" {
		r.values[v[:min(len(v), maxValue)]] = true
		if !strings.Contains(r.t.Text.String()[before:], strings.TrimSpace(v)) {
			r.say(place, v)
		}
	}
}

func (r *reading) say(place, text string) {
	if text = strings.TrimSpace(strings.ReplaceAll(text, "\r", "\n")); text != "" {
		r.t.Text.At(place)
		r.t.Text.Line(text)
	}
}

// appearance is the stream that shows an annotation (12.5.5).
func (r *reading) appearance(d dict) *stream {
	v := r.f.get(r.f.dict(d["AP"])["N"])
	if states, ok := v.(dict); ok {
		v = states[r.f.name(d["AS"])]
	}
	return r.f.stream(v)
}

// fieldValue is V of a form field, its own or that of a field above it.
func (r *reading) fieldValue(d dict) string {
	for range maxParents {
		if v, ok := d["V"]; ok {
			return r.value(v)
		}
		if d = r.f.dict(d["Parent"]); d == nil {
			break
		}
	}
	return ""
}

func (r *reading) value(v any) string {
	switch v := r.f.get(v).(type) {
	case str:
		return r.f.text(v)
	case *stream:
		return textString(str(r.f.decode(v)))
	case array:
		var all []string
		for _, e := range v[:min(len(v), maxOperands)] {
			if s := r.f.text(e); s != "" {
				all = append(all, s)
			}
		}
		return strings.Join(all, "\n")
	}
	return ""
}

// fields tells the values of form fields that no page shows, and the form of XFA.
func (r *reading) fields() {
	form := r.f.dict(r.f.dict(r.f.trailer["Root"])["AcroForm"])
	if form == nil {
		return
	}
	seen := map[ref]bool{}
	queue := slices.Clone(r.f.array(form["Fields"]))
	for n := 0; len(queue) > 0 && n < maxFieldSet && !r.f.stopped(); n++ {
		v := queue[0]
		queue = queue[1:]
		id, isRef := v.(ref)
		if seen[id] && isRef {
			continue
		}
		seen[id] = true
		d := r.f.dict(v)
		if v := r.value(d["V"]); v != "" && !r.values[v[:min(len(v), maxValue)]] {
			r.values[v[:min(len(v), maxValue)]] = true
			r.say("form", r.f.text(d["T"])+": "+v)
		}
		if len(queue) < maxFieldSet {
			queue = append(queue, r.f.array(d["Kids"])...)
		}
	}
	r.xfa(form["XFA"])
}

// xfa hands on the XML of an XFA form, which shows in place of the pages.
func (r *reading) xfa(v any) {
	var all []byte
	if s := r.f.stream(v); s != nil {
		all = r.f.decode(s)
	}
	packets := r.f.array(v)
	for _, v := range packets[:min(len(packets), 2*maxPackets)] {
		if s := r.f.stream(v); s != nil && len(all) < maxXFA {
			all = append(all, r.f.decode(s)...)
		}
	}
	if len(all) > 0 {
		r.addBytes("xfa.xml", all)
	}
}

func (r *reading) addBytes(name string, b []byte) {
	if r.err == nil {
		_, r.err = r.t.AddBytes(name, b)
	}
}

// link notes a target once for each text it is shown as.
func (r *reading) link(target, shown string) {
	if len(r.linked) > 4*r.t.Limits.Links || len(target) > maxLink {
		return
	}
	if key := target + "\x00" + shown; !r.linked[target] || shown != "" && !r.linked[key] {
		r.linked[target], r.linked[key] = true, true
		r.t.Link(target, shown)
	}
}

// actions tells an action and those chained to it (12.6).
func (r *reading) actions(v any, shown string, depth int) {
	if r.acted > maxActions {
		r.f.capped(engine.DefectItems, "more than %d actions", maxActions)
		return
	}
	switch a := r.f.get(v).(type) {
	case array:
		r.acted++
		for _, e := range a[:min(len(a), maxOperands)] {
			r.actions(e, shown, depth+1)
		}
	case dict:
		r.acted++
		r.action(a, shown)
		if a["Next"] != nil && depth < maxNested {
			r.actions(a["Next"], "", depth+1)
		}
	}
}

// action tells what one does.
func (r *reading) action(a dict, shown string) {
	switch r.f.name(a["S"]) {
	case "Launch":
		r.t.Fact("launch_action", r.launched(a))
		r.link(r.target(a["F"]), shown)
	case "SubmitForm":
		r.t.Fact("submit_form", r.target(a["F"]))
		r.link(r.target(a["F"]), shown)
	case "GoToR", "GoToE", "ImportData", "Thread":
		r.t.Fact("remote_file", r.target(a["F"]))
		r.link(r.target(a["F"]), shown)
	}
	if u := r.f.text(a["URI"]); u != "" {
		r.link(r.based(u), shown)
	}
	r.script(a["JS"])
}

// based completes a relative URI with the base of the catalogue (12.6.4.7).
func (r *reading) based(u string) string {
	base := r.f.text(r.f.dict(r.f.dict(r.f.trailer["Root"])["URI"])["Base"])
	if base == "" || strings.Contains(u, ":") {
		return u
	}
	return base + u
}

// target is the file or URL that a file specification means (7.11).
func (r *reading) target(v any) string {
	if d := r.f.dict(v); d != nil {
		v = first(d, "UF", "F", "Unix", "DOS", "Mac")
	}
	return r.f.text(v)
}

// launched is the command that a launch action starts.
func (r *reading) launched(a dict) string {
	win := r.f.dict(a["Win"])
	all := r.target(a["F"])
	for _, v := range [...]any{a["Win"], win["F"], win["P"], a["P"]} {
		if s, ok := r.f.get(v).(str); ok && textString(s) != all {
			all += " " + textString(s)
		}
	}
	if all = strings.TrimSpace(all); all == "" {
		return "yes"
	}
	return all
}

// script keeps the source of a script: as a fact, and as a member that is read.
func (r *reading) script(v any) {
	if v == nil {
		return
	}
	source := r.value(v)
	digest := sha256.Sum256([]byte(source))
	if strings.TrimSpace(source) == "" || r.scripts[digest] || len(r.scripts) >= maxScripts {
		return
	}
	r.scripts[digest] = true
	r.t.Fact("javascript", source[:min(len(source), scriptFact)])
	r.addBytes(fmt.Sprintf("javascript-%d.js", len(r.scripts)), []byte(source))
}

// survey looks into every object, whoever refers to it: for links, actions,
// scripts and embedded files.
func (r *reading) survey() {
	r.opening()
	for _, num := range r.f.numbers() {
		if r.f.stopped() || r.err != nil {
			return
		}
		r.inspect(r.f.load(num), 0)
	}
	r.inspect(r.f.trailer, 0)
	r.rawLinks()
	if len(r.members) > 0 {
		r.t.Fact("embedded_files", fmt.Sprint(len(r.members)))
	}
}

// rawLinks finds targets in objects that an update has replaced, or that are
// broken: any "/URI (...)" in the bytes. Where strings are encrypted there are none.
func (r *reading) rawLinks() {
	if r.f.crypt != nil {
		return
	}
	for at := 0; len(r.linked) <= 4*r.t.Limits.Links; {
		i := bytes.Index(r.f.b[at:], []byte("/URI"))
		if i < 0 {
			return
		}
		at += i + len("/URI")
		l := &lexer{b: r.f.b[:min(len(r.f.b), at+maxTarget)], pos: at, flat: true}
		if l.skip(); l.pos >= len(l.b) || l.b[l.pos] != '(' && l.b[l.pos] != '<' {
			continue
		}
		if s, ok := l.hexOrLiteral(); ok {
			r.link(r.based(textString(s)), "")
		}
	}
}

// opening tells what happens when the file is opened.
func (r *reading) opening() {
	root := r.f.dict(r.f.trailer["Root"])
	if d, ok := r.f.get(root["OpenAction"]).(dict); ok {
		kind := string(r.f.name(d["S"]))
		if detail := r.f.text(d["URI"]); detail != "" {
			kind += " " + detail
		}
		r.t.Fact("open_action", kind)
	}
	if v, ok := r.f.get(root["Version"]).(name); ok && string(v) > r.t.Part.Metadata["pdf_version"] && len(v) < 5 {
		r.t.Part.Metadata["pdf_version"] = string(v)
	}
}

// inspect looks into a value and what it contains, but follows no reference.
func (r *reading) inspect(v any, depth int) {
	switch v := v.(type) {
	case *stream:
		r.inspect(v.dict, depth)
	case array:
		for _, e := range v {
			r.inspect(e, depth+1)
		}
	case dict:
		r.action(v, "")
		if v["EF"] != nil {
			r.embedded(v)
		}
		for _, k := range sortedKeys(v) {
			switch v[k].(type) {
			case dict, array:
				r.inspect(v[k], depth+1)
			}
		}
	}
}

// sortedKeys keeps the order of what is found from changing run by run.
func sortedKeys(d dict) []name {
	keys := make([]name, 0, len(d))
	for k := range d {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// embedded takes a file out (7.11.4).
func (r *reading) embedded(d dict) {
	ef := r.f.dict(d["EF"])
	for _, k := range [...]name{"UF", "F", "Unix", "DOS", "Mac"} {
		s := r.f.stream(ef[k])
		if s == nil || r.members[s.id] || r.err != nil || r.f.closed {
			continue
		}
		r.members[s.id] = true
		name := r.target(d)
		if name == "" {
			name = fmt.Sprintf("embedded-%d", len(r.members))
		}
		src, _ := r.f.reader(s, r.f.crypt)
		_, r.err = r.t.Add(path.Clean(name), src, int64(len(s.raw)))
	}
}
