// Package mails reads files that hold mails: .msg and .oft, .pst and .ost, mbox. Each
// mail becomes a member of the file, in the form in which mail travels (RFC 5322), so
// that whoever reads mail reads it. A mail of Outlook is made of what the file keeps
// of it; one of an mbox is as it was.
package mails

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/mbox"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst"
)

// Message reads .msg and .oft. It is a task.Reader.
func Message(_ context.Context, t *task.Task) error {
	content, err := t.Content()
	if err != nil {
		return err
	}
	m, err := msg.Read(content, content.Size())
	if err != nil {
		return err
	}
	t.Fact("message_class", m.Text(m.Properties, outlook.PropMessageClass))
	t.Fact("subject", m.Subject())
	return add(t, m.FileName(), m)
}

// maxTroubles is how much of what is wrong with a file is told.
const maxTroubles = 20

// Store reads .pst and .ost. It is a task.Reader. What is no mail (people, dates) is
// taken out as if it were: whoever sends a file chooses what things in it are called.
func Store(ctx context.Context, t *task.Task) error {
	content, err := t.Content()
	if err != nil {
		return err
	}
	f, err := pst.Open(content, content.Size())
	if err != nil {
		return err
	}
	t.Fact("store_name", f.Name)
	if f.Protected {
		t.Fact("password_protected", "true") // the password is asked by Outlook, and encrypts nothing
	}
	told := 0
	err = f.Walk(ctx, func(e pst.Entry) error {
		if e.Err != nil && told < maxTroubles {
			told++
			t.Defect(engine.DefectUnreadable, "%.100s: %.200s", strings.Join(e.Folder, "/"), e.Err)
		}
		if e.Message == nil {
			return nil
		}
		return add(t, memberName(e), e.Message)
	})
	for i, trouble := range f.Troubles() {
		if i < maxTroubles {
			t.Defect(engine.DefectUnreadable, "%.200s", trouble)
		}
	}
	return err
}

// memberName is the path of a message inside its file.
func memberName(e pst.Entry) string {
	var path []string
	for _, name := range e.Folder {
		path = append(path, strings.NewReplacer("/", "_", `\`, "_").Replace(name))
	}
	return strings.Join(append(path, e.Message.FileName()), "/")
}

// add makes a member of a message. What is wrong with it are defects of the file.
func add(t *task.Task, name string, m *outlook.Message) error {
	var troubles []string
	p, err := t.Compose(name, func(w io.Writer) (err error) {
		troubles, err = outlook.Write(w, m)
		return err
	})
	for _, trouble := range troubles {
		t.Defect(engine.DefectUnreadable, "%s: %.200s", name, trouble)
	}
	if p != nil { // what its first lines look like does not count
		p.IsMessage, p.FileType = true, "eml"
	}
	return err
}

// Mbox is a task.Reader.
func Mbox(ctx context.Context, t *task.Task) error {
	content, err := t.Content()
	if err != nil {
		return err
	}
	r := mbox.NewReader(content)
	for n := 1; ctx.Err() == nil; n++ {
		one, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mail %d: %w", n, err)
		}
		p, err := t.Add(strconv.Itoa(n)+".eml", one, 0)
		if err != nil {
			return err
		}
		p.IsMessage, p.FileType = true, "eml"
	}
	return ctx.Err()
}
