package ewssim

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// propertyTypes are the types of extended properties, without Array.
var propertyTypes = []string{"Boolean", "Integer", "Short", "Long", "Float", "Double", "Currency", "ApplicationTime", "SystemTime", "String", "Binary", "CLSID"}

// propertySets are those with a name.
var propertySets = []string{"Meeting", "Appointment", "Common", "PublicStrings", "Address", "InternetHeaders", "CalendarAssistant", "UnifiedMessaging", "Task", "Sharing"}

// isGUID knows the form with hyphens and without braces.
func isGUID(s string) bool {
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return err == nil && len(raw) == 16 && len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}

// checkExtended refuses an ExtendedFieldURI that names nothing.
func checkExtended(n *node) error {
	if n.has("PropertySetId") && !isGUID(n.attr("PropertySetId")) {
		return badValue(n, "PropertySetId", n.attr("PropertySetId"), "GuidType")
	}
	if n.has("DistinguishedPropertySetId") && !slices.Contains(propertySets, n.attr("DistinguishedPropertySetId")) {
		return badValue(n, "DistinguishedPropertySetId", n.attr("DistinguishedPropertySetId"), "DistinguishedPropertySetType")
	}
	kind := strings.TrimSuffix(n.attr("PropertyType"), "Array")
	set := n.has("PropertySetId") != n.has("DistinguishedPropertySetId")
	named := n.has("PropertyName") != n.has("PropertyId")
	switch {
	case !slices.Contains(propertyTypes, kind):
		return badValue(n, "PropertyType", n.attr("PropertyType"), "MapiPropertyTypeType")
	case n.has("PropertyTag") && !n.has("PropertySetId") && !n.has("DistinguishedPropertySetId") && !n.has("PropertyName") && !n.has("PropertyId"):
		if _, ok := tag(n); !ok {
			return badValue(n, "PropertyTag", n.attr("PropertyTag"), "PropertyTagType")
		}
		return nil
	case n.has("PropertyTag") || !set || !named:
		return &refusal{fail("ErrorInvalidExtendedProperty")}
	}
	return nil
}

// tag is a property tag, decimal or with 0x.
func tag(n *node) (uint16, bool) {
	digits, base := n.attr("PropertyTag"), 10
	if rest, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		digits, base = rest, 16
	}
	v, err := strconv.ParseUint(digits, base, 16)
	return uint16(v), err == nil
}

// propertyKey is the same for all ways to write the name of a property.
func propertyKey(n *node) string {
	if n.has("PropertyTag") {
		v, _ := tag(n)
		return "tag " + strconv.Itoa(int(v))
	}
	set := strings.ToLower(n.attr("PropertySetId")) + strings.ToLower(n.attr("DistinguishedPropertySetId"))
	return "set " + set + " " + strings.ToLower(n.attr("PropertyName")) + " " + n.attr("PropertyId")
}

// tagged are the properties that an item has by itself. Mail programs that speak
// to several servers ask for them.
func (s *Server) tagged(it *item, tag uint16) (any, bool) {
	switch tag {
	case 0x001a: // message class
		return it.class, true
	case 0x0037, 0x0e1d: // subject
		return it.title(), true
	case 0x0039: // when it was sent
		return it.sent(), true
	case 0x007d: // headers of the transport
		return rawHeaders(it.raw), true
	case 0x0e06: // when it was received
		return it.received, true
	case 0x0e07: // flags: read, has attachments, unsent
		return it.flags(), true
	case 0x0e08: // size
		return it.size(), true
	case 0x0e1b: // has attachments
		return it.hasFiles(), true
	case 0x0e23: // the UID of IMAP
		return it.uid, true
	case 0x0e69: // read
		return it.read, true
	case 0x1035: // message id
		return word(it.mail.header("Message-Id")), true
	case 0x3007: // when it was stored
		return it.stored, true
	case 0x3008: // when it was changed
		return it.modified, true
	case 0x300b: // search key
		sum := md5.Sum(it.raw)
		return base64.StdEncoding.EncodeToString(sum[:]), true
	case 0x670e: // name in a URL
		return "/" + strings.ReplaceAll(strings.ReplaceAll(it.id, "/", "-"), "+", "_") + ".EML", true
	case 0x0017: // importance
		return map[string]int{"Low": 0, "Normal": 1, "High": 2}[it.weight().(string)], true
	}
	return nil, false
}

func (it *item) flags() int {
	n := 0
	if it.read {
		n |= 1
	}
	if it.draft {
		n |= 8
	}
	if it.hasFiles() {
		n |= 16
	}
	return n
}

func rawHeaders(raw []byte) any {
	_, body := cut(raw)
	return word(string(raw[:len(raw)-len(body)]))
}

// propertyOf is the value of an extended property for comparisons; nil when there is none.
func (s *Server) propertyOf(it *item, uri *node) any {
	if p, ok := it.props[propertyKey(uri)]; ok {
		if p.array {
			return p.values
		}
		return typed(uri, p.value)
	}
	if !uri.has("PropertyTag") {
		return nil
	}
	number, _ := tag(uri)
	value, _ := s.tagged(it, number)
	return value
}

// typed reads a value as its property type has it.
func typed(uri *node, value string) any {
	switch uri.attr("PropertyType") {
	case "Boolean":
		is, _ := truth(value)
		return is
	case "Integer", "Short", "Long":
		n, _ := strconv.Atoi(value)
		return n
	case "SystemTime":
		t, _ := instant(value)
		return t
	}
	return value
}

// extended writes an extended property, if the item has it.
func (s *Server) extended(x *text, it *item, uri *node) {
	value := s.propertyOf(it, uri)
	if value == nil {
		return
	}
	x.begin("t:ExtendedProperty")
	var attrs []string
	for _, a := range uri.attrs {
		attrs = append(attrs, a.Name.Local, a.Value)
	}
	x.leaf("t:ExtendedFieldURI", "", attrs...)
	if list, array := value.([]string); array {
		x.begin("t:Values")
		for _, v := range list {
			x.leaf("t:Value", v)
		}
		x.end()
	} else {
		writeValue(x, "t:Value", value)
	}
	x.end()
}
