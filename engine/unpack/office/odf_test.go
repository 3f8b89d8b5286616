package office_test

// LibreOffice here writes one kind of encryption; older and newer programs write
// others (OpenDocument 1.3 part 2, 4.8).

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
	//lint:ignore SA1019 OpenOffice before version 3.4 encrypted with it
	"golang.org/x/crypto/blowfish"

	"github.com/tqmailrules/tqmailrules/engine"
)

const openText = `<office:document-content><office:body><office:text><text:p>opened at last</text:p></office:text></office:body></office:document-content>`

func deflated(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

func manifest(path, checksum, algorithm, iv, start, derivation string) string {
	return `<manifest:manifest><manifest:file-entry manifest:full-path="` + path + `" manifest:size="99"><manifest:encryption-data ` + checksum + `>` +
		`<manifest:algorithm manifest:algorithm-name="` + algorithm + `" manifest:initialisation-vector="` + iv + `"/>` + start +
		`<manifest:key-derivation ` + derivation + `/></manifest:encryption-data></manifest:file-entry></manifest:manifest>`
}

// blowfishODT is what OpenOffice 2 and 3 wrote.
func blowfishODT(t testing.TB, password string) []byte {
	t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	start := sha1.Sum([]byte(password))
	salt, iv := pseudo("salt", 16), pseudo("iv", 8)
	key, err := pbkdf2.Key(sha1.New, string(start[:]), salt, 1024, 16)
	if err != nil {
		t.Fatal(err)
	}
	block, err := blowfish.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	plain := deflated(t, openText)
	sum := sha1.Sum(plain[:min(len(plain), 1024)])
	mask, prev := make([]byte, 8), iv
	locked := bytes.Clone(plain)
	for i := 0; i < len(locked); i += 8 {
		block.Encrypt(mask, prev)
		for j := i; j < min(len(locked), i+8); j++ {
			locked[j] ^= mask[j-i]
		}
		prev = locked[i:min(len(locked), i+8)]
	}
	return archive(t, part{"mimetype", "application/vnd.oasis.opendocument.text"}, part{"content.xml", string(locked)},
		part{"META-INF/manifest.xml", manifest("content.xml", `manifest:checksum-type="SHA1/1K" manifest:checksum="`+b64(sum[:])+`"`, "Blowfish CFB", b64(iv), "",
			`manifest:key-derivation-name="PBKDF2" manifest:iteration-count="1024" manifest:salt="`+b64(salt)+`"`)})
}

// wholeODT is what LibreOffice writes since 24.8: the document as one part, with
// a key of Argon2.
func wholeODT(t testing.TB, password string, kib int) []byte {
	t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	start := sha256.Sum256([]byte(password))
	salt, nonce := pseudo("salt", 16), pseudo("nonce", 12)
	block, err := aes.NewCipher(argon2.IDKey(start[:], salt, 3, uint32(kib), 4, 32))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	inner := archive(t, part{"mimetype", "application/vnd.oasis.opendocument.text"}, part{"META-INF/manifest.xml", "<manifest:manifest/>"}, part{"content.xml", openText})
	locked := gcm.Seal(bytes.Clone(nonce), nonce, deflated(t, string(inner)), nil)
	return archive(t, part{"mimetype", "application/vnd.oasis.opendocument.text"}, part{"encrypted-package", string(locked)},
		part{"META-INF/manifest.xml", manifest("encrypted-package", "", "http://www.w3.org/2009/xmlenc11#aes256-gcm", b64(nonce),
			`<manifest:start-key-generation manifest:start-key-generation-name="http://www.w3.org/2001/04/xmlenc#sha256" manifest:key-size="32"/>`,
			fmt.Sprintf(`manifest:key-derivation-name="urn:org:documentfoundation:names:experimental:office:manifest:argon2id" manifest:key-size="32" loext:argon2-iterations="3" loext:argon2-memory="%d" loext:argon2-lanes="4" manifest:salt="%s"`, kib, b64(salt)))})
}

func TestOpenDocumentEncryptionsOpen(t *testing.T) {
	for name, locked := range map[string][]byte{"blowfish": blowfishODT(t, password), "argon2 and gcm": wholeODT(t, password, 1024)} {
		t.Run(name, func(t *testing.T) {
			if r := read(t, locked, "wrong", password); r.Text != "opened at last\n" || r.codes() != "" || !r.Decrypted {
				t.Errorf("text %q, defects %v", r.Text, r.defects)
			}
			if r := read(t, locked, "wrong"); r.codes() != engine.DefectLocked || r.Text != "" {
				t.Errorf("wrong password: text %q, defects %v", r.Text, r.defects)
			}
		})
	}
}

func TestManifestsThatAskForTooMuch(t *testing.T) {
	whole := wholeODT(t, password, 1024)
	for _, tc := range []struct{ name, from, to, codes string }{
		{"memory of four gigabytes", `argon2-memory="1024"`, `argon2-memory="4194304"`, engine.DefectLocked + " " + engine.DefectUnsupported},
		{"a million passes", `argon2-iterations="3"`, `argon2-iterations="1000000"`, engine.DefectLocked + " " + engine.DefectUnsupported},
		{"an unknown cipher", "aes256-gcm", "serpent-gcm", engine.DefectLocked + " " + engine.DefectUnsupported},
		{"a part that is not there", `full-path="encrypted-package"`, `full-path="nothing"`, engine.DefectLying},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var parts []part
			r := read(t, whole, password)
			if r.codes() != "" {
				t.Fatal(r.defects)
			}
			for _, p := range unpacked(t, whole) {
				parts = append(parts, part{p.name, strings.Replace(p.text, tc.from, tc.to, 1)})
			}
			if r := read(t, archive(t, parts...), password); r.codes() != tc.codes || r.Text != "" {
				t.Errorf("defects %v, want %q", r.defects, tc.codes)
			}
		})
	}
}
