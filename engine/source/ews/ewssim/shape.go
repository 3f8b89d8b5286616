package ewssim

import (
	"slices"
	"strings"
)

// shape is what of an item or folder is wanted.
type shape struct {
	base  shapes
	mime  bool
	body  string // Best, HTML, Text
	uris  map[string]bool
	extra []*node // ExtendedFieldURI, each one once
	seen  map[string]bool
	// headers that are wanted one by one, in lower case
	headers map[string]bool
}

var baseShapes = map[string]shapes{"IdOnly": byID, "Default": byBasic, "AllProperties": byAll}

// readShape reads an ItemShape, FolderShape or AttachmentShape.
func (s *Server) readShape(c *call, n *node) (*shape, error) {
	sh := &shape{base: byBasic, body: "Best", uris: map[string]bool{}, seen: map[string]bool{}, headers: map[string]bool{}}
	if base := n.kid("BaseShape"); base != nil {
		kind, ok := baseShapes[base.value()]
		if !ok {
			return nil, badValue(base, "BaseShape", base.value(), "DefaultShapeNamesType")
		}
		sh.base = kind
	}
	if want := n.kid("IncludeMimeContent"); want != nil {
		is, ok := truth(want.value())
		if !ok {
			return nil, badValue(want, "IncludeMimeContent", want.value(), "boolean")
		}
		sh.mime = is
	}
	if kind := n.kid("BodyType"); kind != nil {
		if !slices.Contains([]string{"Best", "HTML", "Text"}, kind.value()) {
			return nil, badValue(kind, "BodyType", kind.value(), "BodyTypeResponseType")
		}
		sh.body = kind.value()
	}
	for _, p := range n.kid("AdditionalProperties").all() {
		if err := s.addProperty(c, sh, p); err != nil {
			return nil, err
		}
	}
	return sh, nil
}

func (s *Server) addProperty(c *call, sh *shape, p *node) error {
	switch p.name {
	case "FieldURI":
		if err := s.checkURI(c, p); err != nil {
			return err
		}
		sh.uris[p.attr("FieldURI")] = true
		sh.mime = sh.mime || p.attr("FieldURI") == "item:MimeContent"
	case "ExtendedFieldURI":
		if err := checkExtended(p); err != nil {
			return err
		}
		if key := propertyKey(p) + p.attr("PropertyType"); !sh.seen[key] {
			sh.seen[key] = true
			sh.extra = append(sh.extra, p)
		}
	case "IndexedFieldURI":
		if err := checkIndexed(p); err != nil {
			return err
		}
		if p.attr("FieldURI") == singleHeader {
			sh.headers[strings.ToLower(p.attr("FieldIndex"))] = true
		}
	default:
		return unexpected(&node{name: "AdditionalProperties", space: nsTypes}, p)
	}
	return nil
}

// singleHeader is the name of a property of which each header of a mail is one.
const singleHeader = "item:InternetMessageHeader"

// checkIndexed refuses an IndexedFieldURI that names nothing. Those of contacts are
// names, and nothing here has them.
func checkIndexed(n *node) error {
	uri := n.attr("FieldURI")
	switch {
	case !n.has("FieldIndex"):
		return invalid(n, "The required attribute 'FieldIndex' is missing.")
	case uri != singleHeader && !strings.HasPrefix(uri, "contacts:") && uri != "distributionlist:Members:Member":
		return badValue(n, "FieldURI", uri, "DictionaryURIType")
	}
	return nil
}

// checkURI refuses names that are none, or not yet.
func (s *Server) checkURI(c *call, n *node) error {
	uri := n.attr("FieldURI")
	if f := fieldOf(uri); f != nil {
		if f.since != "" {
			return s.since(c, n, schemaOf(f.since))
		}
		return nil
	}
	if slices.ContainsFunc(folderFields, func(f folderField) bool { return f.uri == uri && uri != extendedHere }) {
		return nil
	}
	if slices.ContainsFunc(otherSpaces, func(space string) bool { return strings.HasPrefix(uri, space) && len(uri) > len(space) }) {
		return nil
	}
	return badValue(n, "FieldURI", uri, "UnindexedFieldURIType")
}

func fieldOf(uri string) *field {
	for _, list := range [][]field{itemFields, laterFields, messageFields} {
		for i := range list {
			if list[i].uri == uri {
				return &list[i]
			}
		}
	}
	return nil
}

// wants tells whether a field belongs to what is wanted.
func (sh *shape) wants(f *field) bool {
	return sh.uris[f.uri] || f.shape >= sh.base && f.shape != byName || f.uri == "item:MimeContent" && sh.mime
}

// classes are the elements of item classes, by the beginning of the class.
var classes = []struct{ class, element string }{
	{"IPM.Schedule.Meeting.Request", "t:MeetingRequest"},
	{"IPM.Schedule.Meeting.Canceled", "t:MeetingCancellation"},
	{"IPM.Schedule.Meeting.Resp", "t:MeetingResponse"},
	{"IPM.Appointment", "t:CalendarItem"},
	{"IPM.Contact", "t:Contact"},
	{"IPM.DistList", "t:DistributionList"},
	{"IPM.Task", "t:Task"},
	{"IPM.Post", "t:PostItem"},
	{"IPM.Note", "t:Message"},
	{"REPORT.IPM.Note", "t:Message"},
}

// elementOf is the element of an item.
func elementOf(class string) string {
	for _, c := range classes {
		if strings.HasPrefix(class, c.class) {
			return c.element
		}
	}
	return "t:Item"
}

// postFields are the fields of messages that posts have.
var postFields = slices.DeleteFunc(slices.Clone(messageFields), func(f field) bool {
	return !slices.Contains([]string{"message:Sender", "message:ConversationIndex", "message:ConversationTopic", "message:From", "message:InternetMessageId", "message:IsRead", "message:References"}, f.uri)
})

// asMessage tells which elements have the fields of messages.
func asMessage(element string) bool {
	return element == "t:Message" || strings.HasPrefix(element, "t:Meeting")
}

// render writes an item in a shape. In a list, what is large is left out.
func (s *Server) render(x *text, c *call, it *item, sh *shape, list bool) {
	r := &rendering{s: s, x: x, c: c, shape: sh}
	element := elementOf(it.class)
	x.begin(element)
	r.fields(itemFields, it, list)
	for _, uri := range sh.extra {
		s.extended(x, it, uri)
	}
	r.fields(laterFields, it, list)
	if asMessage(element) {
		r.fields(messageFields, it, list)
	}
	if element == "t:PostItem" {
		r.fields(postFields, it, list)
	}
	x.end()
}

func (r *rendering) fields(all []field, it *item, list bool) {
	for i := range all {
		f := &all[i]
		switch {
		case f.uri == "item:InternetMessageHeaders" && len(r.shape.headers) > 0:
			f.write(r, it)
		case !r.shape.wants(f) || list && f.large:
		case f.since != "" && r.c.schema < schemaOf(f.since):
		case f.write != nil:
			f.write(r, it)
		case f.value != nil:
			writeValue(r.x, f.element(), f.value(it))
		}
	}
}
