package mail_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// patience is far above what any row needs and far below what a superlinear
// step would take.
const patience = 10 * time.Second

// hostile are messages made to exhaust a parser. Each must end soon, report the
// cap that fired, and still yield what is honest in it.
var hostile = []struct {
	name  string
	raw   func() string
	code  string                       // defect that must be there
	check func(*engine.Message) string // "" when the rest was processed
}{
	{"multipart depth 1,000", func() string { return deep(1000, "b%d") }, engine.DefectDepth, subjectKept},
	{"multipart depth 10,000", func() string { return deep(10_000, "b%d") }, engine.DefectDepth, subjectKept},
	{"20,000 multiparts of one boundary", func() string { return deep(20_000, "same") }, engine.DefectDepth, subjectKept},
	{"16,000 parts", func() string { return wide(16_000) }, engine.DefectParts, firstPartRead},
	{"100,000 parts", func() string { return wide(100_000) }, engine.DefectParts, firstPartRead},
	{"4,000 parameters", func() string { return params(4000) }, engine.DefectParams, bodyRead},
	{"50,000 parameters", func() string { return params(50_000) }, engine.DefectFieldSize, bodyRead},
	{"50 MB in one header", func() string {
		return "Subject: kept\nX-Big: " + strings.Repeat("a", 50<<20) + "\nTo: late@example.com\n\nbody\n"
	}, engine.DefectHeaderSize, bodyRead},
	{"50 MB in one header, folded", func() string {
		return "Subject: kept\nX-Big: " + strings.Repeat(" folded folded folded folded\n", (50<<20)/28) + "\nbody\n"
	}, engine.DefectHeaderSize, bodyRead},
	{"1,000,000 headers", func() string { return "Subject: kept\n" + strings.Repeat("X: y\n", 1_000_000) + "\nbody\n" }, engine.DefectHeaderSize, bodyRead},
	{"200,000 encoded-words", func() string {
		return "Subject: kept\nX-Words:" + strings.Repeat(" =?utf-8?q?a?=\n", 200_000) + "\nbody\n"
	}, engine.DefectHeaderSize, bodyRead},
	{"500,000 addresses", func() string {
		return "Subject: kept\nTo: " + strings.Repeat("a@b.example,\n ", 500_000) + "z@b.example\n\nbody\n"
	}, engine.DefectHeaderSize, bodyRead},
	{"10,000 messages in each other", func() string {
		return strings.Repeat("Subject: kept\nContent-Type: message/rfc822\n\n", 10_000) + "Subject: last\n\nbody\n"
	}, engine.DefectNesting, subjectKept},
	{"1,000,000 unclosed div", func() string { return htmlMail(strings.Repeat("<div>", 1_000_000) + "shown") }, engine.DefectHTMLDepth, textShown},
	{"100,000 links", func() string {
		return htmlMail(strings.Repeat(`<a href="http://a.example/">x</a> `, 100_000) + "shown")
	}, engine.DefectLinks, textShown},
	{"16 MB of text", func() string { return "Subject: kept\n\nshown\n" + strings.Repeat("text and more text\n", 16<<20/19) }, engine.DefectText, textShown},
	{"20 texts of 1 MB", func() string {
		return "Subject: kept\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nshown\n"+strings.Repeat("text and more text\n", 1<<20/19)+"\n", 20) + "--b--\n"
	}, engine.DefectText, func(m *engine.Message) string {
		if len(m.Body.Text) > 9<<20 {
			return fmt.Sprintf("%d bytes of text", len(m.Body.Text))
		}
		return textShown(m)
	}},
	{"60,000 addresses in 16 fields", func() string {
		return "Subject: kept\n" + strings.Repeat("To: "+strings.Repeat("a@b.example,", 4_000)+"\n", 16) + "\nbody\n"
	}, "", func(m *engine.Message) string {
		if len(m.Recipients.To) != 64_000 {
			return fmt.Sprintf("%d recipients", len(m.Recipients.To))
		}
		return bodyRead(m)
	}},
	{"boundary lines that match nothing", func() string {
		return "Subject: kept\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n" + strings.Repeat("--bx\n", 2_000_000) + "--b--\n"
	}, "", subjectKept},
	{"quotes that never close", func() string { return "Subject: kept\nTo: " + strings.Repeat(`"a`, 30_000) + "\n\nbody\n" }, "", bodyRead},
	{"comments that never close", func() string {
		return "Subject: kept\nReceived: " + strings.Repeat("(", 30_000) + "\nAuthentication-Results: " + strings.Repeat("(", 30_000) + "\n\nbody\n"
	}, "", bodyRead},
	{"30,000 words after from, in 15 fields", func() string {
		return "Subject: kept\n" + strings.Repeat("Received: from "+strings.Repeat("a ", 30_000)+"\n", 15) + "\nbody\n"
	}, "", bodyRead},
	{"1,000 parts with long headers", func() string {
		return "Subject: kept\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n" + strings.Repeat("--b\nContent-Type: text/plain; name=\""+strings.Repeat("a;b=", 900)+"\"\nContent-Disposition: attachment"+strings.Repeat("; a=b", 150)+"\n\nx\n", 990) + "--b--\n"
	}, "", bodyRead},
	{"multiparts 20 deep with long headers", func() string {
		var b strings.Builder
		b.WriteString("Subject: kept\n")
		for i := range 19 {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
		}
		b.WriteString("\nbody\n" + strings.Repeat("--b18\nContent-Type: text/plain; name=\""+strings.Repeat("a ", 2_000)+"\"\n\nx\n", 900))
		return b.String()
	}, "", bodyRead},
	{"angle brackets that never close", func() string { return "Subject: kept\nTo: " + strings.Repeat("<a,", 20_000) + "\n\nbody\n" }, "", bodyRead},
	{"label blocks without end", func() string {
		return "Subject: Fwd: kept\n\nbody\n" + strings.Repeat("To: a@b.example,\n", 200_000)
	}, "", func(m *engine.Message) string { return has("Fwd: kept", m.Subject.Subject) }},
	{"forwards in forwards", func() string {
		return "Subject: Fwd: kept\n\n" + strings.Repeat("---------- Forwarded message ---------\nFrom: a@b.example\nSubject: s\n\n", 50_000)
	}, "", func(m *engine.Message) string { return has("a@b.example", m.Forward.Original.Sender.Email.Email) }},
	{"lines that might be an answer's", func() string { return "Subject: kept\n\nshown\n" + strings.Repeat("1, <a@b\n", 500_000) }, "", textShown},
	{"lines that end like an answer's", func() string { return "Subject: kept\n\nshown\n" + strings.Repeat("1 a b c d e f:\n", 600_000) }, engine.DefectText, textShown},
	{"lines that end in colons", func() string { return "Subject: kept\n\nshown\n" + strings.Repeat("1:\n", 2_500_000) }, "", textShown},
	{"words of unknown encoding", func() string {
		return "Subject: kept\n" + strings.Repeat("X: "+strings.Repeat("=?a?z?", 10_000)+"\n", 16) + "\nbody\n"
	}, "", bodyRead},
	{"one quote too many", func() string {
		return "Subject: kept\n" + strings.Repeat("To: "+strings.Repeat(`"\", a, `, 7_000)+"\n", 15) + "\nbody\n"
	}, "", bodyRead},
	{"unclosed base64 word", func() string { return "Subject: kept\nX: " + strings.Repeat("=?utf-8?b?", 6000) + "\n\nbody\n" }, "", bodyRead},
	{"end tags across cells", func() string {
		return htmlMail(strings.Repeat("<table><td><b>", 150) + strings.Repeat("</div></b>", 200_000) + "shown")
	}, "", textShown},
	{"200,000 fields in an unknown charset", func() string { return "Subject: kept\n" + strings.Repeat("X:\xe4\n", 200_000) + "\nbody\n" }, "", bodyRead},
	{"zip headers", func() string {
		return "Subject: kept\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/zip\n\n" + strings.Repeat("PK\x03\x04", 500_000) + "\n--b--\n"
	}, "", subjectKept},
}

func deep(n int, boundary string) string {
	var b strings.Builder
	b.WriteString("Subject: kept\n")
	for i := range n {
		name := boundary
		if strings.Contains(boundary, "%d") {
			name = fmt.Sprintf(boundary, i)
		}
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=%q\n\n--%s\n", name, name)
	}
	b.WriteString("Content-Type: text/plain\n\nbody\n")
	return b.String()
}

func wide(n int) string {
	return "Subject: kept\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nbody\n", n) + "--b--\n"
}

func params(n int) string {
	var b strings.Builder
	b.WriteString("Subject: kept\nContent-Type: text/plain; charset=utf-8")
	for i := range n {
		fmt.Fprintf(&b, "; p%d=v", i)
	}
	return b.String() + "\n\nbody\n"
}

func htmlMail(html string) string {
	return "Subject: kept\nContent-Type: text/html; charset=utf-8\n\n<html><body>" + html + "\n"
}

func has(want, got string) string {
	if !strings.Contains(got, want) {
		return fmt.Sprintf("%q is not in %.80q", want, got)
	}
	return ""
}

func subjectKept(m *engine.Message) string   { return has("kept", m.Subject.Subject) }
func bodyRead(m *engine.Message) string      { return subjectKept(m) + has("body", m.Body.Text) }
func textShown(m *engine.Message) string     { return subjectKept(m) + has("shown", m.Body.Text) }
func firstPartRead(m *engine.Message) string { return bodyRead(m) }

func TestHostileMessagesEndSoonWithADefect(t *testing.T) {
	for _, tc := range hostile {
		t.Run(tc.name, func(t *testing.T) {
			raw := tc.raw()
			if testing.Short() && len(raw) > 2<<20 {
				t.Skip("skipped: large, and -short is set")
			}
			start := time.Now()
			m := parse(t, raw)
			if took := time.Since(start); took > patience {
				t.Errorf("took %v for %d bytes", took, len(raw))
			} else {
				t.Logf("%d KB in %v", len(raw)>>10, took.Round(time.Millisecond))
			}
			if tc.code != "" && !hasCap(m, tc.code) {
				t.Errorf("no %s among %v", tc.code, m.Defects)
			}
			if why := tc.check(m); why != "" {
				t.Error(why)
			}
		})
	}
}

func hasCap(m *engine.Message, code string) bool {
	for _, d := range m.Defects {
		if d.Code == code && d.Cap {
			return true
		}
	}
	for _, n := range m.Nested {
		if hasCap(n, code) {
			return true
		}
	}
	return false
}

// bigBlob is a mail with one attachment of zeros in base64, made while it is read.
type bigBlob struct{ lines int }

const (
	bigHead = "Subject: big\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee attachment\n--b\n" +
		"Content-Type: application/octet-stream; name=big.bin\nContent-Transfer-Encoding: base64\n\n"
	bigTail = "--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=after.txt\n\nafter\n--b--\n"
)

var bigLine = strings.Repeat("A", 76) + "\n"

func (b bigBlob) Size() int64 {
	return int64(len(bigHead)) + int64(b.lines)*int64(len(bigLine)) + int64(len(bigTail))
}

func (b bigBlob) Open() (io.ReadCloser, error) {
	body := &repeat{line: bigLine, left: b.lines * len(bigLine)}
	return io.NopCloser(io.MultiReader(strings.NewReader(bigHead), body, strings.NewReader(bigTail))), nil
}

type repeat struct {
	line string
	left int
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && r.left > 0 {
		k := copy(p[n:min(len(p), n+r.left)], r.line[r.at:])
		n += k
		r.left -= k
		r.at = (r.at + k) % len(r.line)
	}
	return n, nil
}

// TestLargeAttachmentIsStreamed counts what one parse allocates: far less than
// the attachment, which goes to a file.
func TestLargeAttachmentIsStreamed(t *testing.T) {
	size := 200 << 20
	if testing.Short() {
		size = 20 << 20
	}
	blob := bigBlob{size / 57}
	p := mail.New(mail.Config{TempDir: t.TempDir()})
	res := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			m, err := p.Parse(context.Background(), blob, engine.Origin{})
			if err != nil {
				b.Fatal(err)
			}
			if len(m.Attachments) != 2 || m.Attachments[0].Size != blob.lines*57 || m.Attachments[1].FileName != "after.txt" {
				b.Fatalf("attachments %v", m.Attachments)
			}
			if m.Attachments[0].SHA256 == "" || m.Attachments[0].MD5 == "" || !strings.Contains(m.Body.Text, "see attachment") {
				b.Fatal("digests or body are missing")
			}
		}
	})
	if res.N == 0 {
		t.Fatal("the parse failed")
	}
	t.Logf("%d MB: %d KB allocated, %v", size>>20, res.AllocedBytesPerOp()>>10, time.Duration(res.NsPerOp()).Round(time.Millisecond))
	if res.AllocedBytesPerOp() > 16<<20 {
		t.Errorf("%d MB allocated for an attachment of %d MB", res.AllocedBytesPerOp()>>20, size>>20)
	}
}

// TestStreamAndMemoryAgree parses the same messages both ways.
func TestStreamAndMemoryAgree(t *testing.T) {
	pad := strings.Repeat("padding "+strings.Repeat("x", 70)+"\r\n", 60_000)
	raw := "From: a@b.example\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=\"b b\"\r\n\r\npreamble\r\n--b b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nplain\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--c--\r\n\r\n--b b  \r\nContent-Type: text/csv; name=\"a.csv\"\r\n\r\n" + pad +
		"\r\n--b b\r\nContent-Disposition: attachment; filename=q.txt\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=\r\n=42 \r\nlast\r\n--b b--\r\nepilogue\r\n"
	file := filepath.Join(t.TempDir(), "m.eml")
	if err := os.WriteFile(file, []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	p := mail.New(mail.Config{})
	inMemory := parse(t, raw)
	streamed, err := p.Parse(context.Background(), fileBlob{file, int64(len(raw))}, engine.Origin{ID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if inMemory.Meta.SHA256 != streamed.Meta.SHA256 || inMemory.ContentKey != streamed.ContentKey || inMemory.Body.Text != streamed.Body.Text {
		t.Errorf("digests, keys or bodies differ: %q and %q", inMemory.Body.Text, streamed.Body.Text)
	}
	if len(inMemory.Leaves) != 4 || len(streamed.Leaves) != 4 {
		t.Fatalf("%d and %d leaves, want 4", len(inMemory.Leaves), len(streamed.Leaves))
	}
	for i, a := range inMemory.Leaves {
		if b := streamed.Leaves[i]; a.SHA256 != b.SHA256 || a.Path != b.Path || a.FileName != b.FileName || a.FileType != b.FileType || a.Size != b.Size {
			t.Errorf("leaf %d: %s %q %d and %s %q %d", i, a.Path, a.FileName, a.Size, b.Path, b.FileName, b.Size)
		}
	}
	if got := string(inMemory.Leaves[3].Content.(engine.Bytes)); got != "AB\r\nlast" {
		t.Errorf("quoted-printable gives %q", got)
	}
}

type fileBlob struct {
	path string
	size int64
}

func (f fileBlob) Size() int64                  { return f.size }
func (f fileBlob) Open() (io.ReadCloser, error) { return os.Open(f.path) }

func TestStreamAndMemoryAgreeOnSamples(t *testing.T) {
	inMemory := mail.New(mail.Config{})
	streaming := mail.New(mail.Config{Limits: engine.Limits{Memory: 4}, TempDir: t.TempDir()})
	for _, file := range samples(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a, err := inMemory.Parse(context.Background(), engine.Bytes(raw), engine.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := streaming.Parse(context.Background(), fileBlob{file, int64(len(raw))}, engine.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if a.ContentKey != b.ContentKey || a.Meta.SHA256 != b.Meta.SHA256 || len(a.Defects) != len(b.Defects) {
			t.Errorf("%s differs as a stream: %v and %v", filepath.Base(file), a.Defects, b.Defects)
		}
	}
}

// TestPiecesOfAnEncodingAgreeWithTheWhole decodes bodies that are longer than a
// chunk, so that escapes, line ends and groups are cut at any place.
func TestPiecesOfAnEncodingAgreeWithTheWhole(t *testing.T) {
	memory := mail.New(mail.Config{})
	stream := mail.New(mail.Config{TempDir: t.TempDir(), Limits: engine.Limits{Memory: 1000}})
	for _, tc := range []struct{ encoding, unit string }{
		{"quoted-printable", "a=3Db c =\r\n=\n= \t\r\nd \t\r\ne\t f=C3=A4=4\n=zz=\r g\r\n"},
		{"base64", "QUJD\r\nREV GR0hJ!SktM\nTU5P"},
	} {
		for shift := range 12 {
			body := strings.Repeat("x", shift) + strings.Repeat(tc.unit, 100_000/len(tc.unit))
			raw := "Content-Type: application/octet-stream\nContent-Transfer-Encoding: " + tc.encoding + "\n\n" + body
			whole, err := memory.Parse(context.Background(), engine.Bytes(raw), engine.Origin{})
			if err != nil {
				t.Fatal(err)
			}
			pieces, err := stream.Parse(context.Background(), streamed(raw), engine.Origin{})
			if err != nil {
				t.Fatal(err)
			}
			if w, p := whole.Leaves[0], pieces.Leaves[0]; w.SHA256 != p.SHA256 || w.Size != p.Size || w.Size < 50_000 {
				t.Errorf("%s shifted by %d: %d bytes as a whole, %d in pieces", tc.encoding, shift, w.Size, p.Size)
			}
		}
	}
}
