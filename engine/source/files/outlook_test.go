package files_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg/msgtest"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

func letter(subject string) string {
	return string(msgtest.File(&outlook.Message{Properties: outlook.Bag{
		outlook.PropSubject: msgtest.String(subject), outlook.PropBody: msgtest.String("body of " + subject),
	}}))
}

// post is a store with a folder in a folder, and one contact.
func post() []byte {
	item := func(class, subject string) psttest.Message {
		return psttest.Message{Properties: psttest.Properties{outlook.PropMessageClass: class, outlook.PropSubject: subject, outlook.PropBody: "body of " + subject}}
	}
	return psttest.Build(psttest.Spec{Folders: []psttest.Folder{{
		Name: "Inbox", Messages: psttest.Messages(item("IPM.Note", "one"), item("IPM.Contact", "Ann"), item("IPM.Schedule.Meeting.Request", "two")),
		Folders: []psttest.Folder{{Name: "A/B", Messages: psttest.Messages(item("IPM.Note", "three"))}},
	}}})
}

// subjects are folder and subject of each delivery, and what is wrong with it.
func subjects(t *testing.T, ds []engine.Delivery) (all []string) {
	t.Helper()
	for _, d := range ds {
		subject, _, _ := strings.Cut(text(t, d)[strings.Index("\r\n"+text(t, d), "\r\nSubject: ")+len("Subject: "):], "\r\n")
		all = append(all, d.Origin.Folder+" "+subject)
		for _, f := range d.Defects {
			all = append(all, f.Code)
		}
	}
	return all
}

func TestFilesOfOutlookAreCorpora(t *testing.T) {
	store := string(post())
	const top = "Top of Outlook data file/Inbox"
	inbox := []string{top + " one", top + " two", top + "/A/B three"}
	for _, tc := range []struct {
		name    string
		entries []string
		want    []string
		skipped int
	}{
		{"a message", []string{"a.msg", letter("one")}, []string{" one"}, 0},
		{"a message of another name", []string{"x/report", letter("one")}, []string{"x one"}, 0},
		{"a document is none", []string{"a.doc", string(cfbtest.File(cfbtest.Node{Name: "WordDocument", Data: []byte("x")})), "b.msg", letter("one")}, []string{" one"}, 1},
		{"a store", []string{"a.pst", store}, inbox, 1},
		{"a store in a folder", []string{"box/a.ost", store}, inbox, 1},
		{"in an archive", []string{"a.zip", zipOf(t, "x/a.pst", store, "b.msg", letter("four"))}, append(slices.Clone(inbox), "a.zip four"), 1},
		{"in a tar", []string{"a.tgz", gz(tarOf(t, "b.msg", letter("four"), "a.eml", mail("five")))}, []string{"a.tgz four", "a.tgz five"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := files.Open(files.Config{Paths: []string{corpus(t, tc.entries...)}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ds := deliveries(t, s)
			got := subjects(t, ds)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if n := len(s.Skipped()); n != tc.skipped {
				t.Errorf("skipped %q, want %d", s.Skipped(), tc.skipped)
			}
			for i, d := range ds {
				if slices.ContainsFunc(ds[:i], func(o engine.Delivery) bool { return o.Origin.ID == d.Origin.ID }) {
					t.Errorf("%s stands for two", d.Origin.ID)
				}
			}
		})
	}
}

func TestAStoreComesThroughAStream(t *testing.T) {
	ds := all(t, files.Config{Paths: []string{"-"}, Stdin: strings.NewReader(string(post()))})
	if len(ds) != 3 {
		t.Errorf("%d mails", len(ds))
	}
}

func TestWhatIsWrongWithAStoreIsTold(t *testing.T) {
	whole := post()
	for name, b := range map[string][]byte{"cut": whole[:len(whole)/2], "no more than a name": []byte("!BDN"), "no trees": slices.Concat(whole[:600], make([]byte, len(whole)-600))} {
		path := filepath.Join(t.TempDir(), "a.pst")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		ds := all(t, files.Config{Paths: []string{path}})
		if len(ds) == 0 || len(ds[len(ds)-1].Defects) == 0 {
			t.Errorf("%s: %d mails, and nothing is told", name, len(ds))
		}
	}
}
