// Package agenda reads calendar and contact files: iCalendar (RFC 5545), vCard
// (RFC 6350, and 2.1 and 3.0 before it). Lines are unfolded and values decoded,
// so that an address stands whole in the text; what is attached in Base64 is a
// member.
package agenda

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// maxMembers is how many attachments of one file are taken out.
const maxMembers = 50

// facts are the properties that are facts of the file.
var facts = map[string]string{
	"METHOD": "method", "ORGANIZER": "organizer", "SUMMARY": "summary", "LOCATION": "location", "PRODID": "producer",
	"FN": "name", "ORG": "organisation", "X-ALT-DESC": "",
}

// Read is a task.Reader.
func Read(_ context.Context, t *task.Task) error {
	raw, err := engine.ReadAll(t.Part.Content, int64(t.Limits.Text)+1)
	if err != nil {
		return err
	}
	members := 0
	for _, line := range unfold(charset.Decode(raw)) {
		p := parse(line)
		if p.name == "" {
			t.Text.Line(line)
			continue
		}
		if data, ok := p.binary(); ok {
			if members++; members <= maxMembers {
				if _, err := t.AddBytes(p.fileName(), data); err != nil {
					return err
				}
			}
			continue
		}
		value := p.text()
		if fact := facts[p.name]; fact != "" {
			t.Fact(fact, value)
		}
		t.Text.Line(p.name + ": " + value)
		if p.name == "URL" || p.name == "ATTACH" || p.name == "SOURCE" || p.name == "CONFERENCE" {
			t.Link(value, "")
		}
	}
	return nil
}

// unfold joins lines that were broken: with white space (RFC 5545 section 3.1),
// or with the soft breaks of quoted-printable (vCard 2.1).
func unfold(text string) (lines []string) {
	soft := false
	for _, l := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		l = strings.TrimRight(l, "\r")
		n := len(lines)
		switch {
		case soft && n > 0:
			lines[n-1] = strings.TrimSuffix(lines[n-1], "=") + l
		case n > 0 && l != "" && (l[0] == ' ' || l[0] == '\t'):
			lines[n-1] += l[1:]
		case strings.TrimSpace(l) != "":
			lines = append(lines, l)
		}
		soft = strings.HasSuffix(l, "=") && n >= 0 && len(lines) > 0 && strings.Contains(strings.ToUpper(head(lines[len(lines)-1])), "QUOTED-PRINTABLE")
	}
	return lines
}

func head(line string) string {
	h, _, _ := strings.Cut(line, ":")
	return h
}

// property is a line: NAME;PARAM=VALUE:VALUE.
type property struct {
	name, value string
	params      map[string]string
}

func parse(line string) (p property) {
	at := colon(line)
	if at < 0 {
		return p
	}
	fields := strings.Split(line[:at], ";")
	name := strings.ToUpper(fields[0])
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:] // the group of a vCard
	}
	p.name, p.value, p.params = name, line[at+1:], map[string]string{}
	for _, f := range fields[1:] {
		k, v, ok := strings.Cut(f, "=")
		if !ok {
			k, v = "ENCODING", f // vCard 2.1: a bare QUOTED-PRINTABLE
		}
		p.params[strings.ToUpper(k)] = strings.Trim(v, `"`)
	}
	return p
}

// colon finds the one that ends the name and parameters, outside quotes.
func colon(line string) int {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ':' && !quoted:
			return i
		}
	}
	return -1
}

// binary decodes a value in Base64, also one in a data URI.
func (p *property) binary() ([]byte, bool) {
	value, encoding := p.value, strings.ToUpper(p.params["ENCODING"])
	if strings.HasPrefix(strings.ToLower(value), "data:") {
		mediaType, data, ok := strings.Cut(value[5:], ",")
		if !ok || !strings.HasSuffix(strings.ToLower(mediaType), ";base64") {
			return nil, false
		}
		value, encoding = data, "BASE64"
		if p.params["FMTTYPE"] == "" {
			p.params["FMTTYPE"], _, _ = strings.Cut(mediaType, ";")
		}
	}
	if encoding != "BASE64" && encoding != "B" {
		return nil, false
	}
	value = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, value)
	data, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		data, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	}
	return data, err == nil
}

// fileName is what a member is called.
func (p *property) fileName() string {
	for _, k := range []string{"X-FILENAME", "FILENAME", "X-APPLE-FILENAME"} {
		if n := p.params[k]; n != "" {
			return n
		}
	}
	_, kind, _ := strings.Cut(p.params["FMTTYPE"], "/")
	if kind == "" {
		kind = strings.ToLower(p.params["TYPE"])
	}
	if kind == "" {
		kind = "bin"
	}
	return strings.ToLower(p.name) + "." + kind
}

// text decodes a value: quoted-printable, a charset, escapes.
func (p *property) text() string {
	v := p.value
	if strings.EqualFold(p.params["ENCODING"], "QUOTED-PRINTABLE") {
		if b, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader([]byte(v)))); err == nil || len(b) > 0 {
			v, _ = charset.ToUTF8(p.params["CHARSET"], b, charset.Detect)
		}
	}
	return unescape.Replace(v)
}

var unescape = strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\\`, `\`)
