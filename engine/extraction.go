package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"
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
	m := merger{index: map[string]*merged{}, max: p.engine.cfg.Limits.Findings, item: it}
	chosen, unknown := p.choose(it.Decision.Extract)
	for _, name := range unknown {
		it.Defects = append(it.Defects, Defect{Code: DefectUnknownExtract, Part: name, Detail: "no extractor of this name is configured"})
	}
	for _, x := range chosen {
		found, err := runExtractor(p.ctx, x, it.Message, parts, it.Decision.Extract.Config)
		if err != nil {
			it.Defects = append(it.Defects, Defect{Code: DefectExtractor, Part: x.Info().Name, Detail: err.Error()})
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
	add(info, a.Text, nil)
	for _, c := range a.Children {
		addAttachment(add, c)
	}
}

func headerText(h *Headers) string {
	var b strings.Builder
	for _, f := range h.Fields {
		b.WriteString(f.Name + ": " + strings.ReplaceAll(f.Value, "\n", " ") + "\n")
	}
	return b.String()
}

// merger joins findings of one (type, value) to one indicator. Findings that
// stood only in what was trimmed become the trimmed ones.
type merger struct {
	item  *Item
	index map[string]*merged
	order []*merged
	max   int
}

type merged struct {
	ind     *Indicator
	flags   Flags
	kept    bool // stood somewhere outside the cut
	derived bool // so far only derived
}

func (m *merger) add(extractor string, found []Finding) {
	for i := range found {
		f := &found[i]
		key := f.Type + "\x1f" + f.Value
		g := m.index[key]
		if g == nil {
			if len(m.order) >= m.max {
				m.item.Defects = append(m.item.Defects, LimitDefect(DefectFindings, extractor, "more than %d indicators", m.max))
				return
			}
			g = &merged{ind: &Indicator{Type: f.Type, Value: f.Value, Original: f.Original, Contexts: []string{}, Parts: []string{}, Extractors: []string{}}, derived: true}
			m.index[key] = g
			m.order = append(m.order, g)
		}
		g.add(extractor, f, m.item.inCut(f.Spot))
	}
}

func (g *merged) add(extractor string, f *Finding, cut bool) {
	ind := g.ind
	if !cut {
		if !g.kept {
			ind.Original = f.Original
		}
		g.kept = true
	}
	ind.Count++
	ind.Spots = append(ind.Spots, f.Spot)
	ind.Parts = union(ind.Parts, []string{f.Spot.Part})
	ind.Extractors = union(ind.Extractors, []string{extractor})
	g.flags |= f.Flags
	g.derived = g.derived && f.Flags&Derived != 0
	for k, v := range f.Extra {
		if ind.Extra == nil {
			ind.Extra = map[string]string{}
		}
		if _, set := ind.Extra[k]; !set {
			ind.Extra[k] = v
		}
	}
}

// result sorts by the order of types, then by value, so that the order of
// extractors and parts does not show.
func (m *merger) result() (kept, trimmed []*Indicator) {
	for _, g := range m.order {
		g.finish()
		if g.kept {
			kept = append(kept, g.ind)
		} else {
			trimmed = append(trimmed, g.ind)
		}
	}
	slices.SortFunc(kept, compareIndicators)
	slices.SortFunc(trimmed, compareIndicators)
	return kept, trimmed
}

func (g *merged) finish() {
	ind := g.ind
	var seen uint16
	for _, s := range ind.Spots {
		seen |= 1 << s.Context
	}
	for c := range contextNames {
		if seen&(1<<c) != 0 {
			ind.Contexts = append(ind.Contexts, contextNames[c])
		}
	}
	flags := g.flags
	if !g.derived {
		flags &^= Derived
	}
	ind.Flags, ind.Derived = flags.Names(), g.derived
	slices.Sort(ind.Extractors)
	slices.SortStableFunc(ind.Spots, compareSpots)
}

func compareIndicators(a, b *Indicator) int {
	return cmp.Or(cmp.Compare(typeRank(a.Type), typeRank(b.Type)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
}

func compareSpots(a, b Spot) int {
	return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Context, b.Context), cmp.Compare(a.Span.Start, b.Span.Start))
}

func typeRank(name string) int {
	i := slices.IndexFunc(IndicatorTypes, func(t IndicatorType) bool { return t.Name == name })
	if i < 0 {
		return len(IndicatorTypes)
	}
	return i
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

// inCut tells whether a spot lies wholly in what was trimmed. One that
// straddles the edge stays: a trim never mangles an indicator.
func (it *Item) inCut(s Spot) bool {
	if s.Context == InHeader || s.Context == InSubject || s.Context == InName || s.Context == InContent {
		return false
	}
	cuts := it.cutText
	if s.Part == PartHTML {
		cuts = it.cutHTML
	}
	for _, c := range cuts {
		if c.Start <= s.Span.Start && s.Span.End <= c.End && s.Span.End > s.Span.Start {
			return true
		}
	}
	return false
}

// applyTrims marks what the trims of the message phase cut off both forms of
// the body, and shortens Body.Text.
func applyTrims(it *Item) {
	body := &it.Message.Body
	for _, t := range it.Decision.Trims {
		it.cutText = trim(it.cutText, t, body.Plain.Raw, nil)
		it.cutHTML = trim(it.cutHTML, t, body.HTML.InnerText, body.HTML.Hidden)
	}
	if len(it.cutText) == 0 && len(it.cutHTML) == 0 {
		return
	}
	text, cuts := body.Plain.Raw, it.cutText
	if text == "" {
		text, cuts = body.HTML.InnerText, append(slices.Clone(body.HTML.Hidden), it.cutHTML...)
		it.Cut = within(text, it.cutHTML, body.HTML.Hidden)
	} else {
		it.Cut = within(text, cuts, nil)
	}
	body.Text = without(text, cuts)
}

// trim adds the range that one action cuts from what is left of text.
func trim(cuts []Span, t Trim, text string, hidden []Span) []Span {
	if text == "" {
		return cuts
	}
	gone := mergeSpans(append(slices.Clone(cuts), hidden...))
	switch {
	case t.After != nil:
		if at := firstMatch(t, text, gone); at >= 0 {
			return append(cuts, Span{at, len(text)})
		}
		return cuts
	case t.End:
		return append(cuts, Span{fromEnd(text, t.Chars, gone), len(text)})
	}
	return append(cuts, Span{0, fromStart(text, t.Chars, gone)})
}

func firstMatch(t Trim, text string, gone []Span) int {
	for _, m := range t.After.FindAllStringIndex(text, -1) {
		if !covers(gone, m[0]) {
			return m[0]
		}
	}
	return -1
}

// fromStart returns the offset after n characters that are not gone yet.
func fromStart(text string, n int, gone []Span) int {
	for i := range text {
		if n == 0 {
			return i
		}
		if !covers(gone, i) {
			n--
		}
	}
	return len(text)
}

func fromEnd(text string, n int, gone []Span) int {
	at := len(text)
	for at > 0 && n > 0 {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
		if !covers(gone, at) {
			n--
		}
	}
	return at
}

// covers expects merged spans.
func covers(spans []Span, at int) bool {
	i, _ := slices.BinarySearchFunc(spans, at, func(s Span, at int) int {
		if s.End <= at {
			return -1
		}
		return 1
	})
	return i < len(spans) && spans[i].Start <= at
}

// without returns text minus the spans, which may overlap.
func without(text string, spans []Span) string {
	var b strings.Builder
	at := 0
	for _, s := range mergeSpans(spans) {
		if s.Start > at {
			b.WriteString(text[at:s.Start])
		}
		at = max(at, s.End)
	}
	b.WriteString(text[at:])
	return b.String()
}

// within returns the text of the spans, less what is hidden.
func within(text string, spans, hidden []Span) string {
	var b strings.Builder
	for _, s := range mergeSpans(spans) {
		shifted := []Span{}
		for _, h := range hidden {
			lo, hi := max(h.Start, s.Start), min(h.End, s.End)
			if lo < hi {
				shifted = append(shifted, Span{lo - s.Start, hi - s.Start})
			}
		}
		b.WriteString(without(text[s.Start:s.End], shifted))
	}
	return b.String()
}

// mergeSpans sorts and joins overlapping spans.
func mergeSpans(spans []Span) []Span {
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b Span) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	var out []Span
	for _, s := range sorted {
		if n := len(out); n > 0 && s.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}
