package ewssim

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

var idFormats = []string{"EwsLegacyId", "EwsId", "EntryId", "HexEntryId", "StoreId", "OwaId"}

// convertID writes ids in another way: an entry id is what stands behind the
// mailbox in an id of EWS. The mailbox of the answer is that of the id, whatever
// the request says: there are clients that learn their address so.
func (s *Server) convertID(c *call) ([]result, error) {
	to := c.body.attr("DestinationFormat")
	if !slices.Contains(idFormats, to) {
		return nil, badValue(c.body, "DestinationFormat", to, "IdFormatType")
	}
	list, err := c.body.want("SourceIds")
	if err != nil {
		return nil, err
	}
	var all []result
	for _, n := range list.kids {
		format, email := n.attr("Format"), strings.ToLower(n.attr("Mailbox"))
		if !slices.Contains(idFormats, format) {
			return nil, badValue(n, "Format", format, "IdFormatType")
		}
		raw, ok := s.fromFormat(n.attr("Id"), format, email)
		b := s.store.boxOf(raw)
		switch {
		case n.name != "AlternateId" || !ok || b == nil:
			all = append(all, result{err: fail("ErrorInvalidIdMalformed")})
		case !c.user.opens(b.email):
			all = append(all, result{err: fail("ErrorAccessDenied")})
		default:
			x := s.text()
			x.leaf("m:AlternateId", "", "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance", "xsi:type", "t:AlternateIdType",
				"Format", to, "Id", toFormat(raw, to), "Mailbox", b.email)
			all = append(all, result{inner: x.Bytes()})
		}
	}
	return all, nil
}

// boxOf is the mailbox of an id.
func (st *store) boxOf(raw []byte) *mailbox {
	if len(raw) < idLength {
		return nil
	}
	for _, b := range st.boxes {
		if b.guid == string(raw[len(idMark):entryMark]) {
			return b
		}
	}
	return nil
}

const entryMark = len(idMark) + 36

// fromFormat is the whole id that is written in a format.
func (s *Server) fromFormat(id, format, email string) (raw []byte, ok bool) {
	var err error
	switch format {
	case "OwaId":
		id = strings.NewReplacer("-", "/", "_", "+").Replace(id)
		fallthrough
	case "EwsId", "EwsLegacyId":
		_, ok = kindOf(id)
		raw, _ = base64.StdEncoding.DecodeString(id)
		return raw, ok
	case "HexEntryId":
		raw, err = hex.DecodeString(id)
	default:
		raw, err = base64.StdEncoding.DecodeString(id)
	}
	b := s.store.boxes[email]
	if err != nil || b == nil || len(raw) < idLength-entryMark {
		return nil, false
	}
	return append([]byte(idMark+b.guid), raw...), true
}

func toFormat(raw []byte, format string) string {
	switch format {
	case "OwaId":
		return strings.NewReplacer("/", "-", "+", "_").Replace(base64.StdEncoding.EncodeToString(raw))
	case "EwsId", "EwsLegacyId":
		return base64.StdEncoding.EncodeToString(raw)
	case "HexEntryId":
		return strings.ToUpper(hex.EncodeToString(raw[entryMark:]))
	}
	return base64.StdEncoding.EncodeToString(raw[entryMark:])
}

// resolveNames finds mailboxes by a part of their address.
func (s *Server) resolveNames(c *call) ([]result, error) {
	entry, err := c.body.want("UnresolvedEntry")
	if err != nil {
		return nil, err
	}
	want := strings.ToLower(strings.TrimPrefix(strings.ToLower(entry.value()), "smtp:"))
	x := s.text()
	n := 0
	for _, email := range slices.Sorted(keys(s.store.boxes)) {
		if want == "" || !strings.Contains(email, want) {
			continue
		}
		n++
		x.begin("t:Resolution")
		x.begin("t:Mailbox")
		x.leaf("t:Name", email[:strings.IndexByte(email, '@')])
		x.leaf("t:EmailAddress", email)
		x.leaf("t:RoutingType", "SMTP")
		x.leaf("t:MailboxType", "Mailbox")
		x.end()
		x.end()
	}
	if n == 0 {
		return []result{{err: fail("ErrorNameResolutionNoResults")}}, nil
	}
	out := s.text()
	out.begin("m:ResolutionSet", "TotalItemsInView", decimal(n), "IncludesLastItemInRange", "true")
	out.Write(x.Bytes())
	out.end()
	r := result{inner: out.Bytes()}
	if n > 1 {
		r.warning, r.err = true, fail("ErrorNameResolutionMultipleResults")
	}
	return []result{r}, nil
}

// getConfiguration finds none: no client has stored any.
func (s *Server) getConfiguration(c *call) ([]result, error) {
	if _, err := c.body.want("UserConfigurationName"); err != nil {
		return nil, err
	}
	return []result{{err: fail("ErrorItemNotFound")}}, nil
}

// getTimeZones knows UTC.
func (s *Server) getTimeZones(c *call) ([]result, error) {
	x := s.text()
	x.begin("m:TimeZoneDefinitions")
	x.begin("t:TimeZoneDefinition", "Id", "UTC", "Name", "(UTC) Coordinated Universal Time")
	x.begin("t:Periods")
	x.leaf("t:Period", "", "Bias", "PT0S", "Name", "Standard", "Id", "trule:Microsoft/Registry/UTC/1-Standard")
	x.end()
	x.begin("t:TransitionsGroups")
	x.begin("t:TransitionsGroup", "Id", "0")
	x.begin("t:Transition")
	x.leaf("t:To", "trule:Microsoft/Registry/UTC/1-Standard", "Kind", "Period")
	x.end()
	x.end()
	x.end()
	x.begin("t:Transitions")
	x.begin("t:Transition")
	x.leaf("t:To", "0", "Kind", "Group")
	for len(x.open) > 0 {
		x.end()
	}
	return []result{{inner: x.Bytes()}}, nil
}
