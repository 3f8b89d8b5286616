package archive_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// rar5 writes archives of generation 5 with stored files: no free program does.
type rar5 struct {
	b        bytes.Buffer
	password string
	names    bool // headers are encrypted, too
	power    byte
	volume   bool
	comment  string
	noCheck  bool
}

var rarSalt, rarIV = []byte("0123456789abcdef"), []byte("fedcba9876543210")

func (w *rar5) archive(files ...[2]string) []byte {
	w.b.WriteString("Rar!\x1a\x07\x01\x00")
	if w.names {
		h := []byte{4, 0, 0, w.checkFlag(), w.power}
		w.header(append(append(h, rarSalt...), w.check()...), false)
	}
	w.header([]byte{1, 0, flagIf(w.volume)}, w.names)
	if w.comment != "" {
		w.file(3, "CMT", w.comment, false)
	}
	for _, f := range files {
		w.file(2, f[0], f[1], w.password != "")
	}
	w.header([]byte{5, 0, 0}, w.names)
	return w.b.Bytes()
}

func flagIf(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (w *rar5) checkFlag() byte { return flagIf(!w.noCheck) }

func (w *rar5) key(rounds int) []byte {
	key, err := pbkdf2.Key(sha256.New, w.password, rarSalt, 1<<w.power+rounds, 32)
	if err != nil {
		panic(err)
	}
	return key
}

// check is what passwords are checked by: eight bytes and four of their digest.
func (w *rar5) check() []byte {
	if w.noCheck {
		return nil
	}
	var folded [8]byte
	for i, b := range w.key(32) {
		folded[i%8] ^= b
	}
	sum := sha256.Sum256(folded[:])
	return append(folded[:], sum[:4]...)
}

func (w *rar5) encrypt(b []byte) []byte {
	block, err := aes.NewCipher(w.key(0))
	if err != nil {
		panic(err)
	}
	padded := append(bytes.Clone(b), make([]byte, (16-len(b)%16)%16)...)
	cipher.NewCBCEncrypter(block, rarIV).CryptBlocks(padded, padded)
	return padded
}

func (w *rar5) header(body []byte, locked bool) {
	all := append(binary.AppendUvarint(nil, uint64(len(body))), body...)
	all = append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(all)), all...)
	if locked {
		all = append(bytes.Clone(rarIV), w.encrypt(all)...)
	}
	w.b.Write(all)
}

func (w *rar5) file(kind byte, name, content string, locked bool) {
	data := []byte(content)
	var extra []byte
	flags := byte(2)
	if locked {
		data = w.encrypt(data)
		rec := append([]byte{1, 0, w.checkFlag(), w.power}, rarSalt...)
		rec = append(append(rec, rarIV...), w.check()...)
		extra = append(binary.AppendUvarint(nil, uint64(len(rec))), rec...)
		flags = 3
	}
	h := []byte{kind, flags}
	if locked {
		h = binary.AppendUvarint(h, uint64(len(extra)))
	}
	h = binary.AppendUvarint(h, uint64(len(data)))
	h = append(h, 4) // has a checksum
	h = binary.AppendUvarint(h, uint64(len(content)))
	h = append(h, 0) // attributes
	h = binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE([]byte(content)))
	h = append(h, 0, 1) // stored; Unix
	h = append(append(binary.AppendUvarint(h, uint64(len(name))), name...), extra...)
	w.header(h, w.names)
	w.b.Write(data)
}

var rarFiles = [][2]string{{"invoice.txt", invoice}, {"docs/long.txt", string(bytes.Repeat([]byte("long "), 4000))}, {"leer.txt", ""}}

func rarMembers() map[string]string {
	all := map[string]string{}
	for _, f := range rarFiles {
		all[f[0]] = f[1]
	}
	return all
}

func TestRARIsRead(t *testing.T) {
	for name, w := range map[string]*rar5{
		"plain":         {comment: "for your eyes"},
		"locked":        {password: "infected", power: 10},
		"locked names":  {password: "infected", power: 10, names: true},
		"without check": {password: "infected", power: 10, noCheck: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.archive(rarFiles...)
			r := read(t, "a.rar", b, "wrong", "infected")
			if diff := cmp.Diff(rarMembers(), r.members(t)); diff != "" {
				t.Errorf("members (-want +got):\n%.500s", diff)
			}
			if len(r.defects) > 0 || r.Decrypted != (w.password != "") || r.Metadata["comment"] != w.comment {
				t.Errorf("defects %v, decrypted %v, facts %v", r.defects, r.Decrypted, r.Metadata)
			}
			if w.password == "" {
				return
			}
			wrong := read(t, "a.rar", b, "wrong", "Infected", "infecte", "")
			if wrong.Decrypted || !wrong.has(engine.DefectLocked) || slices.Contains(rarFiles, [2]string{"invoice.txt", wrong.members(t)["invoice.txt"]}) {
				t.Errorf("a wrong password: decrypted %v, defects %v", wrong.Decrypted, wrong.defects)
			}
		})
	}
}

func TestUnarReadsWhatTheTestsWrite(t *testing.T) {
	unar := enginetest.Peer(t, "unar", "unar")
	dir := t.TempDir()
	file := filepath.Join(dir, "a.rar")
	w := &rar5{password: "infected", power: 10, names: true}
	if err := os.WriteFile(file, w.archive(rarFiles...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(unar, "-q", "-D", "-p", "infected", "-o", dir, file).CombinedOutput(); err != nil {
		t.Fatalf("unar: %v\n%s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "invoice.txt")); err != nil || string(b) != invoice {
		t.Errorf("unar wrote %q, %v", b, err)
	}
}

func TestDearPasswordsOfRARAreNotTried(t *testing.T) {
	b := (&rar5{password: "infected", power: 10, names: true}).archive(rarFiles...)
	at := bytes.Index(b, rarSalt) - 1
	for power, code := range map[byte]string{24: engine.DefectPasswordWork, 60: engine.DefectPasswordWork} {
		b[at] = power
		fixRARHeader(b)
		if r := read(t, "a.rar", b, "infected"); !r.has(code) || r.Decrypted {
			t.Errorf("power %d: defects %v", power, r.defects)
		}
	}
}

// fixRARHeader renews the checksum of the first header.
func fixRARHeader(b []byte) {
	size, k := binary.Uvarint(b[12:])
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:12+k+int(size)]))
}

func TestAVolumeOfRARIsTold(t *testing.T) {
	r := read(t, "a.part1.rar", (&rar5{volume: true}).archive(rarFiles[0]))
	if !r.has(engine.DefectUnsupported) || r.members(t)["invoice.txt"] != invoice {
		t.Errorf("defects %v, members %v", r.defects, r.members(t))
	}
}
