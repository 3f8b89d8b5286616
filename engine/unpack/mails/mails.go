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

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/mbox"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg"
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
