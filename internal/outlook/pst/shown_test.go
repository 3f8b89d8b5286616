package pst_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst"
)

// shown is a message as it can be compared with what other programs say of it.
type shown struct {
	Folder      string
	Subject     string
	Sender      string
	Body        string
	Recipients  int
	Files       []string // digests, in order
	Messages    []shown  // embedded
	SenderEmail string
}

// plain is a text without what programs change at line ends.
func plain(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

func digest(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), err
}

// show reads a message to its depths, and fails on what is wrong with it.
func show(t testing.TB, folder string, m *outlook.Message) shown {
	t.Helper()
	for _, trouble := range m.Troubles {
		t.Errorf("%s: %s", folder, trouble)
	}
	p := m.Properties
	s := shown{
		Folder: folder, Subject: m.Text(p, outlook.PropSubject), Sender: m.Text(p, outlook.PropSenderName),
		SenderEmail: m.Text(p, outlook.PropSenderAddress), Body: plain(m.Text(p, outlook.PropBody)), Recipients: len(m.Recipients),
	}
	for _, a := range m.Attachments {
		if a.Message != nil {
			inner, err := a.Message()
			if err != nil {
				t.Fatalf("%s: %s: %v", folder, s.Subject, err)
			}
			s.Messages = append(s.Messages, show(t, "", inner))
			continue
		}
		d, err := digest(a.Properties[outlook.PropAttachData].Reader())
		if err != nil {
			t.Errorf("%s: %s: %v", folder, s.Subject, err)
		}
		s.Files = append(s.Files, d)
	}
	return s
}

// showAll reads a whole file in which nothing is wrong.
func showAll(t testing.TB, f *pst.File) (all []shown, folders []string) {
	t.Helper()
	err := f.Walk(t.Context(), func(e pst.Entry) error {
		if e.Err != nil {
			t.Errorf("%v: %v", e.Folder, e.Err)
			return nil
		}
		all = append(all, show(t, strings.Join(e.Folder, "/"), e.Message))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = f.Folders(t.Context(), func(d pst.Folder) error {
		if d.Err != nil {
			t.Errorf("%v: %v", d.Path, d.Err)
		}
		folders = append(folders, strings.Join(d.Path, "/"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, trouble := range f.Troubles() {
		t.Error(trouble)
	}
	return all, folders
}
