package wasm

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// magic begins every frame.
const magic = "TQX1"

// given is one part as a module gets it.
type given struct {
	engine.PartInfo
	kind      string
	text      string
	content   engine.Blob  // instead of text
	page      *engine.Page // of kind page
	size, len int
}

// handed are the parts of an input that a module wants, and their bytes together.
// Parts are cut to what is wanted of each, and to what room is left.
func (x *Extractor) handed(in engine.Input) (parts []given, bytes int64) {
	room := x.limits.Memory / 2
	for i := range in.Parts {
		p := &in.Parts[i]
		for _, kind := range kindsOf(p.Kind) {
			most, ok := x.desc.wants(kind, p.PartInfo)
			if !ok {
				continue
			}
			g := part(p, kind, int(min(most, room)))
			room -= int64(g.len)
			bytes += int64(g.len)
			parts = append(parts, g)
		}
	}
	return parts, bytes
}

func part(p *engine.InputPart, kind string, most int) given {
	g := given{PartInfo: p.PartInfo, kind: kind, text: p.Text, content: p.Content}
	if kind == "page" && p.Page != nil {
		g.page, g.text = p.Page, p.Page.InnerText
	}
	if g.content != nil {
		g.size = int(g.content.Size())
		g.len = min(g.size, most)
		return g
	}
	g.size = len(g.text)
	g.text = cut(g.text, most)
	g.len = len(g.text)
	return g
}

// cut shortens a text to at most n bytes, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// header writes the JSON of a frame: its keys in the order of ABI.md, and nothing
// escaped that need not be. What stands for a part's content is written by place.
func (x *Extractor) header(in engine.Input, parts []given, config map[string]json.RawMessage, place func([]byte, int) ([]byte, error)) ([]byte, error) {
	b := make([]byte, 0, 512+256*len(parts))
	b = append(b, `{"abi":"`+Version+`","message":{"id":`...)
	b = quote(b, in.MessageID)
	b = append(b, `,"date":`...)
	b = quote(b, date(in.Date))
	b = append(b, `,"unix":`...)
	b = strconv.AppendInt(b, unix(in.Date), 10)
	b = append(b, `},"parts":[`...)
	var err error
	for i := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = parts[i].header(b, i, place); err != nil {
			return nil, err
		}
	}
	b = append(b, `],"config":`...)
	b = object(b, config)
	b = append(b, `,"limits":{"findings":`...)
	b = strconv.AppendInt(b, x.limits.Findings, 10)
	b = append(b, `,"output":`...)
	b = strconv.AppendInt(b, x.limits.Output, 10)
	return append(b, "}}"...), nil
}

func (g *given) header(b []byte, i int, place func([]byte, int) ([]byte, error)) ([]byte, error) {
	for _, field := range []struct{ key, value string }{
		{`{"id":`, g.ID}, {`,"kind":`, g.kind}, {`,"mime":`, g.MIME}, {`,"name":`, g.Name}, {`,"sha256":`, g.SHA256},
	} {
		b = append(b, field.key...)
		b = quote(b, field.value)
	}
	b, err := place(b, i)
	if err != nil {
		return nil, err
	}
	b = append(b, `,"len":`...)
	b = strconv.AppendInt(b, int64(g.len), 10)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, int64(g.size), 10)
	b = append(b, `,"truncated":`...)
	b = strconv.AppendBool(b, g.len < g.size)
	return append(b, '}'), nil
}

// date is RFC 3339 to the second in UTC; empty for the zero time.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// object writes values by key, sorted, without white space.
func object(b []byte, values map[string]json.RawMessage) []byte {
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, k), ':')
		b = value(b, values[k])
	}
	return append(b, '}')
}

// value writes a JSON value anew, so that nothing of how it was written shows:
// numbers stay as they are, keys are sorted, strings have the escapes of ABI.md.
func value(b []byte, raw json.RawMessage) []byte {
	switch v := raw[firstByte(raw)]; v {
	case '{':
		var inner map[string]json.RawMessage
		json.Unmarshal(raw, &inner) // decoded before
		return object(b, inner)
	case '[':
		var inner []json.RawMessage
		json.Unmarshal(raw, &inner)
		b = append(b, '[')
		for i, e := range inner {
			if i > 0 {
				b = append(b, ',')
			}
			b = value(b, e)
		}
		return append(b, ']')
	case '"':
		var s string
		json.Unmarshal(raw, &s)
		return quote(b, s)
	}
	return append(b, raw...)
}

// firstByte is where a JSON value begins.
func firstByte(raw json.RawMessage) int {
	return slices.IndexFunc(raw, func(c byte) bool { return c != ' ' && c != '\t' && c != '\n' && c != '\r' })
}

const digits = "0123456789abcdef"

// quote writes a JSON string with the escapes of ABI.md. What is not UTF-8 becomes
// U+FFFD.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ':
			b = append(b, `\u00`...)
			b = append(b, digits[r>>4], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// frame is the whole input of a call: a header and blobs that are copied straight
// to where the module wants them.
type frame struct {
	head  []byte // magic, length and header
	parts []given
	size  int64
}

func (x *Extractor) frame(in engine.Input, parts []given, config map[string]json.RawMessage) (frame, error) {
	off := 0
	head, err := x.header(in, parts, config, func(b []byte, i int) ([]byte, error) {
		b = append(b, `,"off":`...)
		b = strconv.AppendInt(b, int64(off), 10)
		off += parts[i].len
		return b, nil
	})
	if err != nil {
		return frame{}, err
	}
	prefix := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(head)))
	head = append(prefix, head...)
	return frame{head, parts, int64(len(head) + off)}, nil
}

// copyTo writes a frame into memory of its size.
func (f *frame) copyTo(ctx context.Context, to []byte) error {
	n := copy(to, f.head)
	for i := range f.parts {
		if err := f.parts[i].copyTo(ctx, to[n:n+f.parts[i].len]); err != nil {
			return err
		}
		n += f.parts[i].len
	}
	return nil
}

// copyTo writes the content of a part. Its error is one of the environment: what
// was spooled cannot be read.
func (g *given) copyTo(ctx context.Context, to []byte) error {
	if g.content == nil {
		copy(to, g.text)
		return nil
	}
	r, err := g.content.Open()
	if err == nil {
		defer r.Close()
		_, err = io.ReadFull(r, to)
	}
	if err != nil {
		return fmt.Errorf("read part %s: %w: %w", g.ID, engine.ErrTemporary, err)
	}
	if ctx.Err() != nil {
		return &Error{Kind: Timeout, Detail: ctx.Err().Error()}
	}
	return nil
}

// line is the whole input of a command that wants JSON.
func (x *Extractor) line(ctx context.Context, in engine.Input, parts []given, config map[string]json.RawMessage) ([]byte, error) {
	head, err := x.header(in, parts, config, func(b []byte, i int) ([]byte, error) {
		g := &parts[i]
		if g.content == nil {
			return quote(append(b, `,"text":`...), g.text), nil
		}
		data := make([]byte, g.len)
		if err := g.copyTo(ctx, data); err != nil {
			return nil, err
		}
		b = append(b, `,"data":"`...)
		b = base64.StdEncoding.AppendEncode(b, data)
		return append(b, '"'), nil
	})
	return append(head, '\n'), err
}
