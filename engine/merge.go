package engine

import (
	"cmp"
	"slices"
)

// merger joins findings of one (type, value) to one indicator. Findings that
// stood only in what was trimmed become the trimmed ones.
type merger struct {
	item  *Item
	index map[identity]*merged
	order []*merged
	max   int
}

// ofPlaces are flags that say where a finding stood: an indicator has them when it
// stood nowhere else.
const ofPlaces = Signature | Infrastructure

// identity is what makes two findings one indicator.
type identity struct{ typ, value string }

type merged struct {
	ind     Indicator
	flags   Flags
	every   Flags // those of every occurrence
	kept    bool  // stood somewhere outside the cut
	derived bool  // so far only derived
}

func (m *merger) add(extractor string, found []Finding) {
	for i := range found {
		f := &found[i]
		key := identity{f.Type, f.Value}
		g := m.index[key]
		if g == nil {
			if len(m.order) >= m.max {
				m.item.Defects = append(m.item.Defects, LimitDefect(DefectFindings, extractor, "more than %d indicators", m.max))
				return
			}
			g = &merged{ind: Indicator{Type: f.Type, Value: f.Value, Original: f.Original, Extractor: extractor, Contexts: []string{}, Parts: []string{}, Locations: []string{}, Extractors: []string{}}, every: f.Flags, derived: true}
			m.index[key] = g
			m.order = append(m.order, g)
		}
		g.add(extractor, f, m.item.inCut(f.Spot))
	}
}

func (g *merged) add(extractor string, f *Finding, cut bool) {
	ind := &g.ind
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
	g.every &= f.Flags
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
			kept = append(kept, &g.ind)
		} else {
			trimmed = append(trimmed, &g.ind)
		}
	}
	slices.SortFunc(kept, compareIndicators)
	slices.SortFunc(trimmed, compareIndicators)
	return kept, trimmed
}

func (g *merged) finish() {
	ind := &g.ind
	var seen uint16
	for _, s := range ind.Spots {
		seen |= 1 << s.Context
	}
	for c := range contextNames {
		if seen&(1<<c) != 0 {
			ind.Contexts = append(ind.Contexts, contextNames[c])
		}
	}
	flags := g.flags&^ofPlaces | g.every&ofPlaces
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
