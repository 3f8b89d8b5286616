package engine

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// applyTrims marks what the trims of the message phase cut off both forms of
// the body, and shortens Body.Text. A section was trimmed with its mail.
func applyTrims(it *Item) {
	if it.Message.Meta.Carrier.Via == ViaSection {
		return
	}
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

// inCut tells whether a spot lies wholly in what was trimmed. One that
// straddles the edge stays: a trim never mangles an indicator.
func (it *Item) inCut(s Spot) bool {
	if s.Context == InHeader || s.Context == InSubject || s.Context == InName || s.Context == InContent || s.Context == InSource {
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
