package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// zipMember is what zipOf writes of one: a header may say anything.
type zipMember struct {
	name    string
	content string
	local   string // its name in the local header, when that is another one
	method  uint16
	flags   uint16
	packed  []byte // instead of content
	size    int    // claimed; 0: of content
	crc     uint32 // claimed; 0: of content
	unix    uint16 // mode
	skip    bool   // not in the directory
	same    bool   // as the header of the member before
	comment string
}

// zipOf writes an archive of members that may lie.
func zipOf(members ...zipMember) []byte {
	var b, dir bytes.Buffer
	le := func(w io.Writer, all ...any) {
		for _, v := range all {
			binary.Write(w, binary.LittleEndian, v)
		}
	}
	at, n := 0, 0
	for _, m := range members {
		packed := m.packed
		if packed == nil {
			packed = []byte(m.content)
		}
		size, crc := m.size, m.crc
		if size == 0 {
			size = len(m.content)
		}
		if crc == 0 {
			crc = crc32.ChecksumIEEE([]byte(m.content))
		}
		local := m.local
		if local == "" {
			local = m.name
		}
		if !m.same {
			at = b.Len()
			le(&b, []byte("PK\x03\x04"), uint16(20), m.flags, m.method, uint32(0), crc, uint32(len(packed)), uint32(size), uint16(len(local)), uint16(0), []byte(local), packed)
		}
		if m.skip {
			continue
		}
		n++
		le(&dir, []byte("PK\x01\x02"), uint16(3<<8|20), uint16(20), m.flags, m.method, uint32(0), crc, uint32(len(packed)), uint32(size), uint16(len(m.name)),
			uint16(0), uint16(len(m.comment)), uint16(0), uint16(0), uint32(m.unix)<<16, uint32(at), []byte(m.name), []byte(m.comment))
	}
	dirAt := b.Len()
	b.Write(dir.Bytes())
	le(&b, []byte("PK\x05\x06"), uint16(0), uint16(0), uint16(n), uint16(n), uint32(dir.Len()), uint32(dirAt), uint16(0))
	return b.Bytes()
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 9)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func TestArchivesThatLieAreReadAndTold(t *testing.T) {
	plain := zipOf(zipMember{name: "a.txt", content: "first"}, zipMember{name: "b.txt", content: "second"})
	utf8Flag := uint16(1 << 11)
	for _, row := range []struct {
		name    string
		b       []byte
		want    map[string]string
		defects []string
	}{
		{"prepended and appended", slices.Concat([]byte("MZ junk"), plain, []byte("more junk")), map[string]string{"a.txt": "first", "b.txt": "second"}, nil},
		{"no directory", plain[:bytes.Index(plain, []byte("PK\x01\x02"))], map[string]string{"a.txt": "first", "b.txt": "second"}, []string{engine.DefectUnreadable}},
		{"cut in the directory", plain[:len(plain)-30], map[string]string{"a.txt": "first", "b.txt": "second"}, []string{engine.DefectUnreadable}},
		{"hidden member", zipOf(zipMember{name: "a.txt", content: "first"}, zipMember{name: "b.txt", content: "second", skip: true}), map[string]string{"a.txt": "first", "b.txt": "second"}, []string{engine.DefectLying}},
		{"two archives in one", slices.Concat(zipOf(zipMember{name: "bad.js", content: "evil()"}), plain), map[string]string{"a.txt": "first", "b.txt": "second", "bad.js": "evil()"}, []string{engine.DefectLying}},
		{"another name inside", zipOf(zipMember{name: "a.pdf", local: "a.exe", content: "MZ"}), map[string]string{"a.pdf": "MZ"}, []string{engine.DefectLying}},
		{"two of one name", zipOf(zipMember{name: "a.txt", content: "1"}, zipMember{name: "A.TXT", content: "2"}), map[string]string{"a.txt": "1", "A.TXT": "2"}, []string{engine.DefectLying}},
		{"wrong checksum", zipOf(zipMember{name: "a.txt", content: "first", crc: 7}), map[string]string{"a.txt": "first"}, []string{engine.DefectLying}},
		{"wrong size", zipOf(zipMember{name: "a.txt", content: "first", size: 4}), map[string]string{"a.txt": "first"}, []string{engine.DefectLying}},
		{"pretended encryption", zipOf(zipMember{name: "a.txt", content: "first", flags: 1}), map[string]string{"a.txt": "first"}, nil},
		{"strong encryption", zipOf(zipMember{name: "a.txt", content: "first", flags: 1 | 1<<6}), map[string]string{}, []string{engine.DefectLocked, engine.DefectUnsupported}},
		{"traversal", zipOf(zipMember{name: "../../etc/passwd", content: "x"}), map[string]string{"etc/passwd": "x"}, []string{engine.DefectMemberPath}},
		{"absolute", zipOf(zipMember{name: `C:\Windows\a.dll`, content: "x"}), map[string]string{"C_/Windows/a.dll": "x"}, []string{engine.DefectMemberPath}},
		{"symbolic link", zipOf(zipMember{name: "a", content: "/etc/passwd", unix: 0o120777}), map[string]string{}, []string{engine.DefectMemberPath}},
		{"folders are none", zipOf(zipMember{name: "d/"}, zipMember{name: "d/a.txt", content: "x"}), map[string]string{"d/a.txt": "x"}, nil},
		{"UTF-8 name", zipOf(zipMember{name: "Käse.txt", content: "x", flags: utf8Flag}), map[string]string{"Käse.txt": "x"}, nil},
		{"DOS name", zipOf(zipMember{name: "K\x84se.txt", content: "x"}), map[string]string{"Käse.txt": "x"}, nil},
		{"unknown method", zipOf(zipMember{name: "a.txt", content: "x", method: 6}), map[string]string{}, []string{engine.DefectUnsupported}},
		{"zstd", zipOf(zipMember{name: "a.txt", content: invoice, packed: fixture(t, "invoice.txt.zst"), method: 93}), map[string]string{"a.txt": invoice}, nil},
		{"empty", zipOf(), map[string]string{}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := readAs(t, engine.Limits{}, "zip", "a.zip", row.b)
			got := r.members(t)
			if row.name == "absolute" { // the drive is spelt as the name says
				if len(got) != 1 {
					t.Errorf("members %v", got)
				}
			} else if fmt.Sprint(got) != fmt.Sprint(row.want) {
				t.Errorf("members %v, want %v", got, row.want)
			}
			if !slices.Equal(r.codes(), row.defects) {
				t.Errorf("defects %v, want %v", r.defects, row.defects)
			}
		})
	}
}

func TestMembersOfDifferentPasswordsAreOpened(t *testing.T) {
	one, two := fixture(t, "zipcrypto.zip"), fixture(t, "aes256.zip")
	// The second archive's members stand before the first's and no directory lists
	// them, as in two archives that were put together.
	r := read(t, "a.zip", slices.Concat(two, one), "infected", "other")
	if n := len(r.members(t)); n != 8 || !r.Decrypted {
		t.Errorf("%d members, decrypted %v, defects %v", n, r.Decrypted, r.defects)
	}
}

func TestTryingPasswordsEndsWithTheBudget(t *testing.T) {
	var wrong []string
	for i := range 10_000 {
		wrong = append(wrong, fmt.Sprint("guess", i))
	}
	for _, file := range []string{"aes256.zip", "headers.7z", "locked.7z"} {
		t.Run(file, func(t *testing.T) {
			start := time.Now()
			r := readWithin(t, engine.Limits{PasswordWork: 20_000}, file, fixture(t, file), wrong...)
			if !r.has(engine.DefectPasswordWork) || r.Decrypted {
				t.Errorf("defects %v, decrypted %v", r.defects, r.Decrypted)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("20,000 units, which should be 0.2 s, took %v", took)
			}
		})
	}
	if r := read(t, "zipcrypto.zip", fixture(t, "zipcrypto.zip"), wrong...); r.Decrypted || !r.has(engine.DefectLocked) {
		t.Errorf("zipcrypto: defects %v", r.defects)
	}
}

// bomb makes archives that cost more than they should.
func bombs(t testing.TB) map[string][]byte {
	zeros := make([]byte, 20<<20)
	kernel := deflated(zeros)
	overlap := []zipMember{{name: "0", content: string(zeros), packed: kernel, method: 8}}
	for i := range 1500 {
		overlap = append(overlap, zipMember{name: fmt.Sprint(i + 1), content: string(zeros[:1]), size: len(zeros), packed: kernel, method: 8, same: true})
	}
	var many bytes.Buffer
	w := zip.NewWriter(&many)
	for i := range 200_000 {
		w.Create(fmt.Sprint(i))
	}
	w.Close()
	var sparse bytes.Buffer
	sparse.Write(sparseTar())
	return map[string][]byte{
		"overlap.zip":     zipOf(overlap...),
		"many.zip":        many.Bytes(),
		"ratio.zip":       zipOf(zipMember{name: "0", content: string(zeros), packed: kernel, method: 8}),
		"pretended.zip":   zipOf(append([]zipMember{{name: "0", flags: 1, content: string(zeros), packed: kernel, method: 8}}, pretended(kernel)...)...),
		"sparse.tar":      sparse.Bytes(),
		"bomb.gz":         gzipBomb(),
		"marks.zip":       bytes.Repeat([]byte("PK\x03\x04"), 1<<20),
		"descriptors.zip": append(zipOf(zipMember{name: "a", content: "x", flags: 8}), bytes.Repeat([]byte("PK\x03\x04\x14\x00\x08\x00\x00\x00"+strings.Repeat("\x00", 16)+"\x01\x00\x00\x00aPK\x07\x08PK\x07\x08"), 1<<16)...),
		"longnames.zip":   zipOf(slices.Repeat([]zipMember{{name: strings.Repeat("a/", 30_000) + "x", content: "y"}}, 50)...),
	}
}

// pretended are members that are one and only say to be encrypted: finding that
// out means unpacking each.
func pretended(kernel []byte) []zipMember {
	var all []zipMember
	for i := range 1500 {
		all = append(all, zipMember{name: fmt.Sprint("p", i), flags: 1, size: 20 << 20, packed: kernel, method: 8, same: true, crc: uint32(i + 1)})
	}
	return all
}

func gzipBomb() []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, 9)
	chunk := make([]byte, 1<<20)
	for range 80 {
		w.Write(chunk)
	}
	w.Close()
	return b.Bytes()
}

// sparseTar has a file of 100 GB that is one hole (PAX, GNU sparse 1.0).
func sparseTar() []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "GNUSparseFile.0/hole", Typeflag: tar.TypeReg, Mode: 0o600, Size: 512, Format: tar.FormatPAX})
	w.Write(append([]byte("0\n"), make([]byte, 510)...))
	w.Close()
	plain := b.Bytes()
	var x bytes.Buffer
	records := ""
	for _, kv := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=hole", "GNU.sparse.realsize=100000000000"} {
		n := len(kv) + 2
		for len(fmt.Sprint(n))+len(kv)+2 != n {
			n++
		}
		records += fmt.Sprintf("%d %s\n", n, kv)
	}
	head := bytes.Clone(plain[:512])
	head[156] = 'x'
	copy(head[124:136], fmt.Sprintf("%011o\x00", len(records)))
	copy(head[148:156], "        ")
	sum := 0
	for _, c := range head {
		sum += int(c)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	x.Write(head)
	x.WriteString(records)
	x.Write(make([]byte, (512-len(records)%512)%512))
	x.Write(plain)
	return x.Bytes()
}

func TestBombsEndSoonAndSayWhy(t *testing.T) {
	for name, b := range bombs(t) {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			r := readWithin(t, engine.Limits{}, name, b)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if len(r.defects) == 0 && name != "longnames.zip" {
				t.Errorf("nothing was told")
			}
			if len(r.defects) > 120 {
				t.Errorf("%d defects", len(r.defects))
			}
			if took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			var held int64
			for _, c := range r.Children {
				held += int64(c.Size)
			}
			if grown := int64(after.HeapInuse) - int64(before.HeapInuse) - 3*held; grown > 256<<20 {
				t.Errorf("%d bytes of heap", grown)
			}
			t.Logf("%d bytes: %v, %d members of %d bytes, %v", len(b), took, len(r.Children), held, r.codes())
		})
	}
}

// everySample are small files of every format.
func everySample(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	for _, f := range []string{
		"plain.zip", "zipcrypto.zip", "aes256.zip", "method-LZMA.zip", "method-BZip2.zip", "method-xz.zip", "method-Deflate64.zip", "method-LZMA2.7z", "method-PPMd.7z",
		"headers.7z", "plain.7z", "plain.tar.gz", "invoice.txt.xz", "invoice.txt.bz2", "invoice.txt.zst", "invoice.txt.lz", "invoice.txt.lzma", "mszip.cab",
	} {
		all[f] = fixture(t, f)
	}
	all["plain.rar"] = (&rar5{comment: "x"}).archive(rarFiles[0])
	all["locked.rar"] = (&rar5{password: "infected", power: 4, names: true}).archive(rarFiles[0])
	all["plain.tar"] = fixture(t, "plain.tar")[:6000]
	all["joliet.iso"] = fixture(t, "joliet.iso")[32<<10 : 64<<10]
	return all
}

// kindOf is the reader that a sample has, however broken it is.
func kindOf(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

func TestNothingPanicsOnBrokenFiles(t *testing.T) {
	for name, b := range everySample(t) {
		t.Run(name, func(t *testing.T) {
			step := max(16, len(b)/20)
			if os.Getenv("TQ_SOAK") != "" {
				step = 16
			}
			for n := 0; n < len(b); n += step {
				readAs(t, engine.Limits{}, kindOf(name), name, b[:n], "infected")
			}
			for i := 0; i < len(b); i += step/2 + 1 {
				flipped := bytes.Clone(b)
				flipped[i] ^= 1 << (i % 8)
				r := readAs(t, engine.Limits{}, kindOf(name), name, flipped, "infected")
				for _, c := range r.Children {
					if c.Size > 1<<20 {
						t.Errorf("flip at %d: a member of %d bytes", i, c.Size)
					}
				}
			}
		})
	}
}

func TestATruncatedStreamKeepsWhatCameOut(t *testing.T) {
	for _, row := range []struct{ name, kind string }{{"plain.tar.gz", "gz"}, {"plain.tar", "tar"}, {"method-Deflate64.zip", "zip"}, {"mszip.cab", "cab"}} {
		b := fixture(t, row.name)
		r := readAs(t, engine.Limits{}, row.kind, row.name, b[:len(b)*3/5])
		came := 0
		for _, c := range r.Children {
			came += c.Size
		}
		if came == 0 || !r.has(engine.DefectUnreadable) {
			t.Errorf("%s: %d bytes in %d members, defects %v", row.name, came, len(r.Children), r.defects)
		}
	}
}

func TestADiscWithOnlyUDFIsTold(t *testing.T) {
	b := make([]byte, 40<<10)
	copy(b[32769:], "BEA01")
	copy(b[34817:], "NSR02")
	if r := readAs(t, engine.Limits{}, "iso", "a.iso", b); !r.has(engine.DefectUnsupported) {
		t.Errorf("defects %v", r.defects)
	}
}

func TestLinksOfTarAreTextAndNeverFollowed(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"})
	w.WriteHeader(&tar.Header{Name: "b", Typeflag: tar.TypeLink, Linkname: "../../x"})
	w.WriteHeader(&tar.Header{Name: "c", Typeflag: tar.TypeFifo})
	w.Close()
	r := readAs(t, engine.Limits{}, "tar", "a.tar", b.Bytes())
	if len(r.Children) != 0 || len(r.defects) != 3 || !r.has(engine.DefectMemberPath) || !strings.Contains(r.Text, "a -> /etc/shadow") {
		t.Errorf("%d members, text %q, defects %v", len(r.Children), r.Text, r.defects)
	}
}

func TestProgramsThatUnpackThemselvesAreOpened(t *testing.T) {
	stub := append([]byte("MZ"), make([]byte, 5000)...)
	for _, row := range []struct {
		kind string
		b    []byte
	}{{"zip", fixture(t, "plain.zip")}, {"7z", fixture(t, "plain.7z")}, {"rar", (&rar5{}).archive(rarFiles...)}} {
		r := read(t, "setup.exe", slices.Concat(stub, row.b))
		if r.Metadata["self_extracting"] != row.kind || r.members(t)["invoice.txt"] != invoice || len(r.defects) > 0 {
			t.Errorf("%s: facts %v, %d members, defects %v", row.kind, r.Metadata, len(r.Children), r.defects)
		}
	}
	if r := read(t, "plain.exe", stub); len(r.defects)+len(r.Children) > 0 {
		t.Errorf("a program: %v", r.defects)
	}
}

// sevenZipOf is an archive with nothing but a header.
func sevenZipOf(header []byte) []byte {
	start := binary.LittleEndian.AppendUint64(make([]byte, 8), uint64(len(header)))
	start = binary.LittleEndian.AppendUint32(start, crc32.ChecksumIEEE(header))
	b := append([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(start))...)
	return slices.Concat(b, start, header)
}

func TestHeadersOf7zThatPromiseTooMuchAreRefused(t *testing.T) {
	const huge = "\xff\x00\x00\x00\x00\x00\x01\x00\x00" // 2^40
	folder := "\x04\x06\x00\x01\x09\x05\x00\x07\x0b\x01\x00\x01"
	lzma2 := folder + "\x21\x21\x01\x28\x0c\x05\x00"
	aes := folder + "\x24\x06\xf1\x07\x01\x02\x3e\x00\x0c\x05\x00"
	for _, row := range []struct{ name, header, code string }{
		{"files", "\x01\x05" + huge, engine.DefectMembers},
		{"streams", "\x01" + folder + "\x01\x00\x0c\x05\x00\x08\x0d" + huge, engine.DefectMembers},
		{"folders", "\x01\x04\x06\x00\x01\x09\x05\x00\x07\x0b" + huge, engine.DefectUnreadable},
		{"dictionary", "\x01" + lzma2 + "\x00\x00", engine.DefectUnpackMemory},
		{"rounds", "\x01" + aes + "\x00\x00", engine.DefectPasswordWork},
	} {
		t.Run(row.name, func(t *testing.T) {
			if r := readAs(t, engine.Limits{}, "7z", "a.7z", sevenZipOf([]byte(row.header)), "x"); !slices.Equal(r.codes(), []string{row.code}) {
				t.Errorf("defects %v", r.defects)
			}
		})
	}
}
