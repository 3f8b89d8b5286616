package ewssim

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"time"
)

// Limits of what is read of a mail: beyond them it is kept as it is, in one part.
const (
	maxParts  = 500
	maxNested = 20
)

// mail is what a server makes of MIME content.
type mail struct {
	headers []header
	text    *part
	html    *part
	files   []*part
}

type header struct{ name, value string }

// part is a leaf of a mail, or a mail in it.
type part struct {
	mime    string // type without parameters, lower case
	charset string
	name    string
	id      string // Content-ID without the brackets
	inline  bool
	content []byte
	mail    *mail // of message/rfc822; content is its raw text
}

// read takes a mail apart. Whatever is wrong with it, there is a mail.
func read(raw []byte) *mail {
	return readMail(raw, 0, &budget{parts: maxParts, bytes: 4*len(raw) + 64<<10})
}

// budget is what reading a mail may still cost: nested parts are copies.
type budget struct{ parts, bytes int }

func readMail(raw []byte, depth int, left *budget) *mail {
	headers, body := cut(raw)
	m := &mail{headers: headers}
	m.take(headers, body, depth, left, true)
	return m
}

// cut splits headers from the body.
func cut(raw []byte) ([]header, []byte) {
	var headers []header
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		name, value, ok := strings.Cut(string(line), ":")
		switch {
		case len(line) == 0:
			return headers, rest
		case (line[0] == ' ' || line[0] == '\t') && len(headers) > 0:
			headers[len(headers)-1].value += "\r\n" + string(line)
		case ok && !strings.ContainsAny(strings.TrimRight(name, " \t"), " \t"):
			headers = append(headers, header{strings.TrimSpace(name), strings.TrimSpace(value)})
		default:
			return headers, raw // a body without an empty line before it
		}
		raw = rest
	}
	return headers, nil
}

func get(headers []header, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.name, name) {
			return strings.TrimSpace(strings.ReplaceAll(h.value, "\r\n", ""))
		}
	}
	return ""
}

// take reads a part of any kind.
func (m *mail) take(headers []header, body []byte, depth int, left *budget, first bool) {
	left.parts--
	kind, params, err := mime.ParseMediaType(get(headers, "Content-Type"))
	if err != nil && kind == "" {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" && depth < maxNested && m.takeParts(params["boundary"], body, depth, left) {
		return
	}
	p := &part{mime: kind, charset: params["charset"], id: strings.Trim(get(headers, "Content-Id"), "<>"), content: decode(get(headers, "Content-Transfer-Encoding"), body)}
	disposition, also, _ := mime.ParseMediaType(get(headers, "Content-Disposition"))
	p.name = plain(either(also["filename"], params["name"]))
	p.inline = disposition == "inline"
	switch {
	case kind == "message/rfc822" && depth < maxNested && left.parts > 0:
		p.mail = readMail(p.content, depth+1, left)
		m.files = append(m.files, p)
	case disposition != "attachment" && p.name == "" && kind == "text/html" && m.html == nil:
		m.html = p
	case disposition != "attachment" && p.name == "" && kind == "text/plain" && m.text == nil:
		m.text = p
	case first && strings.HasPrefix(kind, "multipart/"):
		p.mime, m.text = "text/plain", p
	default:
		m.files = append(m.files, p)
	}
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// takeParts is false when there is not a single part.
func (m *mail) takeParts(boundary string, body []byte, depth int, left *budget) bool {
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	found := false
	for left.parts > 0 && left.bytes > 0 {
		p, err := r.NextRawPart()
		if err != nil {
			break
		}
		content, _ := io.ReadAll(io.LimitReader(p, int64(left.bytes))) // what there is of it
		left.bytes -= len(content)
		var headers []header
		for name, values := range p.Header {
			headers = append(headers, header{name, values[0]})
		}
		m.take(headers, content, depth+1, left, false)
		found = true
	}
	return found
}

// decode takes the transfer encoding off, as far as that goes.
func decode(encoding string, body []byte) []byte {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		clean := bytes.Map(only64, body)
		out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
		n, _ := base64.RawStdEncoding.Decode(out, clean)
		return out[:n]
	case "quoted-printable":
		out, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		return out
	}
	return body
}

// only64 drops what is no digit of base64.
func only64(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '+', r == '/':
		return r
	}
	return -1
}

// plain decodes the encoded words of a header.
func plain(value string) string {
	value = strings.ReplaceAll(value, "\r\n", "")
	decoded, err := new(mime.WordDecoder).DecodeHeader(value)
	if err != nil {
		return value
	}
	return decoded
}

func (m *mail) header(name string) string { return plain(get(m.headers, name)) }

// addresses of a header; of what is none, the text stands as the name.
func (m *mail) addresses(name string) []netmail.Address {
	value := get(m.headers, name)
	if value == "" {
		return nil
	}
	list, err := netmail.ParseAddressList(value)
	if err != nil {
		return []netmail.Address{{Name: plain(value)}}
	}
	var all []netmail.Address
	for _, a := range list {
		all = append(all, *a)
	}
	return all
}

// date of a mail; zero when it has none that can be read.
func (m *mail) date() time.Time {
	t, err := netmail.ParseDate(get(m.headers, "Date"))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// words of a part, as UTF-8 as far as its charset is known.
func (p *part) words() string {
	if p == nil {
		return ""
	}
	if strings.EqualFold(p.charset, "iso-8859-1") || strings.EqualFold(p.charset, "windows-1252") {
		var b strings.Builder
		for _, c := range p.content {
			b.WriteRune(rune(c))
		}
		return b.String()
	}
	return strings.ToValidUTF8(string(p.content), "\uFFFD")
}
