package engine

import (
	"context"
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
	parts := inputParts(it.Message, it.Decision.Extract.From)
	m := merger{index: map[identity]*merged{}, max: p.engine.cfg.Limits.Findings, item: it}
	chosen, unknown := p.choose(it.Decision.Extract)
	for _, name := range unknown {
		it.Defects = append(it.Defects, Defect{Code: DefectUnknownExtract, Part: name, Detail: "no extractor of this name is configured"})
	}
	for _, x := range chosen {
		found, err := runExtractor(p.ctx, x, it.Message, parts, it.Decision.Extract.Config)
		if err != nil {
			it.Defects = append(it.Defects, Defect{Code: trouble(err), Part: x.Info().Name, Detail: err.Error()})
		}
		m.add(x.Info().Name, found)
	}
	it.Indicators, it.Trimmed = m.result()
	if p.engine.cfg.DomainOf != nil {
		for _, ind := range it.Indicators {
			ind.Domain = p.engine.cfg.DomainOf(ind.Type, ind.Value)
		}
	}
}

// trouble tells an extractor that reached a cap, whose findings so far count,
// from one that failed.
func trouble(err error) string {
	if errors.Is(err, ErrLimit) {
		return DefectFindings
	}
	return DefectExtractor
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

// runExtractor hands over only the parts that the extractor wants. A panic in
// it is its error, not the end of the message.
func runExtractor(ctx context.Context, x Extractor, msg *Message, parts []InputPart, config map[string]json.RawMessage) (found []Finding, err error) {
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
			found, err = nil, fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return x.Extract(ctx, in)
}

// inputParts are the texts of an item, in a fixed order.
func inputParts(msg *Message, from []string) []InputPart {
	wants := func(kind string) bool { return from == nil || slices.Contains(from, kind) }
	var parts []InputPart
	add := func(info PartInfo, text string, page *Page) {
		if text == "" && page == nil {
			return
		}
		info.Size = len(text)
		parts = append(parts, InputPart{PartInfo: info, Text: text, Page: page})
	}
	if wants("headers") && from != nil {
		add(PartInfo{ID: PartHeader, Kind: "header"}, headerText(&msg.Headers), nil)
	}
	if wants("body") {
		add(PartInfo{ID: PartSubject, Kind: "subject"}, msg.Subject.Subject, nil)
		add(PartInfo{ID: PartText, Kind: "text", MIME: "text/plain"}, msg.Body.Plain.Raw, nil)
		if msg.Body.HTML.Raw != "" || msg.Body.HTML.InnerText != "" {
			add(PartInfo{ID: PartHTML, Kind: "html", MIME: "text/html"}, msg.Body.HTML.Raw, &msg.Body.HTML)
		}
	}
	if wants("attachments") {
		for _, a := range msg.Attachments {
			addAttachment(add, a)
		}
	}
	return parts
}

func addAttachment(add func(PartInfo, string, *Page), a *Part) {
	info := PartInfo{ID: a.Path, MIME: a.ContentType, Name: a.FileName, SHA256: a.SHA256}
	if !a.IsInline {
		info.Kind = "name"
		add(info, a.FileName, nil)
	}
	info.Kind = "attachment"
	add(info, a.Text, linksOf(a))
	for _, c := range a.Children {
		addAttachment(add, c)
	}
}

// linksOf hands the links of an attached page over; they have no place in its
// text. Those of other texts are the text itself.
func linksOf(a *Part) *Page {
	if len(a.Links) == 0 || a.FileType != "html" && a.ContentType != "text/html" {
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
		v := p.engine.cfg.Rules.Keep(view, ind)
		if v.Err != nil {
			it.Defects = append(it.Defects, Defect{Code: DefectEvaluate, Part: v.Rule, Detail: v.Err.Error()})
		}
		if v.Keep || v.Err != nil {
			kept = append(kept, ind)
		} else {
			it.Dropped = append(it.Dropped, Dropped{ind, v.Rule})
		}
	}
	it.Indicators = kept
}
