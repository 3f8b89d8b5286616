package mail

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/charset"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// addText decodes a text body. All bodies of a message share Limits.Text.
func (b *builder) addText(s *section, part *engine.Part, c *content, html bool) {
	raw := b.textBytesOf(s.path, c, &b.textBytes)
	if s.entity.mediaType == "text/html" && strings.HasPrefix(part.Charset, "multipart") {
		part.Charset = ""
	}
	set := part.Charset
	if set == "" && html {
		set = charset.Meta(raw)
	}
	decoded := b.decodeText(s.path, set, raw)
	if !html && s.entity.is("format", "flowed") {
		decoded = unflow(decoded, s.entity.is("delsp", "yes"))
	}
	b.texts = append(b.texts, text{html, decoded, digestText(strings.TrimRight(decoded, "\n"))})
}

// spare is the part of Limits.Text that is read of any text, though others have
// used up what they share: a long text must not hide a short one.
const spare = 512

// textBytesOf reads a leaf of text as far as what used leaves of Limits.Text.
func (b *builder) textBytesOf(path string, c *content, used *int) []byte {
	whole := b.job.cfg.Limits.Text
	limit := max(whole/spare, whole-*used)
	raw := c.mem
	if raw == nil {
		raw, _ = engine.ReadAll(c.blob, int64(limit)+1)
	}
	if len(raw) > limit {
		b.defects.limit(engine.DefectText, path, "text of %d bytes, %d were read", c.size, limit)
		raw = raw[:limit]
	}
	*used += len(raw)
	return raw
}

// decodeText is the text in UTF-8 with LF line ends, in one copy when it is in
// UTF-8 already.
func (b *builder) decodeText(path, set string, raw []byte) string {
	if !charset.IsUnicode(charset.Name(set)) || !utf8.Valid(raw) || bytes.HasPrefix(raw, bom) || bytes.IndexByte(raw, 0x1b) >= 0 || bytes.IndexByte(raw, 0) >= 0 {
		return unixText(b.words.at(path).toUTF8(set, raw))
	}
	var out strings.Builder
	out.Grow(len(raw))
	for {
		i := bytes.IndexByte(raw, '\r')
		if i < 0 {
			out.Write(raw)
			return out.String()
		}
		out.Write(raw[:i])
		if i+1 == len(raw) || raw[i+1] != '\n' {
			out.WriteByte('\n')
		}
		raw = raw[i+1:]
	}
}

// unixText ends lines with LF and drops NULs.
func unixText(s string) string {
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return s
}

// unflow joins the lines of format=flowed (RFC 3676): a line that ends in a
// space goes on in the next line of the same quote depth.
func unflow(s string, delsp bool) string {
	var out strings.Builder
	out.Grow(len(s))
	depth, flowing := -1, false
	for len(s) > 0 {
		line := s
		if i := strings.IndexByte(s, '\n'); i >= 0 {
			line, s = s[:i], s[i+1:]
		} else {
			s = ""
		}
		quotes := len(line) - len(strings.TrimLeft(line, ">"))
		text := strings.TrimPrefix(line[quotes:], " ")
		signature := text == "-- "
		if flowing && quotes == depth && !signature {
			out.WriteString(cutFlow(text, delsp))
		} else {
			if depth >= 0 {
				out.WriteByte('\n')
			}
			out.WriteString(strings.Repeat(">", quotes))
			if quotes > 0 && text != "" {
				out.WriteByte(' ')
			}
			out.WriteString(cutFlow(text, delsp))
		}
		depth, flowing = quotes, strings.HasSuffix(text, " ") && !signature
	}
	if depth >= 0 {
		out.WriteByte('\n')
	}
	return out.String()
}

func cutFlow(line string, delsp bool) string {
	if delsp && line != "-- " {
		return strings.TrimSuffix(line, " ")
	}
	return line
}

// body joins the texts, projects the HTML and gathers the links.
func (b *builder) body() {
	body := &b.msg.Body
	var plain, html []string
	for _, t := range b.texts {
		if t.html {
			html = append(html, t.text)
		} else {
			plain = append(plain, t.text)
		}
	}
	body.Plain.Raw = strings.Join(plain, "\n")
	if len(html) > 0 {
		page, defects := htmltext.Project(strings.Join(html, "\n"), htmltext.Options{Limits: b.job.cfg.Limits, ParseURL: names.ParseURL})
		body.HTML = page
		b.defects.take(defects, "html")
	}
	body.Text = body.Plain.Raw
	if strings.TrimSpace(body.Text) == "" {
		body.Text = body.HTML.DisplayText
	}
	b.links()
}

// links are those of the HTML, then those of the plain text that lead elsewhere.
func (b *builder) links() {
	body := &b.msg.Body
	limit := b.job.cfg.Limits.Links
	body.Links = append(body.Links, body.HTML.Links...)
	seen := make(map[string]bool, len(body.Links))
	for _, l := range body.Links {
		seen[l.HrefURL.URL] = true
	}
	found := names.FindLinks(body.Plain.Raw, limit)
	for i := range found {
		l := &found[i]
		if seen[l.HrefURL.URL] {
			continue
		}
		if len(body.Links) >= limit {
			b.defects.limit(engine.DefectLinks, "", "more than %d links", limit)
			break
		}
		seen[l.HrefURL.URL] = true
		l.Visible = true
		body.Links = append(body.Links, l)
	}
	ips := map[string]bool{}
	for _, l := range body.Links {
		if ip := l.HrefURL.IP; ip != "" && !ips[ip] {
			ips[ip] = true
			body.IPs = append(body.IPs, ip)
		}
	}
}

// inline marks attachments that are shown inside the body: referred to by the
// HTML, or pictures whose disposition says so (RFC 2183 section 2.1).
func (b *builder) inline() {
	referred := map[string]bool{}
	for _, r := range b.msg.Body.HTML.Refs {
		if id, ok := cutFold(r.URL, "cid:"); ok {
			referred[id] = true
		}
	}
	for i, p := range b.msg.Leaves {
		picture := strings.HasPrefix(p.ContentType, "image/") && b.shown[i]
		p.IsInline = p.ContentID != "" && referred[p.ContentID] || picture
	}
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
