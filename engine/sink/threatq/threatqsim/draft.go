package threatqsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// maxText is how many bytes a column of the platform's type TEXT holds.
const maxText = 65_535

// problems are what is wrong with which field of a request.
type problems map[string][]string

func (p problems) add(field, format string, args ...any) {
	p[field] = append(p[field], fmt.Sprintf(format, args...))
}

func (p problems) answer() answer {
	return answer{code: http.StatusBadRequest, body: object{"data": object{"errors": p}}}
}

// decode reads a JSON body. As PHP does, it refuses text that is not UTF-8.
func decode(c *call, v any) (answer, bool) {
	if !utf8.Valid(c.body) {
		return refuse(http.StatusBadRequest, "Malformed UTF-8 characters, possibly incorrectly encoded"), false
	}
	if err := wire.Check(c.body); err != nil {
		return refuse(http.StatusBadRequest, err.Error()), false
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return refuse(http.StatusBadRequest, "Syntax error in the request body: "+err.Error()), false
	}
	return answer{}, true
}

// decodeList reads a list, or one object as a list of one, also an empty one.
func decodeList[T any](c *call) (list []T, a answer, ok bool) {
	if bytes.HasPrefix(bytes.TrimSpace(c.body), []byte("{")) {
		list = make([]T, 1)
		a, ok = decode(c, &list[0])
		return list, a, ok
	}
	a, ok = decode(c, (*wire.List[T])(&list))
	return list, a, ok
}

// draft is an object of a request whose references have been found.
type draft struct {
	in          wire.Object
	key         string
	typ, status *row   // nil: not said
	freeType    string // to be made
	file        *file
	peers       []*node
	made        []wire.Object // indicators to be made and linked
}

// check finds out what an object of a request means. It changes nothing. creates
// tells that what is required must be there.
func (s *Server) check(c *collection, in wire.Object, at string, creates bool, p problems) *draft {
	in = s.known(c.kind, in)
	d := &draft{in: in, key: keyOf(c.kind, in)}
	if creates && d.key == "" {
		p.add(at+c.kind.key, "The %s field is required.", c.kind.key)
	}
	d.typ, d.freeType = c.checkType(in, at, creates, p)
	d.status = checkRow(c.statuses, in.Status, in.StatusID, at+"status", p)
	if creates && c.kind.name == "events" && in.HappenedAt.IsZero() {
		p.add(at+"happened_at", "The happened_at field is required.")
	}
	if in.Class != "" && in.Class != "network" && in.Class != "host" {
		p.add(at+"class", "The selected class is invalid.")
	}
	if len(in.Description) > maxText {
		p.add(at+"description", "The description may not be greater than %d bytes.", maxText)
	}
	checkTimes(in, at, p)
	s.checkParts(in, at, p)
	s.checkPeers(d, at, p)
	return d
}

func keyOf(k *kind, in wire.Object) string {
	switch k.key {
	case "name":
		return in.Name
	case "title":
		return in.Title
	default:
		return in.Value
	}
}

func (c *collection) checkType(in wire.Object, at string, creates bool, p problems) (*row, string) {
	ref := in.Type
	if ref.Name == "" && ref.ID == 0 && in.TypeID == 0 {
		if creates && len(c.kind.types) > 0 {
			p.add(at+"type", "The type field is required.")
		}
		return nil, ""
	}
	if c.kind.free && ref.Name != "" && c.types.byName(ref.Name) == nil {
		return nil, ref.Name
	}
	return checkRow(c.types, ref, in.TypeID, at+"type", p), ""
}

// checkRow finds what is named by name or id; nil when nothing is. A name and an
// id that differ are refused.
func checkRow(l *list, ref wire.Ref, id wire.Int, field string, p problems) *row {
	if id == 0 {
		id = ref.ID
	}
	var byID, byName *row
	if id != 0 {
		if byID = l.byID(int64(id)); byID == nil {
			p.add(field+"_id", "The selected %s_id is invalid.", lastPart(field))
		}
	}
	if ref.Name != "" {
		if byName = l.byName(ref.Name); byName == nil {
			p.add(field, "The selected %s is invalid.", lastPart(field))
		}
	}
	if byID != nil && byName != nil && byID != byName {
		p.add(field, "The %s and the %s_id differ.", lastPart(field), lastPart(field))
	}
	if byID != nil {
		return byID
	}
	return byName
}

// lastPart is the field without the place of its object: "type" of "3.type".
func lastPart(field string) string {
	for i := len(field) - 1; i >= 0; i-- {
		if field[i] == '.' {
			return field[i+1:]
		}
	}
	return field
}

func checkTimes(in wire.Object, at string, p problems) {
	for _, t := range []struct {
		field string
		time  wire.Time
	}{{"happened_at", in.HappenedAt}, {"published_at", in.PublishedAt}, {"last_detected_at", in.LastDetectedAt}} {
		if t.time.Bad != "" {
			p.add(at+t.field, "The %s is not a valid date.", t.field)
		}
	}
}

func (s *Server) checkParts(in wire.Object, at string, p problems) {
	for i, a := range in.Attributes {
		s.checkAttribute(a, fmt.Sprintf("%sattributes.%d.", at, i), p)
	}
	for i, src := range in.Sources {
		s.checkSource(src, fmt.Sprintf("%ssources.%d.", at, i), p)
	}
	for i, t := range in.Tags {
		if t.Name == "" {
			p.add(fmt.Sprintf("%stags.%d.name", at, i), "The name field is required.")
		}
	}
	for i, m := range in.Comments {
		if m.Value == "" {
			p.add(fmt.Sprintf("%scomments.%d.value", at, i), "The value field is required.")
		}
	}
}

func (s *Server) checkAttribute(a wire.Attribute, at string, p problems) {
	if a.Name == "" {
		p.add(at+"name", "The name field is required.")
	}
	if a.Value == "" {
		p.add(at+"value", "The value field is required.")
	}
	if len(a.Value) > maxText {
		p.add(at+"value", "The value may not be greater than %d bytes.", maxText)
	}
	if a.PublishedAt.Bad != "" {
		p.add(at+"published_at", "The published_at is not a valid date.")
	}
	for i, src := range a.Sources {
		s.checkSource(src, fmt.Sprintf("%ssources.%d.", at, i), p)
	}
}

func (s *Server) checkSource(src wire.Source, at string, p problems) {
	if src.Name == "" {
		p.add(at+"name", "The name field is required.")
	}
	checkRow(s.state.tlps, src.TLP, src.TLPID, at+"tlp", p)
	if src.PublishedAt.Bad != "" {
		p.add(at+"published_at", "The published_at is not a valid date.")
	}
}

// checkPeers finds the objects that a draft is to be linked to.
func (s *Server) checkPeers(d *draft, at string, p problems) {
	for _, r := range []struct {
		kind string
		in   wire.List[wire.Object]
	}{
		{"events", d.in.Events},
		{"adversaries", d.in.Adversaries},
		{"signatures", d.in.Signatures},
		{"malware", d.in.Malware},
		{"campaign", d.in.Campaign},
		{"indicators", d.in.Indicators},
		{"attachments", d.in.Attachments},
	} {
		for i, peer := range r.in {
			s.checkPeer(d, r.kind, peer, fmt.Sprintf("%s%s.%d.", at, r.kind, i), p)
		}
	}
}

func (s *Server) checkPeer(d *draft, kind string, peer wire.Object, at string, p problems) {
	coll := s.state.collections[kind]
	if peer.ID == 0 && kind == "indicators" && peer.Value != "" {
		if typ, _ := coll.checkType(peer, at, true, p); typ != nil {
			d.made = append(d.made, peer)
		}
		return
	}
	n := coll.objects[int64(peer.ID)]
	if n == nil {
		p.add(at+"id", "The selected id is invalid.")
		return
	}
	d.peers = append(d.peers, n)
}
