package office_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
)

const password = "S3cret!"

// spools are a store of members for tests.
type spools struct{}

func (spools) Create() task.Place { return &engine.Spool{Threshold: 1 << 20} }

// result is what reading one document gave.
type result struct {
	*engine.Part
	defects []engine.Defect
	budget  *engine.Budget
}

func (r result) codes() string {
	var all []string
	for _, d := range r.defects {
		all = append(all, d.Code)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

func (r result) child(t *testing.T, name string) *engine.Part {
	t.Helper()
	var names []string
	for _, c := range r.Children {
		if names = append(names, c.Path); strings.HasSuffix(c.Path, name) {
			return c
		}
	}
	t.Fatalf("no member %q among %q", name, names)
	return nil
}

func (r result) links() string {
	var all []string
	for _, l := range r.Links {
		all = append(all, l.HrefURL.URL+" ["+l.DisplayText+"]")
	}
	return strings.Join(all, "\n")
}

// place is the name of where a text stands.
func (r result) place(t *testing.T, text string) string {
	t.Helper()
	i := strings.Index(r.Text, text)
	if i < 0 {
		t.Fatalf("no %q in %.2000q", text, r.Text)
	}
	name := ""
	for _, p := range r.Places {
		if p.At <= i {
			name = p.Name
		}
	}
	return name
}

func read(t testing.TB, content []byte, passwords ...string) result {
	t.Helper()
	return readWithin(t, engine.Limits{}.WithDefaults(), content, passwords...)
}

func readWithin(t testing.TB, limits engine.Limits, content []byte, passwords ...string) result {
	t.Helper()
	var keys []engine.Candidate
	for _, p := range passwords {
		keys = append(keys, engine.Candidate{Password: engine.LiteralPassword(p), Origin: engine.FromPrefix})
	}
	part := &engine.Part{Path: "2", Content: engine.Bytes(content), Size: len(content)}
	budget := limits.Budget()
	tk := task.New(part, limits, task.NewKeyring(keys), budget, spools{})
	defects := tk.Finish(office.Read(context.Background(), tk))
	return result{part, defects, budget}
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// recall is the share of the words of want that stand in got, each as often.
func recall(want, got string) (share float64, missed []string) {
	words := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}
	have := map[string]int{}
	for _, w := range words(got) {
		have[w]++
	}
	all := words(want)
	for _, w := range all {
		if have[w]--; have[w] < 0 {
			missed = append(missed, w)
		}
	}
	return 1 - float64(len(missed))/float64(max(len(all), 1)), missed
}

func TestTextIsWhatLibreOfficeExports(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"letter.docx", "letter.txt"},
		{"letter-standard.docx", "letter.txt"},
		{"book.xlsx", "book.csv"},
		{"book-standard.xlsx", "book.csv"},
		{"talk.pptx", "talk.txt"},
		{"talk-standard.pptx", "talk.txt"},
		{"letter.doc", "letter.txt"},
		{"letter-locked.doc", "letter.txt"},
		{"book.xls", "book.csv"},
		{"book-locked.xls", "book.csv"},
		{"talk.ppt.gz", "talk.txt"},
		{"letter.rtf", "letter.txt"},
		{"letter.odt", "letter.txt"},
		{"letter-locked.odt", "letter.txt"},
		{"book.ods", "book.csv"},
		{"book-locked.ods", "book.csv"},
		{"talk.odp", "talk.txt"},
		{"talk-locked.odp", "talk.txt"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := read(t, file(t, tc.name), password)
			if got := r.codes(); got != "" {
				t.Errorf("defects %v", r.defects)
			}
			if share, missed := recall(string(file(t, tc.want)), r.Text); share < 0.97 {
				t.Errorf("recall %.3f, missed %q", share, missed[:min(len(missed), 40)])
			}
			locked := strings.Contains(tc.name, "-")
			if r.Encrypted != locked || r.Decrypted != locked || (r.OpenedBy != "") != locked {
				t.Errorf("encrypted %t, decrypted %t by %q", r.Encrypted, r.Decrypted, r.OpenedBy)
			}
			if !strings.HasSuffix(tc.name, "odg") && r.Metadata["title"] != "Quarterly remittance" {
				t.Errorf("facts %v", r.Metadata)
			}
		})
	}
}

func TestLettersTellWhatStandsAround(t *testing.T) {
	for _, name := range []string{"letter.docx", "letter.doc", "letter.odt", "letter.rtf"} {
		t.Run(name, func(t *testing.T) {
			r := read(t, file(t, name))
			for _, word := range []string{"Headerword", "Footerword", "Footnoteword", "Endnoteword", "Commentword", "Boxword", "Hiddenword", "tabbed"} {
				if n := strings.Count(r.Text, word); n != 1 {
					t.Errorf("%q stands %d times in the text", word, n)
				}
			}
			want := "https://evil.example/login?x=1 [the secure portal]\nhttps://evil.example/other [https://bank.example/]"
			if got := r.links(); got != want {
				t.Errorf("links\n%s\nwant\n%s", got, want)
			}
			if !r.Links[1].Mismatched {
				t.Error("a link that shows another address is not told")
			}
			if !strings.Contains(r.Text, "Cellone\tCelltwo") {
				t.Error("cells of a row do not stand on one line")
			}
		})
	}
}

func TestSheetsTellWhereCellsStand(t *testing.T) {
	for _, name := range []string{"book.xlsx", "book.xls", "book.ods"} {
		t.Run(name, func(t *testing.T) {
			r := read(t, file(t, name))
			for text, want := range map[string]string{"Überweisung": "Payments!A1", "Farcell": "Payments!AE23", "2026-03-14": "Payments!A2", "Hiddenvalue": "Secret!A1"} {
				if got := r.place(t, text); got != want {
					t.Errorf("%q stands at %q, want %q", text, got, want)
				}
			}
			if got := r.Metadata["hidden_sheets"]; !strings.Contains(got, "Secret") {
				t.Errorf("hidden sheets %q", got)
			}
			if !strings.Contains(r.Text, "Notecomment") {
				t.Error("the comment is missing")
			}
			for _, want := range []string{"https://evil.example/sheet [Click here]", "https://evil.example/formula [Shown text]"} {
				if !strings.Contains(r.links(), want) {
					t.Errorf("no link %q in %q", want, r.links())
				}
			}
		})
	}
}

func TestSlidesStandInOrder(t *testing.T) {
	for _, name := range []string{"talk.pptx", "talk.ppt.gz", "talk.odp"} {
		t.Run(name, func(t *testing.T) {
			r := read(t, file(t, name))
			for text, want := range map[string]string{"Slidetitle1": "slide 1", "Notesword1": "slide 1, notes", "Slidetitle3": "slide 3", "Notesword3": "slide 3, notes"} {
				if got := r.place(t, text); got != want {
					t.Errorf("%q stands at %q, want %q", text, got, want)
				}
			}
			if r.Pages != 3 {
				t.Errorf("%d slides", r.Pages)
			}
			for i := 1; i <= 3; i++ {
				if want := fmt.Sprintf("https://evil.example/slide%d [portal %d]", i, i); !strings.Contains(r.links(), want) {
					t.Errorf("no link %q in %q", want, r.links())
				}
			}
		})
	}
}

// lockedFiles are documents that a password opens.
var lockedFiles = []string{"letter-standard.docx", "book-standard.xlsx", "talk-standard.pptx", "letter-locked.doc", "book-locked.xls", "letter-locked.odt", "book-locked.ods", "talk-locked.odp"}

func TestWrongPasswordsOpenNothing(t *testing.T) {
	for _, name := range lockedFiles {
		t.Run(name, func(t *testing.T) {
			wrong := []string{"s3cret!", "S3cret! "}
			if strings.Contains(name, ".od") {
				wrong = wrong[:1] // each takes long
			}
			r := read(t, file(t, name), wrong...)
			if r.codes() != engine.DefectLocked || r.Decrypted || !r.Encrypted || strings.Contains(r.Text, "emittance") {
				t.Errorf("defects %v, decrypted %t, text %.100q", r.defects, r.Decrypted, r.Text)
			}
		})
	}
}

// TestCutDocumentsEnd reads every document cut after each of some lengths, and
// with bytes changed: it may be told as broken, and nothing else may happen.
func TestCutDocumentsEnd(t *testing.T) {
	names, _ := filepath.Glob("testdata/*.*")
	for _, name := range names {
		whole := file(t, filepath.Base(name))
		begun := time.Now()
		n := 12
		if strings.Contains(name, "-") {
			n = 2 // each tries passwords
		}
		for i := range n {
			read(t, whole[:len(whole)*i/n], password)
			changed := bytes.Clone(whole)
			for at := i * 97; at < len(changed); at += 12 * 131 {
				changed[at] ^= 1 << (i % 8)
			}
			read(t, changed, password)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s: broken copies took %s", name, took)
		}
	}
}

// TestEveryCutAndEveryBit takes small documents apart: cut after each byte, and
// with each byte changed.
func TestEveryCutAndEveryBit(t *testing.T) {
	for name, whole := range map[string][]byte{
		"docx": docx(t, `<w:p><w:fldSimple w:instr="HYPERLINK https://a.example"><w:r><w:t>x</w:t></w:r></w:fldSimple></w:p>`),
		"rtf":  []byte(`{\rtf1{\fonttbl{\f0\fcharset204 A;}}{\object{\*\objdata 010500000200000008000000}}{\field{\*\fldinst HYPERLINK "https://a.example"}{\fldrslt \u1055?\'e0}}\bin3 abc}`),
		"doc":  cfbtest.File(cfbtest.Node{Name: "WordDocument", Data: append([]byte{0xec, 0xa5, 0xc1, 0}, make([]byte, 600)...)}, cfbtest.Node{Name: "VBA", Kids: project(part{"M", dropper})[0].Kids}),
		"odt":  archive(t, part{"mimetype", ""}, part{"META-INF/manifest.xml", "<m/>"}, part{"content.xml", openText}),
	} {
		for i := range whole {
			read(t, whole[:i])
			changed := bytes.Clone(whole)
			changed[i] ^= byte(i) | 1
			if r := read(t, changed); strings.Contains(r.codes(), engine.DefectUnpackCrash) {
				t.Errorf("%s, byte %d: %v", name, i, r.defects)
			}
		}
	}
}

// TestNothingHidesBehindAnotherFormat: a file that is two documents is read as
// both.
func TestNothingHidesBehindAnotherFormat(t *testing.T) {
	for name, whole := range map[string][]byte{
		"archive":  docx(t, "<w:p><w:r><w:t>the letter</w:t></w:r></w:p>", part{"mimetype", ""}, part{"META-INF/manifest.xml", "<m/>"}, part{"content.xml", openText}),
		"compound": cfbtest.File(append(mapStreams(t, file(t, "letter.doc"), func(_ string, b []byte) []byte { return b }), cfbtest.Node{Name: "EncryptionInfo", Data: []byte{4, 0, 4, 0}})...),
	} {
		r := read(t, whole)
		if !strings.Contains(r.codes(), engine.DefectLying) || !strings.Contains(r.Text, "letter") && !strings.Contains(r.Text, "Zürich") {
			t.Errorf("%s: defects %v, text %.100q", name, r.defects, r.Text)
		}
	}
}

// TestPresentationsHoldMacrosAndObjects: each is a compound file inside a record,
// compressed or not.
func TestPresentationsHoldMacrosAndObjects(t *testing.T) {
	record := func(instance, kind uint16, body []byte) []byte {
		return slices.Concat(le16(int(instance<<4)), le16(int(kind)), le32(uint32(len(body))), body)
	}
	compressed := func(b []byte) []byte {
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		w.Write(b)
		w.Close()
		return append(le32(uint32(len(b))), z.Bytes()...)
	}
	stream := slices.Concat(record(0, 0x0fa8, []byte("a slide")),
		record(1, 0x1011, compressed(cfbtest.File(project(part{"Module1", dropper})...))),
		record(0, 0x1011, cfbtest.File(cfbtest.Node{Name: "\x01Ole10Native", Data: native("run.exe", []byte("MZ"))})))
	r := read(t, cfbtest.File(cfbtest.Node{Name: "PowerPoint Document", Data: stream}, cfbtest.Node{Name: "Current User", Data: make([]byte, 28)}))
	if r.Text != "a slide\n" || !r.HasMacros || r.Metadata["auto_macro"] != "AutoOpen" {
		t.Errorf("text %q, macros %t, facts %v", r.Text, r.HasMacros, r.Metadata)
	}
	r.child(t, "Module1.bas")
	r.child(t, "run.exe")
}
