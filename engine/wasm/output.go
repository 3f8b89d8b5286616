package wasm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Caps of ABI.md on one output.
const (
	maxValue          = 8192 // bytes
	maxNotes          = 100
	maxText           = 1024 // bytes of a note, of an attribute's value, of a line of the log
	maxAttributes     = 16
	maxAttributeName  = 64 // bytes
	maxComplaints     = 5  // that are told of one output
	confidenceKey     = "confidence"
	relatedKey        = "related_to"
	confidenceCeiling = 100
)

type output struct {
	Indicators []reported `json:"indicators"`
	Notes      []remark   `json:"notes"`
}

// reported is one indicator as a module writes it.
type reported struct {
	Type       string             `json:"type"`
	Value      string             `json:"value"`
	Part       *int               `json:"part"`
	Start      *int               `json:"start"`
	End        *int               `json:"end"`
	Confidence *int               `json:"confidence"`
	Attributes map[string]*string `json:"attributes"`
	RelatedTo  string             `json:"related_to"`
}

type remark struct {
	Level string `json:"level"`
	Text  string `json:"text"`
	Part  *int   `json:"part"`
}

// decode reads an output. What breaks a rule of ABI.md is refused as a whole;
// values that are not of their type are left out and told.
func (x *Extractor) decode(data []byte, parts []given) ([]engine.Finding, []Note, error) {
	if len(data) == 0 {
		return nil, nil, nil
	}
	var out output
	if err := decodeStrictly(data, outputShape, &out); err != nil {
		return nil, nil, badOutput("%v", err)
	}
	if int64(len(out.Indicators)) > x.limits.Findings {
		return nil, nil, badOutput("%d indicators; %d are allowed", len(out.Indicators), x.limits.Findings)
	}
	notes, err := out.notes(parts)
	if err != nil {
		return nil, nil, badOutput("%v", err)
	}
	var found []engine.Finding
	var wrong []error
	for i := range out.Indicators {
		r := &out.Indicators[i]
		if err := x.check(r, parts); err != nil {
			return nil, nil, badOutput("indicators[%d]: %v", i, err)
		}
		f := r.finding(x.types[r.Type], &parts[*r.Part])
		if ok := x.canonical(&f); !ok {
			wrong = append(wrong, fmt.Errorf("indicators[%d]: %.80q is no %s", i, r.Value, f.Type))
			continue
		}
		found = append(found, f)
	}
	return found, notes, complaint(wrong)
}

func (o *output) notes(parts []given) ([]Note, error) {
	if len(o.Notes) > maxNotes {
		return nil, fmt.Errorf("%d notes; %d are allowed", len(o.Notes), maxNotes)
	}
	var all []Note
	for i, n := range o.Notes {
		note := Note{n.Level, n.Text, -1}
		if n.Part != nil {
			note.Part = *n.Part
		}
		switch {
		case n.Level != "info" && n.Level != "warning":
			return nil, fmt.Errorf("notes[%d]: level %.32q is neither info nor warning", i, n.Level)
		case n.Text == "" || len(n.Text) > maxText:
			return nil, fmt.Errorf("notes[%d]: %d bytes of text; 1 to %d are allowed", i, len(n.Text), maxText)
		case strings.ContainsFunc(n.Text, unicode.IsControl):
			return nil, fmt.Errorf("notes[%d]: a control character in the text", i)
		case note.Part < -1 || note.Part >= len(parts) || n.Part != nil && note.Part < 0:
			return nil, fmt.Errorf("notes[%d]: part %d; there are %d", i, note.Part, len(parts))
		}
		all = append(all, note)
	}
	return all, nil
}

// check holds an indicator to the table of ABI.md.
func (x *Extractor) check(r *reported, parts []given) error {
	switch {
	case x.types[r.Type] == "":
		return fmt.Errorf("type %.64q is not declared", r.Type)
	case strings.TrimSpace(r.Value) == "" && r.Value != "":
		return errors.New("a value of nothing but white space")
	case r.Value == "" || len(r.Value) > maxValue:
		return fmt.Errorf("a value of %d bytes; 1 to %d are allowed", len(r.Value), maxValue)
	case strings.ContainsFunc(r.Value, unicode.IsControl):
		return errors.New("a control character in the value")
	case r.Part == nil:
		return errors.New("part is missing")
	case *r.Part < 0 || *r.Part >= len(parts):
		return fmt.Errorf("part %d; there are %d", *r.Part, len(parts))
	case (r.Start == nil) != (r.End == nil):
		return errors.New("start and end: both or neither")
	case r.Start != nil && (*r.Start < 0 || *r.Start > *r.End || *r.End > parts[*r.Part].len):
		return fmt.Errorf("bytes %d to %d of a part of %d", *r.Start, *r.End, parts[*r.Part].len)
	case r.Confidence != nil && (*r.Confidence < 0 || *r.Confidence > confidenceCeiling):
		return fmt.Errorf("confidence %d; 0 to %d are allowed", *r.Confidence, confidenceCeiling)
	case len(r.RelatedTo) > maxValue:
		return fmt.Errorf("related_to of %d bytes; %d are allowed", len(r.RelatedTo), maxValue)
	case strings.ContainsFunc(r.RelatedTo, unicode.IsControl):
		return errors.New("a control character in related_to")
	}
	return checkAttributes(r.Attributes)
}

func checkAttributes(all map[string]*string) error {
	if len(all) > maxAttributes {
		return fmt.Errorf("%d attributes; %d are allowed", len(all), maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) { // the same complaint each time
		switch v := all[name]; {
		case name == "" || len(name) > maxAttributeName || strings.ContainsFunc(name, unicode.IsControl):
			return fmt.Errorf("an attribute's name is empty, longer than %d bytes, or holds a control character", maxAttributeName)
		case v == nil:
			return fmt.Errorf("attribute %q is null", name)
		case len(*v) > maxText:
			return fmt.Errorf("an attribute of %d bytes; %d are allowed", len(*v), maxText)
		case strings.ContainsFunc(*v, unicode.IsControl):
			return fmt.Errorf("a control character in attribute %q", name)
		}
	}
	return nil
}

// finding says the same in the words of the engine.
func (r *reported) finding(typ string, g *given) engine.Finding {
	f := engine.Finding{Type: typ, Value: r.Value, Original: r.Value, Spot: engine.Spot{Part: g.ID, Context: contextOf(g.kind)}, Extra: r.extra()}
	if r.Start == nil {
		return f
	}
	f.Spot.Span = engine.Span{Start: *r.Start, End: *r.End}
	if g.page != nil && inside(f.Spot.Span, g.page.Hidden) {
		f.Spot.Context = engine.InHidden
	}
	if g.content == nil && *r.End-*r.Start <= maxValue {
		if s := g.text[*r.Start:*r.End]; s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) {
			f.Original = s
		}
	}
	return f
}

// extra are the attributes, and what else a sink should show beside the value. Two
// names are the host's, whatever the module calls its own.
func (r *reported) extra() map[string]string {
	all := map[string]string{}
	for name, v := range r.Attributes {
		if name != confidenceKey && name != relatedKey {
			all[name] = *v
		}
	}
	if r.Confidence != nil {
		all[confidenceKey] = strconv.Itoa(*r.Confidence)
	}
	if r.RelatedTo != "" {
		all[relatedKey] = r.RelatedTo
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func contextOf(kind string) engine.Context {
	switch kind {
	case "html", "raw":
		return engine.InSource
	case "subject":
		return engine.InSubject
	case "header":
		return engine.InHeader
	case "name":
		return engine.InName
	case "attachment":
		return engine.InContent
	}
	return engine.InText
}

func inside(s engine.Span, all []engine.Span) bool {
	return slices.ContainsFunc(all, func(o engine.Span) bool { return o.Start <= s.Start && s.End <= o.End })
}

// canonical brings a value to the form in which all extractors report it, with the
// facts that they report beside it.
func (x *Extractor) canonical(f *engine.Finding) (ok bool) {
	if x.host.cfg.Canon != nil {
		if f.Value, ok = x.host.cfg.Canon(f.Type, f.Value); !ok {
			return false
		}
	}
	if x.host.cfg.Flags != nil {
		f.Flags = x.host.cfg.Flags(f.Type, f.Value)
	}
	return true
}

// complaint tells what was left out, a few of many.
func complaint(wrong []error) error {
	if len(wrong) == 0 {
		return nil
	}
	told := errors.Join(wrong[:min(len(wrong), maxComplaints)]...)
	text := strings.ReplaceAll(told.Error(), "\n", "; ")
	if more := len(wrong) - maxComplaints; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	e := badOutput("left out: %s", text)
	e.Partial = true
	return e
}
