package tnef_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
	"github.com/tqmailrules/tqmailrules/engine/unpack/tnef"
)

type found struct {
	Members []string // type, name, content
	Text    string
	Subject string
	Defects []string
}

func read(t testing.TB, b []byte) found {
	p, defects := tasktest.Read(t.Context(), "tnef", b, tnef.Read)
	f := found{Text: p.Text, Subject: p.Metadata["subject"]}
	for _, c := range p.Children {
		data, _ := engine.ReadAll(c.Content, 1<<20)
		f.Members = append(f.Members, fmt.Sprintf("%s %s %q", c.FileType, c.FileName, data[:min(len(data), 60)]))
	}
	for _, d := range defects {
		f.Defects = append(f.Defects, d.Code)
	}
	return f
}

// stream writes TNEF.
type stream struct{ bytes.Buffer }

func le(n int, v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:n] }

func newStream() *stream {
	s := &stream{}
	s.Write(le(4, 0x223e9f78))
	s.Write(le(2, 1))
	return s
}

func (s *stream) attribute(id uint32, data []byte) *stream {
	sum := uint16(0)
	for _, c := range data {
		sum += uint16(c)
	}
	switch id {
	case 0x00069002, 0x00018010, 0x0006800f, 0x00069005:
		s.WriteByte(2) // of an attachment
	default:
		s.WriteByte(1) // of the message
	}
	s.Write(le(4, uint64(id)))
	s.Write(le(4, uint64(len(data))))
	s.Write(data)
	s.Write(le(2, uint64(sum)))
	return s
}

// list encodes MAPI properties.
func list(props ...[]byte) []byte {
	return append(le(4, uint64(len(props))), bytes.Join(props, nil)...)
}

func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

func binaryProp(kind, id uint16, data []byte) []byte {
	out := append(le(2, uint64(kind)), le(2, uint64(id))...)
	out = append(out, le(4, 1)...)
	out = append(out, le(4, uint64(len(data)))...)
	return append(out, pad(append([]byte(nil), data...))...)
}

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func named(kind, id uint16, name string, value []byte) []byte {
	out := append(le(2, uint64(kind)), le(2, uint64(id))...)
	out = append(out, make([]byte, 16)...)
	out = append(out, le(4, 1)...)
	out = append(out, le(4, uint64(len(wide(name))))...)
	out = append(out, pad(wide(name))...)
	return append(out, value...)
}

// rtf is a compressed body: the example of [MS-OXRTFCP] section 4.1.1.
var rtf = []byte{
	0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 3, 0, 0x0a, 0, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35,
	0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0, 0x20, 0x62, 0x77, 5, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
}

func sample() []byte {
	s := newStream()
	s.attribute(0x00069007, le(8, 1252))
	s.attribute(0x00018004, []byte("Angebot f\xfcr Sie\x00"))
	s.attribute(0x0002800c, []byte("Plain body https://x.example/\x00"))
	s.attribute(0x00069003, list(
		named(3, 0x8001, "some name", le(4, 7)),
		append(le(2, 0x40), append(le(2, 0x39), le(8, 99)...)...),
		binaryProp(0x102, 0x1009, rtf),
		binaryProp(0x102, 0x1013, []byte("<html><body>hi</body></html>")),
	))
	s.attribute(0x00069002, make([]byte, 14))
	s.attribute(0x00018010, []byte("OFFER~1.PDF\x00"))
	s.attribute(0x0006800f, []byte("%PDF-1.4 one"))
	s.attribute(0x00069005, list(binaryProp(0x1f, 0x3707, wide("Offer für März.pdf"))))
	s.attribute(0x00069002, make([]byte, 14))
	s.attribute(0x00018010, []byte("b.txt\x00"))
	s.attribute(0x0006800f, []byte("two"))
	return s.Bytes()
}

func TestWhatIsInside(t *testing.T) {
	want := found{
		Members: []string{
			`rtf body.rtf "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"`, `html body.html "<html><body>hi</body></html>"`,
			`pdf Offer für März.pdf "%PDF-1.4 one"`, `txt b.txt "two"`,
		},
		Text: "Plain body https://x.example/\n", Subject: "Angebot für Sie",
	}
	if diff := cmp.Diff(want, read(t, sample())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A stream that ends anywhere gives what was whole; lying checksums are told.
func TestDamagedStreams(t *testing.T) {
	b := sample()
	for n := range b {
		read(t, b[:n])
	}
	cut := read(t, b[:len(b)-4])
	if len(cut.Members) != 4 || cut.Defects[0] != engine.DefectUnreadable {
		t.Errorf("cut: %+v", cut)
	}
	b[len(b)-1]++
	if got := read(t, b); got.Defects[0] != engine.DefectLying || len(got.Members) != 4 {
		t.Errorf("checksum: %+v", got)
	}
	if got := read(t, []byte("no such stream")); got.Defects[0] != engine.DefectUnreadable {
		t.Errorf("no stream: %+v", got)
	}
}

// Another reader of the format finds the same files.
func TestReadsAsThePeerDoes(t *testing.T) {
	peer := enginetest.Peer(t, "tnef", "tnef")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "winmail.dat"), sample(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command(peer, "--number-backups", "-C", out, "-f", filepath.Join(dir, "winmail.dat")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	files, _ := filepath.Glob(filepath.Join(out, "*"))
	var theirs []string
	for _, name := range files {
		b, _ := os.ReadFile(name)
		theirs = append(theirs, string(b))
	}
	for _, content := range []string{"%PDF-1.4 one", "two"} {
		if !slices.Contains(theirs, content) {
			t.Errorf("the peer does not find %q, but %q", content, theirs)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample())
	f.Add(newStream().attribute(0x00069003, list(binaryProp(0x102, 0x1009, rtf))).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) { read(t, b) })
}
