package stix

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

func (w *writer) addIndicators() {
	for i := range w.batch.Indicators {
		w.addIndicator(&w.batch.Indicators[i])
	}
}

// addIndicator adds what an indicator is, and what finds it. What the standard has
// no word for is a note on the reports.
func (w *writer) addIndicator(r *engine.IndicatorRecord) {
	ref := engine.Ref{Kind: "indicator", Key: r.Key}
	f := w.frame(ref)
	f.by = cmp.Or(r.Source, f.by)
	what, ok := read(r)
	if !ok {
		w.note(f, r.TLP, r.Type, append([]line{{r.Type, r.Value}}, indicatorLines(r)...), w.reports(ref)...)
		return
	}
	var ids []string
	if what.known != nil {
		ids = append(ids, w.put(what.known, ""))
	}
	if what.pattern != "" {
		ids = append(ids, w.say("indicator", f, r.TLP, indicatorObject(r, f, what.pattern), r.Type, r.Value))
	}
	for _, o := range what.observables {
		ids = append(ids, w.put(o, r.TLP))
	}
	if what.pattern != "" && len(what.observables) > 0 {
		w.relate(f, ids[0], "based-on", ids[len(ids)-1])
	}
	if note := w.note(f, r.TLP, r.Type, indicatorLines(r), ids[0]); note != "" {
		ids = append(ids, note)
	}
	w.nodes[ref] = ids
}

func indicatorObject(r *engine.IndicatorRecord, f frame, pattern string) object {
	o := object{
		"name": clean(r.Value), "pattern": pattern, "pattern_type": "stix", "valid_from": timestamp(f.at),
		"indicator_types": []string{verdict(r.Status)},
	}
	if all := labels(r.Tags); len(all) > 0 {
		o["labels"] = all
	}
	if n := confidence(r, f.score); n > 0 {
		o["confidence"] = n
	}
	return o
}

// verdict is the type of an indicator (indicator-type-ov) by its status at ThreatQ.
func verdict(status string) string {
	switch strings.ToLower(status) {
	case "active":
		return "malicious-activity"
	case "whitelisted":
		return "benign"
	}
	return "unknown"
}

// confidence is what an extractor says of a value, else the score of the mail; in
// percent, 0 when nobody says.
func confidence(r *engine.IndicatorRecord, score int) int {
	for _, a := range r.Attributes {
		if n, err := strconv.Atoi(a.Value); err == nil && strings.EqualFold(a.Name, "confidence") {
			score = n
		}
	}
	return min(max(score, 0), 100)
}

func indicatorLines(r *engine.IndicatorRecord) []line {
	var all []line
	if r.Status != "" && verdict(r.Status) == "unknown" {
		all = lines(all, "Status", r.Status)
	}
	all = lines(all, "Original", r.Original)
	all = lines(all, "Context", r.Contexts...)
	all = lines(all, "Flag", r.Flags...)
	return attributeLines(all, r.Attributes)
}

// addNamed adds what rules relate events to. What the standard has no word for is a
// note on the reports.
func (w *writer) addNamed() {
	for i := range w.batch.Objects {
		r := &w.batch.Objects[i]
		ref := engine.Ref{Kind: "object", Key: r.Key}
		f := w.frame(ref)
		tlp := w.levelOf(ref)
		if o, ok := named(r, tlp); ok {
			w.nodes[ref] = []string{w.put(o, tlp)}
			continue
		}
		w.note(f, tlp, r.Type, []line{{r.Type, r.Name}}, w.reports(ref)...)
	}
}

// levelOf is the strictest TLP of the events that a node belongs to.
func (w *writer) levelOf(ref engine.Ref) (tlp string) {
	for i := range w.batch.Events {
		if w.reached[i][ref] {
			tlp = engine.MostRestrictive(tlp, w.batch.Events[i].TLP)
		}
	}
	if _, ok := markings[tlp]; !ok {
		return ""
	}
	return tlp
}

// reports are those on the events that a node belongs to; all when it belongs to
// none.
func (w *writer) reports(ref engine.Ref) []string {
	var ids, all []string
	for i := range w.batch.Events {
		id := reportID(w.events[i])
		all = append(all, id)
		if w.reached[i][ref] {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return all
	}
	return ids
}
