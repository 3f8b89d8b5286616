package mail

import (
	"strings"

	"github.com/jhillyerd/enmime/v2"

	"github.com/tqmailrules/tqmailrules/engine"
)

// entity is what the header of a section says of its body (RFC 2045, RFC 2183),
// as enmime reads it and this file mends it.
type entity struct {
	mediaType   string // lower case, with a slash
	params      map[string]string
	disposition string
	charset     string // lower case
	contentID   string
	name        string // of the file, as sent, decoded
	capped      bool   // more parameters than the cap
}

func (e *entity) is(param, value string) bool { return strings.EqualFold(e.params[param], value) }

// entityOf is the pre-scan's own reading of a header, for what enmime was not
// shown or did not give back.
func entityOf(s *section, w *words, limits engine.Limits) entity {
	disp := parseMedia(fieldValue(s.fields, "Content-Disposition"), limits.Params)
	e := entity{
		mediaType: s.media.value, disposition: disp.value, charset: strings.ToLower(s.media.get("charset")),
		contentID: plainID(s), params: map[string]string{}, capped: s.media.capped || disp.capped,
	}
	s.media.into(e.params, w)
	for _, f := range [...]struct {
		m   *media
		key string
	}{{&disp, "filename"}, {&s.media, "name"}, {&disp, "name"}, {&s.media, "filename"}, {&s.media, "file"}} {
		if e.name == "" {
			e.name = f.m.text(f.key, w)
		}
	}
	return e
}

// plainID is a Content-ID without its brackets (RFC 2392).
func plainID(s *section) string { return strings.Trim(fieldValue(s.fields, "Content-Id"), "<> ") }

// contentID mends one case: enmime reads "+" as a space, as in a query.
func contentID(s *section, p *enmime.Part) string {
	if id := plainID(s); strings.ContainsAny(id, "+%") || p.ContentID == "" {
		return id
	}
	return strings.TrimSpace(p.ContentID)
}

// mend corrects enmime's reading of a Content-Type (kind 't') or of a
// Content-Disposition ('d'), in place; it returns the value.
func (k *skeleton) mend(s *section, kind byte, value string, params map[string]string) string {
	raw, w := fieldValue(s.fields, "Content-Type"), k.words.at(s.path)
	m := s.media
	if kind == 'd' {
		raw = fieldValue(s.fields, "Content-Disposition")
		m = parseMedia(raw, k.limits.Params)
	}
	s.entity.capped = s.entity.capped || m.capped
	head, _, _ := strings.Cut(raw, ";")
	switch {
	case value == "", strings.Contains(head, "=") && m.typed:
		// enmime gives up on control characters in a quoted value and on half a
		// quote, takes "application/pdf name=a" for application/octet-stream,
		// and is not shown what is too long.
		clear(params)
		m.into(params, w)
		value = m.value
	case strings.Contains(raw, "=?"), strings.Contains(raw, "*"), strings.Contains(raw, `\`):
		// Names are ours where enmime's decoder is stricter than clients: it
		// leaves malformed encoded-words, cuts characters that two of them
		// share, and drops filename*=gb18030''%D6%D0 and what has no charset.
		m.names(params, w)
	}
	spare, key := "name", "filename" // where enmime does not look for a name
	if kind == 't' {
		spare, key = key, spare
	}
	if params[key] == "" && params[spare] != "" {
		params[key] = params[spare]
	}
	return strings.Trim(value, "'") // 'text/html' is a page to clients
}
