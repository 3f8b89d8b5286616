package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// Part IDs of texts that are no attachment.
const (
	PartSubject = "subject"
	PartText    = "body.text"
	PartHTML    = "body.html"
	PartHeader  = "header"
)

// extract runs the chosen extractors over the item and merges what they find.
func (p *processing) extract(it *Item) {
	parts := InputParts(it.Message, it.Decision.Extract.From)
	m := merger{index: map[identity]*merged{}, max: p.engine.cfg.Limits.Findings, item: it}
	chosen, unknown := p.choose(it.Decision.Extract)
	for _, name := range unknown {
		it.Defects = append(it.Defects, Defect{Code: DefectUnknownExtract, Part: name, Detail: "no extractor of this name is configured"})
	}
	for _, x := range chosen {
		found, err := p.run(x, it.Message, parts, it.Decision.Extract.Config)
		if errors.Is(err, ErrTemporary) {
			p.incomplete = errors.Join(p.incomplete, fmt.Errorf("extractor %s: %w", x.Info().Name, err))
		} else if err != nil {
			code, capped := trouble(err)
			it.Defects = append(it.Defects, Defect{Code: code, Part: x.Info().Name, Detail: err.Error(), Cap: capped})
		}
		m.add(x.Info().Name, found)
	}
	if it.Decision.Extract.Only == nil {
		m.add(ofMessage, envelope(it))
	}
	it.Indicators, it.Trimmed = m.result()
	locate(it)
	for _, ind := range it.Indicators {
		p.lookUp(ind)
	}
}

// ofMessage is the name under which the engine itself finds what a message is called.
const ofMessage = "message"

// flagListed is the flag of an indicator that is on a list of well-known values.
const flagListed = "listed"

// lookUp adds what is known of an indicator beside the mail.
func (p *processing) lookUp(ind *Indicator) {
	if p.engine.cfg.DomainOf != nil {
		ind.Domain = p.engine.cfg.DomainOf(ind.Type, ind.Value)
	}
	ind.Lists = []string{}
	if p.engine.cfg.Listed == nil {
		return
	}
	if ind.Lists = append(ind.Lists, p.engine.cfg.Listed(ind.Type, ind.Value)...); len(ind.Lists) > 0 {
		ind.Flags = append(ind.Flags, flagListed)
	}
}

// trouble names what an extractor's error is: of its own kind, a cap behind
// which nothing was looked at, or a plain failure.
func trouble(err error) (code string, capped bool) {
	var own interface{ DefectCode() string }
	switch capped = errors.Is(err, ErrLimit); {
	case errors.As(err, &own):
		return own.DefectCode(), capped
	case capped:
		return DefectFindings, false // what was found up to there counts
	}
	return DefectExtractor, false
}

// choose lists the extractors in the order of the configuration; `only` wins.
func (p *processing) choose(e Extraction) (chosen []Extractor, unknown []string) {
	asked := e.Only
	if asked == nil {
		asked = e.Use
	}
	known := []string{}
	for _, x := range p.engine.cfg.Extractors {
		info := x.Info()
		known = append(known, info.Name)
		if slices.Contains(asked, info.Name) || (e.Only == nil && info.Default) {
			chosen = append(chosen, x)
		}
	}
	for _, name := range asked {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	return chosen, unknown
}

// run hands over only the parts that the extractor wants. A panic in it is its
// error, not the end of the message; where it happened stands in the log.
func (p *processing) run(x Extractor, msg *Message, parts []InputPart, config map[string]json.RawMessage) (found []Finding, err error) {
	in := Input{MessageID: msg.Meta.ID, Date: msg.Meta.Received, Config: config[x.Info().Name]}
	for _, part := range parts {
		if x.Wants(part.PartInfo) {
			in.Parts = append(in.Parts, part)
		}
	}
	if len(in.Parts) == 0 {
		return nil, nil
	}
	defer func() {
		if r := recover(); r != nil {
			p.engine.cfg.Log.Error("panic", "extractor", x.Info().Name, "message", msg.Meta.ID, "stack", string(debug.Stack()))
			found, err = nil, fmt.Errorf("panic: %v", r)
		}
	}()
	return x.Extract(p.ctx, in)
}

// InputParts are what extractors may see of a message, in a fixed order. from
// lists body, attachments and headers; nil means what is looked at unless a rule
// says otherwise: body and attachments.
func InputParts(msg *Message, from []string) []InputPart {
	wants := func(kind string) bool { return from == nil || slices.Contains(from, kind) }
	var parts []InputPart
	add := func(p InputPart) {
		if p.Content == nil {
			p.Size = len(p.Text)
		}
		if p.Size > 0 || p.Page != nil {
			parts = append(parts, p)
		}
	}
	if wants("headers") && from != nil && msg.Meta.Carrier.Via != ViaSection { // they are those of the mail
		add(InputPart{PartInfo: PartInfo{ID: PartHeader, Kind: "header"}, Text: headerText(&msg.Headers)})
	}
	if wants("body") {
		add(InputPart{PartInfo: PartInfo{ID: PartSubject, Kind: "subject"}, Text: msg.Subject.Subject})
		add(InputPart{PartInfo: PartInfo{ID: PartText, Kind: "text", MIME: "text/plain"}, Text: msg.Body.Plain.Raw})
		if msg.Body.HTML.Raw != "" || msg.Body.HTML.InnerText != "" {
			add(InputPart{PartInfo: PartInfo{ID: PartHTML, Kind: "html", MIME: "text/html"}, Text: msg.Body.HTML.Raw, Page: &msg.Body.HTML})
		}
	}
	if wants("attachments") {
		for _, a := range msg.Attachments {
			addAttachment(add, a)
		}
	}
	return parts
}

// addAttachment adds the name, the text and the bytes of an attachment, and
// those of what is inside it.
func addAttachment(add func(InputPart), a *Part) {
	info := PartInfo{ID: a.Path, MIME: a.ContentType, Name: a.FileName, SHA256: a.SHA256}
	as := func(kind string) PartInfo { info.Kind = kind; return info }
	if !a.IsInline {
		add(InputPart{PartInfo: as("name"), Text: a.FileName})
	}
	add(InputPart{PartInfo: as("attachment"), Text: a.Text, Page: linksOf(a)})
	raw := InputPart{PartInfo: as("raw"), Content: a.Content}
	raw.Size = a.Size
	add(raw)
	for _, c := range a.Children {
		addAttachment(add, c)
	}
}

// linksOf hands the links of an attached page or document over; they have no
// place in its text. Those of other texts are the text itself.
func linksOf(a *Part) *Page {
	if len(a.Links) == 0 || !a.Opened && a.FileType != "html" && a.ContentType != "text/html" {
		return nil
	}
	p := &Page{InnerText: a.Text}
	for _, l := range a.Links {
		unplaced := *l
		unplaced.Span = Span{}
		p.Links = append(p.Links, &unplaced)
	}
	return p
}

func headerText(h *Headers) string {
	var b strings.Builder
	for _, f := range h.Fields {
		b.WriteString(f.Name + ": " + strings.ReplaceAll(f.Value, "\n", " ") + "\n")
	}
	return b.String()
}

// keep asks the keep rules about every indicator.
func (p *processing) keep(it *Item, view *View) {
	kept := it.Indicators[:0:0]
	for _, ind := range it.Indicators {
		v := p.rules.Keep(view, ind)
		if v.Err != nil {
			it.Defects = append(it.Defects, Defect{Code: DefectEvaluate, Part: v.Rule, Detail: v.Err.Error()})
		}
		if v.Keep || v.Err != nil {
			if v.Status != "" {
				ind.Status, ind.StatusBy = v.Status, v.Rule
			}
			kept = append(kept, ind)
		} else {
			it.Dropped = append(it.Dropped, Dropped{ind, v.Rule})
		}
	}
	it.Indicators = kept
}

// maxLocations is how many places inside attachments an indicator names.
const maxLocations = 20

// locate notes in which file, and where in it, indicators stood that were inside
// attachments: "orders.zip/march.xlsx Sheet1!B7".
func locate(it *Item) {
	inside := map[string]*location{}
	for _, a := range it.Message.Attachments {
		addLocations(inside, a, cmp.Or(a.FileName, a.Path))
	}
	for _, ind := range it.Indicators {
		for _, s := range ind.Spots {
			l := inside[s.Part]
			if l == nil || s.Context == InName || len(ind.Locations) >= maxLocations {
				continue
			}
			if name := l.at(s); name != "" {
				ind.Locations = union(ind.Locations, []string{name})
			}
		}
	}
}

// location is a part and its name for people.
type location struct {
	part   *Part
	name   string
	member bool
}

func addLocations(all map[string]*location, a *Part, name string) {
	all[a.Path] = &location{a, name, strings.Contains(a.Path, "/")}
	for _, c := range a.Children {
		addLocations(all, c, name+strings.TrimPrefix(c.Path, a.Path))
	}
}

// at is where a finding stood; "" when that says no more than the attachment does.
func (l *location) at(s Spot) string {
	place := ""
	if s.Context == InContent {
		place = l.part.placeAt(s.Span.Start)
	}
	if place == "" && !l.member {
		return ""
	}
	return strings.TrimSpace(l.name + " " + place)
}

// placeAt names the place of an offset of the text.
func (p *Part) placeAt(at int) string {
	i, exact := slices.BinarySearchFunc(p.Places, at, func(q Place, at int) int { return cmp.Compare(q.At, at) })
	if !exact {
		i--
	}
	if i < 0 {
		return ""
	}
	return p.Places[i].Name
}
