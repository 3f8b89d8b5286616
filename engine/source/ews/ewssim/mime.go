package ewssim

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// mime is the MIME content of a mail as this read gives it.
func (s *Server) mime(raw []byte, m *mail) []byte {
	if !s.cfg.Regenerate {
		return raw
	}
	s.reads++
	w := &writer{draw: func(what string) string {
		return hex.EncodeToString(s.store.draw("read " + strconv.FormatUint(s.reads, 10) + what)[:12])
	}}
	w.mail(m)
	return w.out.Bytes()
}

// writer makes MIME content of properties, as a store does that keeps no text.
type writer struct {
	out   bytes.Buffer
	draw  func(string) string
	depth int
}

// kept are the headers that a store has properties for.
var kept = []string{
	"Received", "From", "Sender", "To", "Cc", "Bcc", "Reply-To", "Subject", "Thread-Topic", "Thread-Index", "Date", "Message-Id", "In-Reply-To",
	"References", "Importance", "Sensitivity", "Disposition-Notification-To", "Return-Path", "Authentication-Results", "Received-SPF", "List-Unsubscribe",
}

func (w *writer) mail(m *mail) {
	for _, h := range m.headers {
		if slices.ContainsFunc(kept, func(k string) bool { return strings.EqualFold(k, h.name) }) {
			w.line(h.name + ": " + h.value)
		}
	}
	w.line("Content-Language: en-US")
	w.line("X-MS-Has-Attach:" + map[bool]string{true: " yes"}[len(m.files) > 0])
	w.line("X-MS-TNEF-Correlator:")
	w.line("MIME-Version: 1.0")
	shown, files := m.shown()
	body := func() { w.bodies(m) }
	if len(shown) > 0 {
		body = func() { w.multipart("related", m.bodies() > 0, func() { w.bodies(m) }, shown) }
	}
	switch {
	case len(files) > 0:
		w.multipart("mixed", m.bodies()+len(shown) > 0, body, files)
	case m.bodies()+len(shown) == 0:
		w.part(&part{mime: "text/plain", charset: "us-ascii"})
	default:
		body()
	}
}

// shown are the files that stand in the HTML text, which keep together with it.
func (m *mail) shown() (shown, files []*part) {
	for _, p := range m.files {
		if m.html != nil && p.id != "" && strings.Contains(string(m.html.content), "cid:"+p.id) {
			shown = append(shown, p)
		} else {
			files = append(files, p)
		}
	}
	return shown, files
}

func (m *mail) bodies() int {
	n := 0
	for _, p := range []*part{m.text, m.html} {
		if p != nil {
			n++
		}
	}
	return n
}

func (w *writer) line(s string) { w.out.WriteString(s + "\r\n") }

// boundary is one that has never been.
func (w *writer) boundary() string {
	w.depth++
	return "_" + strings.Repeat("0", 2) + strconv.Itoa(w.depth) + "_" + w.draw(strconv.Itoa(w.depth)) + "sim_"
}

// multipart writes files, behind a body if there is one.
func (w *writer) multipart(kind string, withBody bool, body func(), files []*part) {
	b := w.boundary()
	w.line(`Content-Type: multipart/` + kind + `; boundary="` + b + `"`)
	w.line("")
	if withBody {
		w.line("--" + b)
		body()
	}
	for _, p := range files {
		w.line("--" + b)
		w.part(p)
	}
	w.line("--" + b + "--")
}

func (w *writer) bodies(m *mail) {
	switch {
	case m.html == nil:
		w.part(m.text)
	case m.text == nil:
		w.part(m.html)
	default:
		w.multipart("alternative", true, func() { w.part(m.text) }, []*part{m.html})
	}
}

func (w *writer) part(p *part) {
	params := map[string]string{}
	if p.charset != "" {
		params["charset"] = p.charset
	}
	if p.name != "" {
		params["name"] = encoded(p.name)
	}
	kind := mime.FormatMediaType(p.mime, params)
	if kind == "" {
		kind = "application/octet-stream"
	}
	w.line("Content-Type: " + kind)
	if p.id != "" {
		w.line("Content-ID: <" + p.id + ">")
	}
	if p.name != "" || p.mail != nil {
		w.line("Content-Disposition: " + mime.FormatMediaType(map[bool]string{true: "inline", false: "attachment"}[p.inline], nameOf(p)))
	}
	if p.mail != nil {
		w.line("")
		w.mail(p.mail)
		return
	}
	w.line("Content-Transfer-Encoding: base64")
	w.line("")
	w.out.WriteString(lines64(p.content))
}

func nameOf(p *part) map[string]string {
	if p.name == "" {
		return nil
	}
	return map[string]string{"filename": p.name}
}

// lines64 is base64 in lines of 76.
func lines64(content []byte) string {
	all := base64.StdEncoding.EncodeToString(content)
	var b strings.Builder
	for len(all) > 0 {
		n := min(len(all), 76)
		b.WriteString(all[:n] + "\r\n")
		all = all[n:]
	}
	return b.String()
}

// encoded is a text that may stand in a header.
func encoded(s string) string { return mime.BEncoding.Encode("utf-8", s) }

// oneLine takes line ends out of a text.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\r' || r == '\n' }), " ")
}

// attributes are names and values in turn.
func attributes(pairs ...string) []xml.Attr {
	var all []xml.Attr
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, xml.Attr{Name: xml.Name{Local: pairs[i]}, Value: pairs[i+1]})
	}
	return all
}
