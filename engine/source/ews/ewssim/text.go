package ewssim

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"strconv"
	"strings"
	"time"
)

// Namespaces of requests and answers.
const (
	nsSOAP     = "http://schemas.xmlsoap.org/soap/envelope/"
	nsTypes    = "http://schemas.microsoft.com/exchange/services/2006/types"
	nsMessages = "http://schemas.microsoft.com/exchange/services/2006/messages"
	nsErrors   = "http://schemas.microsoft.com/exchange/services/2006/errors"
)

// text is XML that is being written.
type text struct {
	bytes.Buffer
	open     []string
	controls bool // control characters become references
}

// begin opens an element; attrs are names and values in turn.
func (x *text) begin(name string, attrs ...string) {
	x.tag(name, attrs)
	x.WriteByte('>')
	x.open = append(x.open, name)
}

// end closes the element that was opened last.
func (x *text) end() {
	last := len(x.open) - 1
	x.WriteString("</" + x.open[last] + ">")
	x.open = x.open[:last]
}

// leaf writes an element with a text, or with nothing in it.
func (x *text) leaf(name, value string, attrs ...string) {
	x.tag(name, attrs)
	if value == "" {
		x.WriteString("/>")
		return
	}
	x.WriteByte('>')
	x.chars(value)
	x.WriteString("</" + name + ">")
}

// base64 writes an element with bytes.
func (x *text) base64(name string, content []byte, attrs ...string) {
	x.begin(name, attrs...)
	x.Write(base64.StdEncoding.AppendEncode(x.AvailableBuffer(), content))
	x.end()
}

func (x *text) tag(name string, attrs []string) {
	x.WriteString("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		x.WriteString(" " + attrs[i] + `="`)
		x.chars(attrs[i+1])
		x.WriteByte('"')
	}
}

// chars writes a text. Characters that XML has not become U+FFFD, or references
// that it has not either.
func (x *text) chars(value string) {
	for x.controls {
		at := strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' })
		if at < 0 {
			break
		}
		_ = xml.EscapeText(&x.Buffer, []byte(value[:at]))
		x.WriteString("&#x" + strings.ToUpper(strconv.FormatUint(uint64(value[at]), 16)) + ";")
		value = value[at+1:]
	}
	_ = xml.EscapeText(&x.Buffer, []byte(value))
}

func boolean(b bool) string { return strconv.FormatBool(b) }

// stamp writes a time as Exchange does, to the second.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// truth reads a boolean: true, false, 1, 0.
func truth(value string) (is, ok bool) {
	switch strings.TrimSpace(value) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// instant reads a time as XML schema has it; without a zone it is UTC.
func instant(value string) (time.Time, bool) {
	value = strings.TrimSpace(value)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, value); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
