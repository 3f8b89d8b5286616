package pst_test

import (
	"bytes"
	"cmp"
	"io/fs"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

// run runs a program on a file that a test wrote.
func run(t testing.TB, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

func write(t testing.TB, whole []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sample.pst")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// letters is how many messages the folder of many has for the peers.
func letters() int {
	if os.Getenv("TQ_SOAK") != "" {
		return 3000
	}
	return 60
}

// TestLibpffReadsTheSame compares with pffexport: folders, subjects, senders, bodies,
// recipients, the digests of attachments, and embedded messages.
func TestLibpffReadsTheSame(t *testing.T) {
	pffexport := enginetest.Peer(t, "pffexport", "pff-tools")
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			files := 20
			if v.name == "unicode permute" {
				files = 400 // more than fit into one list of nodes
			}
			letters := letters()
			if v.spec.Compress && v.spec.Method == 1 {
				letters = 60 // libpff does not decode the second block of a heap that is compressed
			}
			v.spec.Folders = sampleFolders(files, letters)
			whole := psttest.Build(v.spec)
			ours, folders := showAll(t, open(t, whole))
			path := write(t, whole)
			run(t, pffexport, "-q", "-f", "text", "-t", path, path)
			var theirs []shown
			for _, folder := range folders[1:] {
				theirs = append(theirs, exported(t, folder, filepath.Join(path+".export", filepath.FromSlash(folder)))...)
			}
			for i := range ours {
				forLibpff(&ours[i])
			}
			if diff := gocmp.Diff(theirs, ours); diff != "" {
				t.Error(diff)
			}
			if got := foldersOf(t, path+".export"); !slices.Equal(got, slices.Sorted(slices.Values(folders[1:]))) {
				t.Errorf("folders %q, theirs %q", folders, got)
			}
		})
	}
}

// TestLibpffReadsTheSameOfManyMegabytes has an attachment of more blocks than one full
// list names.
func TestLibpffReadsTheSameOfManyMegabytes(t *testing.T) {
	pffexport := enginetest.Peer(t, "pffexport", "pff-tools")
	for kind, size := range map[psttest.Kind]int{psttest.Unicode: 9_000_000, psttest.ANSI: 17_000_000, psttest.Large: 9_000_000} {
		whole := psttest.Build(one(kind, mail("Huge", "", file("huge.bin", fillOf(size, 6)))))
		ours, _ := showAll(t, open(t, whole))
		path := write(t, whole)
		run(t, pffexport, "-q", "-f", "text", "-t", path, path)
		theirs := exported(t, ours[0].Folder, filepath.Join(path+".export", filepath.FromSlash(ours[0].Folder)))
		if diff := gocmp.Diff(theirs, ours); diff != "" {
			t.Errorf("kind %d: %s", kind, diff)
		}
	}
}

// forLibpff leaves out what pffexport does not show in order.
func forLibpff(s *shown) {
	slices.Sort(s.Files)
	for i := range s.Messages {
		forLibpff(&s.Messages[i])
	}
}

// foldersOf lists the folders that pffexport made of folders.
func foldersOf(t testing.TB, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir() || path == root:
			return err
		case strings.HasPrefix(d.Name(), "Message0"):
			return fs.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		all = append(all, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// exported reads the messages that pffexport put into a folder.
func exported(t testing.TB, folder, dir string) (all []shown) {
	t.Helper()
	for i := 1; ; i++ {
		at := filepath.Join(dir, "Message"+strconv.Itoa(100000 + i)[1:])
		if _, err := os.Stat(at); err != nil {
			return all
		}
		all = append(all, exportedMessage(t, folder, at))
	}
}

func exportedMessage(t testing.TB, folder, dir string) shown {
	t.Helper()
	s := shown{Folder: folder}
	for line := range strings.Lines(text(t, filepath.Join(dir, "OutlookHeaders.txt"))) {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); key {
		case "Subject":
			s.Subject = value
		case "Sender name":
			s.Sender = value
		case "Sender email address":
			s.SenderEmail = value
		}
	}
	s.Body = plain(text(t, filepath.Join(dir, "Message.txt")))
	s.Recipients = strings.Count(text(t, filepath.Join(dir, "Recipients.txt")), "Email address:")
	entries, _ := os.ReadDir(filepath.Join(dir, "Attachments"))
	for _, e := range entries {
		at := filepath.Join(dir, "Attachments", e.Name())
		if e.IsDir() {
			s.Messages = append(s.Messages, exportedMessage(t, "", filepath.Join(at, "Message00001")))
			continue
		}
		d, err := digest(strings.NewReader(text(t, at)))
		if err != nil {
			t.Fatal(err)
		}
		s.Files = append(s.Files, d)
	}
	slices.Sort(s.Files)
	return s
}

func text(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLibpstReadsTheSame compares with readpst, which numbers the mails of a folder
// and puts attachments beside them. It knows no lists of lists of nodes and takes
// rows for 8 KiB blocks in large files, so that no message has hundreds of attachments here.
// Its processes share one place in the file (-j 0 is one process).
func TestLibpstReadsTheSame(t *testing.T) {
	readpst := enginetest.Peer(t, "readpst", "pst-utils")
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			v.spec.Folders = sampleFolders(20, letters())
			whole := psttest.Build(v.spec)
			ours, _ := showAll(t, open(t, whole))
			path := write(t, whole)
			out := path + ".out"
			if err := os.Mkdir(out, 0o700); err != nil {
				t.Fatal(err)
			}
			run(t, readpst, "-q", "-j", "0", "-S", "-D", "-8", "-o", out, path)
			for i := range ours {
				forLibpst(&ours[i])
			}
			slices.SortStableFunc(ours, func(a, b shown) int { return cmp.Compare(a.Folder, b.Folder) })
			theirs := separated(t, out)
			if diff := gocmp.Diff(theirs, ours); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// forLibpst leaves out what readpst does not write beside a mail: recipients and
// what is inside embedded messages.
func forLibpst(s *shown) {
	s.Folder = strings.Replace(s.Folder, psttest.Subtree, "Post", 1)
	s.Recipients = 0
	slices.Sort(s.Files)
	var inner []shown
	for _, m := range s.Messages {
		inner = append(inner, shown{Subject: m.Subject})
		for ; len(m.Messages) > 0; m = m.Messages[0] {
			inner = append(inner, shown{Subject: m.Messages[0].Subject})
		}
	}
	s.Messages = inner
}

// separated reads what readpst wrote.
func separated(t testing.TB, root string) (all []shown) {
	t.Helper()
	files := map[string][]string{} // digests, by folder and number
	number := map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		id, name, isFile := strings.Cut(d.Name(), "-")
		key := filepath.Join(filepath.Dir(path), id)
		if name == "rtf-body.rtf" {
			return nil
		}
		if isFile {
			sum, err := digest(strings.NewReader(text(t, path)))
			files[key] = append(files[key], sum)
			return err
		}
		number[key], err = strconv.Atoi(id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	paths := make([]string, 0, len(number))
	for path := range number {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(filepath.Dir(a), filepath.Dir(b)), cmp.Compare(number[a], number[b]))
	})
	for _, path := range paths {
		folder, _ := filepath.Rel(root, filepath.Dir(path))
		s := mailOf(t, filepath.ToSlash(folder), text(t, path))
		s.Files = files[path]
		slices.Sort(s.Files)
		all = append(all, s)
	}
	return all
}

// mailOf is a mail as readpst writes it.
func mailOf(t testing.TB, folder, raw string) shown {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw[:min(200, len(raw))], err)
	}
	s := shown{Folder: folder, Subject: m.Header.Get("Subject")}
	if from, err := netmail.ParseAddress(m.Header.Get("From")); err == nil {
		s.Sender, s.SenderEmail = from.Name, from.Address
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(m.Body); err != nil {
		t.Fatal(err)
	}
	_, plainText, _ := strings.Cut(body.String(), "Content-Type: text/plain")
	_, plainText, _ = strings.Cut(plainText, "\n\n")
	plainText, _, _ = strings.Cut(plainText, "\n--")
	s.Body = plain(plainText)
	for _, inner := range strings.Split(body.String(), "Content-Type: message/rfc822")[1:] {
		_, inner, _ = strings.Cut(inner, "\nSubject: ")
		subject, _, _ := strings.Cut(inner, "\n")
		s.Messages = append(s.Messages, shown{Subject: subject})
	}
	return s
}
