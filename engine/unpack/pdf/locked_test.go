package pdf_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/unpack/pdf"
)

// plain is what the tests lock: text, a title, a link, and a file inside.
func plain(t testing.TB) string {
	t.Helper()
	d := onePage("/Annots[6 0 R]").stream(4, "/Filter/FlateDecode", deflated(t, []byte("BT /F 12 Tf 50 700 Td (The secret word is albatross) Tj ET"))).
		object(6, "<</Type/Annot/Subtype/Link/Rect[50 690 400 720]/A<</S/URI/URI(https://inside.example.com/x)>>>>").
		object(7, "<</Title(Locked title)>>")
	path := filepath.Join(t.TempDir(), "plain.pdf")
	if err := os.WriteFile(path, d.bytes("/Info 7 0 R/ID[<0123456789abcdef0123456789abcdef><0123456789abcdef0123456789abcdef>]"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// qpdf runs it on a file and returns what it wrote.
func qpdf(t testing.TB, in string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.pdf")
	all := append(append([]string{"--allow-weak-crypto"}, args...), in, out)
	if msg, err := exec.Command(enginetest.Peer(t, "qpdf", "qpdf"), all...).CombinedOutput(); err != nil {
		t.Fatalf("qpdf %q: %v\n%s", all, err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// revisions are the ways qpdf encrypts, and what the file then says of itself.
var revisions = []struct {
	name, fact string
	bits       string
	flags      []string
}{
	{"R2", "R2 RC4-40", "40", nil},
	{"R3", "R3 RC4-128", "128", []string{"--use-aes=n"}},
	{"R4 RC4", "R4 RC4-128", "128", []string{"--force-V4"}},
	{"R4 AES", "R4 AES-128", "128", []string{"--use-aes=y"}},
	{"R4 AES, metadata in the clear", "R4 AES-128", "128", []string{"--use-aes=y", "--cleartext-metadata"}},
	{"R5", "R5 AES-256", "256", []string{"--force-R5"}},
	{"R6", "R6 AES-256", "256", nil},
	{"R6, metadata in the clear", "R6 AES-256", "256", []string{"--cleartext-metadata"}},
}

var layouts = []struct {
	name string
	args []string
}{
	{"as it is", nil},
	{"object streams", []string{"--object-streams=generate"}},
	{"linearised", []string{"--linearize", "--object-streams=generate"}},
	{"no compression", []string{"--stream-data=uncompress", "--object-streams=disable"}},
}

func lock(t testing.TB, in, user, owner, bits string, flags, layout []string) []byte {
	t.Helper()
	args := append([]string{}, layout...)
	args = append(append(append(args, "--encrypt", user, owner, bits), flags...), "--")
	return qpdf(t, in, args...)
}

func TestEveryRevisionOpensWithEitherPassword(t *testing.T) {
	in := plain(t)
	for _, r := range revisions {
		for _, l := range layouts {
			b := lock(t, in, "user-pw", "owner-pw", r.bits, r.flags, l.args)
			for _, password := range []string{"user-pw", "owner-pw"} {
				got := read(t, b, "wrong", password)
				if !strings.Contains(got.Text, "albatross") || got.Metadata["title"] != "Locked title" || len(got.Links) != 1 || len(got.defects) > 0 {
					t.Errorf("%s, %s, %s: text %q, facts %v, %d links, defects %v", r.name, l.name, password, got.Text, got.Metadata, len(got.Links), got.defects)
				}
				if !got.Decrypted || !got.Encrypted || got.OpenedBy != "rule" || got.Metadata["encryption"] != r.fact {
					t.Errorf("%s, %s, %s: decrypted %v by %q, facts %v", r.name, l.name, password, got.Decrypted, got.OpenedBy, got.Metadata)
				}
			}
		}
	}
}

func TestAWrongPasswordGivesNothing(t *testing.T) {
	in := plain(t)
	for _, r := range revisions {
		for _, l := range layouts[:2] {
			got := read(t, lock(t, in, "user-pw", "owner-pw", r.bits, r.flags, l.args), "user", "USER-PW", "user-pw ", "", "albatross")
			if !got.has(engine.DefectLocked) || got.Text != "" || got.Decrypted || !got.Encrypted || len(got.Links)+len(got.Children) > 0 || got.Metadata["title"] != "" {
				t.Errorf("%s, %s: %q, facts %v, defects %v", r.name, l.name, got.Text, got.Metadata, got.defects)
			}
		}
	}
}

func TestAnOwnerPasswordAloneLocksNothing(t *testing.T) {
	in := plain(t)
	for _, r := range revisions {
		got := read(t, lock(t, in, "", "owner-pw", r.bits, r.flags, nil), "wrong")
		if !strings.Contains(got.Text, "albatross") || got.OpenedBy != "empty password" || got.Metadata["permissions"] != "owner password" || len(got.defects) > 0 {
			t.Errorf("%s: %q by %q, facts %v, defects %v", r.name, got.Text, got.OpenedBy, got.Metadata, got.defects)
		}
	}
}

func TestPasswordsThatNeedPreparation(t *testing.T) {
	in := plain(t)
	for _, row := range []struct{ name, made, typed, bits string }{
		{"as typed", "pässwörd", "pässwörd", "256"},
		{"compatibility form", "IIX", "I\u2168", "256"}, // the viewer that locked it has prepared what was typed
		{"soft hyphen", "IX", "I\u00adX", "256"},
		{"longer than is used", strings.Repeat("0123456789", 13), strings.Repeat("0123456789", 13), "256"},
		{"longer than 32", strings.Repeat("0123456789", 5), strings.Repeat("0123456789", 5), "128"},
		{"Latin 1", "p\xe4ssw\xf6rd", "pässwörd", "128"},
		{"UTF-8 in an old revision", "пароль", "пароль", "128"},
		{"spaces", " a b ", " a b ", "256"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := lock(t, in, row.made, "owner-pw", row.bits, nil, []string{"--password-mode=bytes"})
			if got := read(t, b, row.typed); !strings.Contains(got.Text, "albatross") {
				t.Errorf("%q, defects %v", got.Text, got.defects)
			}
		})
	}
}

func TestEmbeddedFilesAreUnlocked(t *testing.T) {
	in := plain(t)
	attached := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(attached, []byte("inner words"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := qpdf(t, in, "--add-attachment", attached, "--")
	path := filepath.Join(t.TempDir(), "attached.pdf")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range revisions {
		b := lock(t, path, "user-pw", "owner-pw", r.bits, r.flags, nil)
		if got := read(t, b, "owner-pw"); len(got.Children) != 1 || got.Children[0].FileName != "note.txt" || got.Children[0].Size != len("inner words") {
			t.Errorf("%s: %d children, defects %v", r.name, len(got.Children), got.defects)
		}
	}
}

// A file may lock what is attached only: its cover is then for everyone.
func TestOnlyEmbeddedFilesAreLocked(t *testing.T) {
	key, zero := bytes.Repeat([]byte{7}, 32), make([]byte, 16)
	cbc := func(key, plain []byte) string {
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]byte, len(plain))
		cipher.NewCBCEncrypter(block, zero).CryptBlocks(out, plain)
		return string(out)
	}
	wrap := func(password string) (check, wrapped string) {
		right, inner := sha256.Sum256([]byte(password+"validate")), sha256.Sum256([]byte(password+"keysalt-"))
		return string(right[:]) + "validate" + "keysalt-", cbc(inner[:], key)
	}
	u, ue := wrap("user-pw")
	inside := []byte("inner words" + strings.Repeat("\x05", 5))
	b := onePage("").stream(4, "", []byte("BT /F 9 Tf (cover for all) Tj ET")).
		object(3, "<</Type/Page/Parent 2 0 R/Contents[4 0 R 9 0 R 10 0 R]/Resources<</Font<</F 5 0 R>>>>>>").
		stream(9, "/Filter/Crypt/DecodeParms<</Name/StdCF>>", append(bytes.Clone(zero), cbc(key, []byte("BT /F 9 Tf 0 50 Td (for few) Tj ET          \x04\x04\x04\x04"))...)).
		stream(10, "/Filter[/Crypt]/DecodeParms[<</Name/Identity>>]", []byte("BT /F 9 Tf 0 20 Td (and more) Tj ET")).
		object(6, "<</Type/Filespec/F(note.txt)/EF<</F 7 0 R>>>>").
		stream(7, "/Type/EmbeddedFile", append(bytes.Clone(zero), cbc(key, inside)...)).
		object(8, fmt.Sprintf("<</Filter/Standard/V 5/R 5/O<%x>/OE<%x>/U<%x>/UE<%x>/P -4/CF<</StdCF<</CFM/AESV3>>>>/StmF/Identity/StrF/Identity/EFF/StdCF>>", u, ue, u, ue)).
		bytes("/Encrypt 8 0 R")
	got := read(t, b, "wrong")
	poor := readWith(t, pdf.Read, b, engine.Limits{PasswordWork: 1}, "wrong")
	if !strings.Contains(poor.Text, "cover for all") || !poor.has(engine.DefectPasswordWork) {
		t.Errorf("without a budget: %q, defects %v", poor.Text, poor.defects)
	}
	if got.Text != "cover for all\nand more\n" || !got.has(engine.DefectLocked) || len(got.Children) > 0 {
		t.Errorf("without the password: %q, %d children, defects %v", got.Text, len(got.Children), got.defects)
	}
	got = read(t, b, "user-pw")
	if got.Text != "cover for all\nfor few\nand more\n" || len(got.defects) > 0 || len(got.Children) != 1 || got.Children[0].Size != len("inner words") {
		t.Errorf("with the password: %q, %d children, defects %v", got.Text, len(got.Children), got.defects)
	}
}

func TestManyWrongPasswordsCostLittle(t *testing.T) {
	var wrong []string
	for i := range 100 {
		wrong = append(wrong, fmt.Sprint("candidate", i))
	}
	in := plain(t)
	for _, r := range revisions {
		b := lock(t, in, "user-pw", "owner-pw", r.bits, r.flags, nil)
		took, _ := watched(func() {
			if got := read(t, b, append(wrong, "user-pw")...); !strings.Contains(got.Text, "albatross") {
				t.Errorf("%s: %v", r.name, got.defects)
			}
		})
		t.Logf("%s: %v", r.name, took)
		if took > worstTime/2 {
			t.Errorf("%s: 101 passwords took %v", r.name, took)
		}
	}
}

func TestKeysOfOddLengths(t *testing.T) {
	const filters = "/CF<</StdCF<</CFM/AESV3>>>>/StmF/StdCF/StrF/StdCF"
	for _, dict := range []string{
		"/Filter/Standard/V 5/R 6/O()/U()/OE()/UE()/P -4",
		"/Filter/Standard/V 5/R 6/O(" + strings.Repeat("o", 48) + ")/U(" + strings.Repeat("u", 47) + ")/OE(" + strings.Repeat("e", 32) + ")/UE(" + strings.Repeat("e", 32) + ")/P -4",
		filters + "/Filter/Standard/V 5/R 6/Length 999999/O(" + strings.Repeat("o", 1<<20) + ")/U(" + strings.Repeat("u", 1<<20) + ")/OE(" + strings.Repeat("e", 33) + ")/UE(" + strings.Repeat("e", 99) + ")/P -4",
		"/Filter/Standard/V 1/R 2/O(short)/U(short)/P -4",
		"/Filter/Standard/V 2/R 3/Length -8/O(" + strings.Repeat("o", 32) + ")/U(" + strings.Repeat("u", 32) + ")/P -4",
		"/Filter/Standard/V 4/R 4/CF<</StdCF<</CFM/V2/Length 3>>>>/StmF/StdCF/StrF/StdCF/O(" + strings.Repeat("o", 32) + ")/U(" + strings.Repeat("u", 32) + ")/P -4",
		"/Filter/Standard/V 9/R 9",
		"/Filter/Adobe.PubSec/V 4",
		"",
	} {
		b := onePage("").stream(4, "", []byte("BT /F 9 Tf (kept) Tj ET")).object(8, "<<"+dict+">>").bytes("/Encrypt 8 0 R")
		if got := read(t, b, "a", "b"); !got.has(engine.DefectLocked) || got.Text != "" {
			t.Errorf("%.80s: %q, defects %v", dict, got.Text, got.defects)
		}
	}
}
