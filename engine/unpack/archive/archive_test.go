package archive_test

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

// readers are those that a file type has in engine/unpack.
var readers = map[string]task.Reader{
	"zip": archive.Zip, "jar": archive.Zip, "7z": archive.SevenZip, "tar": archive.Tar, "exe": archive.Program,
	"rar": archive.RAR, "iso": archive.Disc, "cab": archive.Cabinet,
	"gz": archive.Stream, "bz2": archive.Stream, "xz": archive.Stream, "zst": archive.Stream, "lz": archive.Stream, "lzma": archive.Stream,
}

type spools struct{}

func (spools) Create() task.Place { return &engine.Spool{Threshold: 64 << 20} }

// result is what reading a file told.
type result struct {
	*engine.Part
	defects []engine.Defect
	budget  *engine.Budget
}

func (r result) members(t testing.TB) map[string]string {
	all := map[string]string{}
	for _, c := range r.Children {
		b, err := engine.ReadAll(c.Content, 512<<20)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(c.Path, "2/")] = string(b)
	}
	return all
}

func (r result) codes() []string {
	var all []string
	for _, d := range r.defects {
		all = append(all, d.Code)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (r result) has(code string) bool { return slices.Contains(r.codes(), code) }

// read reads a file with the reader of its type.
func read(t testing.TB, name string, b []byte, passwords ...string) result {
	t.Helper()
	return readWithin(t, engine.Limits{}, name, b, passwords...)
}

func readWithin(t testing.TB, limits engine.Limits, name string, b []byte, passwords ...string) result {
	t.Helper()
	f := filetype.File{Extension: filetype.Extension(name), Head: b[:min(len(b), filetype.Edge)], Tail: b[max(0, len(b)-filetype.Edge):]}
	return readAs(t, limits, filetype.Detect(&f), name, b, passwords...)
}

func readAs(t testing.TB, limits engine.Limits, kind, name string, b []byte, passwords ...string) result {
	t.Helper()
	read := readers[kind]
	if read == nil {
		t.Fatalf("%s is of type %q, which has no reader", name, kind)
	}
	limits = limits.WithDefaults()
	part := &engine.Part{Path: "2", FileName: name, FileType: kind, Content: engine.Bytes(b), Size: len(b)}
	var keys []engine.Candidate
	for _, p := range passwords {
		keys = append(keys, engine.Candidate{Password: engine.LiteralPassword(p), Origin: engine.FromToken})
	}
	budget := limits.Budget()
	k := task.New(part, limits, task.NewKeyring(keys), budget, spools{})
	err := read(context.Background(), k)
	return result{part, k.Finish(err), budget}
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	if strings.HasSuffix(name, ".iso") { // mostly zeros
		for _, b := range read(t, name+".gz", fixture(t, name+".gz")).members(t) {
			return []byte(b)
		}
	}
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const invoice = "the invoice is at http://evil.example/pay\n"

// contents are the files that the archives in testdata hold.
func contents(t testing.TB) map[string]string {
	t.Helper()
	all := read(t, "plain.tar", fixture(t, "plain.tar")).members(t)
	if len(all) != 4 || all["invoice.txt"] != invoice || len(all["docs/long.txt"]) < 10_000 || len(all["docs/noise.bin"]) != 3000 {
		t.Fatalf("plain.tar holds %d members", len(all))
	}
	return all
}

// flat leaves the folders out of names: gcab does.
func flat(all map[string]string) map[string]string {
	bare := map[string]string{}
	for k, v := range all {
		bare[path.Base(k)] = v
	}
	return bare
}

func without(all map[string]string, name string) map[string]string {
	less := map[string]string{}
	for k, v := range all {
		if k != name {
			less[k] = v
		}
	}
	return less
}

func TestArchivesOfRealProgramsAreRead(t *testing.T) {
	all := contents(t)
	some := without(all, "leer.txt")
	for _, row := range []struct {
		file string
		want map[string]string
	}{
		{"plain.zip", all},
		{"method-Copy.zip", some},
		{"method-Deflate.zip", some},
		{"method-Deflate64.zip", some},
		{"method-BZip2.zip", some},
		{"method-LZMA.zip", some},
		{"method-xz.zip", some},
		{"plain.7z", all},
		{"method-Copy.7z", some},
		{"method-LZMA.7z", some},
		{"method-LZMA2.7z", some},
		{"method-PPMd.7z", some},
		{"method-BZip2.7z", some},
		{"method-Deflate.7z", some},
		{"joliet.iso", all},
		{"rockridge.iso", all},
		{"mszip.cab", flat(some)},
		{"stored.cab", flat(some)},
		{"plain.tar", all},
		{"pax.tar", some},
		{"plain.tar.gz", map[string]string{"plain.tar": string(fixture(t, "plain.tar"))}},
		{"invoice.txt.gz", map[string]string{"invoice.txt": invoice}},
		{"invoice.txt.bz2", map[string]string{"invoice.txt": invoice}},
		{"invoice.txt.xz", map[string]string{"invoice.txt": invoice}},
		{"long.txt.xz", map[string]string{"long.txt": all["docs/long.txt"]}},
		{"invoice.txt.zst", map[string]string{"invoice.txt": invoice}},
		{"invoice.txt.lz", map[string]string{"invoice.txt": invoice}},
		{"invoice.txt.lzma", map[string]string{"invoice.txt": invoice}},
	} {
		t.Run(row.file, func(t *testing.T) {
			r := read(t, row.file, fixture(t, row.file))
			if diff := cmp.Diff(row.want, r.members(t)); diff != "" {
				t.Errorf("members (-want +got):\n%.2000s", diff)
			}
			if len(r.defects) > 0 || r.Encrypted {
				t.Errorf("defects %v, encrypted %v", r.defects, r.Encrypted)
			}
		})
	}
}

func TestMethodsThatNobodyReadsAreToldByName(t *testing.T) {
	r := read(t, "method-PPMd.zip", fixture(t, "method-PPMd.zip"))
	if !r.has(engine.DefectUnsupported) || !strings.Contains(r.Metadata["unread_members"], "docs/long.txt") {
		t.Errorf("defects %v, facts %v", r.defects, r.Metadata)
	}
}

var lockedFiles = []string{"zipcrypto.zip", "aes128.zip", "aes192.zip", "aes256.zip", "headers.7z", "locked.7z"}

func TestTheRightPasswordOpens(t *testing.T) {
	for _, file := range lockedFiles {
		t.Run(file, func(t *testing.T) {
			r := read(t, file, fixture(t, file), "wrong", "Infected", "infected ", "infected")
			if diff := cmp.Diff(contents(t), r.members(t)); diff != "" {
				t.Errorf("members (-want +got):\n%.2000s", diff)
			}
			if !r.Decrypted || r.OpenedBy != "token" || len(r.defects) > 0 {
				t.Errorf("decrypted %v by %q, defects %v", r.Decrypted, r.OpenedBy, r.defects)
			}
		})
	}
}

func TestAWrongPasswordNeverOpens(t *testing.T) {
	for _, file := range lockedFiles {
		t.Run(file, func(t *testing.T) {
			tries := 3000
			if strings.HasSuffix(file, ".7z") {
				tries = 15
			} else if strings.HasPrefix(file, "aes") {
				tries = 150
			}
			var wrong []string
			for i := range tries {
				wrong = append(wrong, fmt.Sprint("guess", i))
			}
			r := read(t, file, fixture(t, file), wrong...)
			if r.Decrypted || !r.Encrypted || !r.has(engine.DefectLocked) {
				t.Errorf("decrypted %v, encrypted %v, defects %v", r.Decrypted, r.Encrypted, r.defects)
			}
			for name, content := range r.members(t) {
				if content != "" {
					t.Errorf("member %s came out of a locked archive", name)
				}
			}
		})
	}
}
