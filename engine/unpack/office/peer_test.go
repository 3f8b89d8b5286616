package office_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
)

// unpacked lists the parts of an archive.
func unpacked(t testing.TB, whole []byte) []part {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	var all []part
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part{f.Name, string(b)})
	}
	return all
}

// TestTextIsWhatThePeerReads has LibreOffice read the letters, ours among them
// that no program wrote, and compares every word.
func TestTextIsWhatThePeerReads(t *testing.T) {
	office := enginetest.Peer(t, "soffice", "libreoffice-writer-nogui")
	dir := t.TempDir()
	letters := []string{"letter.docx", "letter.doc", "letter.odt", "letter.rtf"}
	args := []string{"-env:UserInstallation=file://" + dir + "/profile", "--headless", "--convert-to", "txt:Text (encoded):UTF8", "--outdir", dir}
	for i, name := range letters {
		copied := filepath.Join(dir, string(rune('a'+i))+filepath.Ext(name))
		if err := os.WriteFile(copied, file(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, copied)
	}
	run := exec.Command(office, args...)
	run.WaitDelay = time.Second
	timer := time.AfterFunc(2*time.Minute, func() { run.Process.Kill() })
	defer timer.Stop()
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, name := range letters {
		want, err := os.ReadFile(filepath.Join(dir, string(rune('a'+i))+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, file(t, name))
		if share, missed := recall(string(want), r.Text); share < 0.97 || len(strings.Fields(string(want))) < 300 {
			t.Errorf("%s: recall %.3f of %d words, missed %q", name, share, len(strings.Fields(string(want))), missed[:min(len(missed), 30)])
		}
	}
}
