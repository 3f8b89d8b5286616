package markup_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/markup"
)

// render writes tokens; pieces of one text are joined.
func render(s *markup.Scanner) string {
	var b strings.Builder
	text := false
	for s.Next() {
		if s.Kind == markup.Text {
			if !text {
				b.WriteString("'")
			}
			text = true
			b.Write(s.Text)
			continue
		}
		if text {
			b.WriteString("' ")
		}
		text = false
		if s.Kind == markup.End {
			b.WriteString("/")
		}
		b.WriteString(s.Name)
		if s.Kind == markup.Start {
			for _, a := range s.Attrs {
				fmt.Fprintf(&b, " %s:%s=%q", a.Space, a.Name, a.Value)
			}
		}
		b.WriteString(" ")
	}
	return strings.TrimSpace(b.String())
}

func TestTokens(t *testing.T) {
	for _, tc := range []struct{ name, xml, want string }{
		{"elements", `<a><b x="1" r:id='2'>t</b><c/></a>`, `a b :x="1" r:id="2" 't' /b c /c /a`},
		{"entities", `<a x="&lt;&#65;&quot;">&amp;&#x42;&unknown;&</a>`, `a :x="<A\"" '&B&unknown;&' /a`},
		{"sections", `<?xml version="1.0"?><!-- <x> --><a><![CDATA[<b>&amp;]]></a>`, `a '<b>&amp;' /a`},
		{"a bracket in quotes", `<a x=">" y='"'>t</a>`, `a :x=">" :y="\"" 't' /a`},
		{"a type declaration", `<!DOCTYPE x [<!ENTITY a "b">]><a/>`, `a /a`},
		{"end tags that do not match", `<a><b></c></b></d></a>`, `a b /c /b`},
		{"no end", `<a><b x="1`, `a b :x="1"`},
		{"attributes without quotes", `<a x=1 y = "2" z>t</a>`, `a :x="1" :y="2" 't' /a`},
		{"a byte order mark", "\ufeff<a>é</a>", `a 'é' /a`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := render(markup.New(strings.NewReader(tc.xml))); got != tc.want {
				t.Errorf("%s\nwant %s", got, tc.want)
			}
			if got := render(markup.New(iotest.OneByteReader(strings.NewReader(tc.xml)))); got != tc.want {
				t.Errorf("byte by byte: %s\nwant %s", got, tc.want)
			}
			for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
				var b []byte
				for _, u := range utf16.Encode([]rune("\ufeff" + strings.TrimPrefix(tc.xml, "\ufeff"))) {
					b = order.AppendUint16(b, u)
				}
				if got := render(markup.New(bytes.NewReader(b))); got != tc.want {
					t.Errorf("UTF-16, %v: %s\nwant %s", order, got, tc.want)
				}
			}
		})
	}
}

// TestLongTextsComeInPieces, and no character is cut.
func TestLongTextsComeInPieces(t *testing.T) {
	want := strings.Repeat("Привет &amp; 你好 ", 50_000)
	s := markup.New(iotest.HalfReader(strings.NewReader("<a>" + want + "</a>")))
	var b strings.Builder
	for s.Next() {
		if s.Kind == markup.Text {
			if !strings.HasPrefix(string(s.Text)+"x", strings.ToValidUTF8(string(s.Text), "?")) || len(s.Text) > 1<<20 {
				t.Fatalf("a piece of %d bytes, cut inside a character", len(s.Text))
			}
			b.Write(s.Text)
		}
	}
	if b.String() != strings.ReplaceAll(want, "&amp;", "&") || s.Err() != nil {
		t.Errorf("%d bytes, %v", b.Len(), s.Err())
	}
}

func TestDepthHasAnEnd(t *testing.T) {
	s := markup.New(strings.NewReader(strings.Repeat("<a>", 10_000)))
	n := 0
	for s.Next() {
		n++
	}
	if n != markup.MaxDepth || !errors.Is(s.Err(), markup.ErrDepth) {
		t.Errorf("%d elements, %v", n, s.Err())
	}
}

func FuzzScanner(f *testing.F) {
	f.Add(`<a x="1">b&amp;<c/><![CDATA[d]]><!-- e --></a>`)
	f.Add("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
	f.Fuzz(func(t *testing.T, xml string) {
		whole, bits := markup.New(strings.NewReader(xml)), markup.New(iotest.OneByteReader(strings.NewReader(xml)))
		if a, b := render(whole), render(bits); a != b {
			t.Errorf("at once %q, byte by byte %q", a, b)
		}
	})
}
