package mails_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/mails"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg/msgtest"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

func letter(subject string) *outlook.Message {
	return &outlook.Message{Properties: outlook.Bag{
		outlook.PropMessageClass: msgtest.String("IPM.Note"), outlook.PropSubject: msgtest.String(subject), outlook.PropBody: msgtest.String("body of " + subject),
	}}
}

func item(class, subject string) psttest.Message {
	return psttest.Message{Properties: psttest.Properties{outlook.PropMessageClass: class, outlook.PropSubject: subject, outlook.PropBody: "body"}}
}

func store(messages ...psttest.Message) []byte {
	return psttest.Build(psttest.Spec{Name: "Post", Password: 7, Folders: []psttest.Folder{{Name: "In/box", Messages: psttest.Messages(messages...)}}})
}

func codes(ds []engine.Defect) (all []string) {
	for _, d := range ds {
		all = append(all, d.Code)
	}
	return all
}

func TestMailsAreMembers(t *testing.T) {
	odd := letter(`a/b\c: "d"` + "\r\n")
	circle := item("IPM.Note", "round")
	circle.Attachments = []psttest.Attachment{{Circle: true}}
	for _, tc := range []struct {
		name    string
		read    task.Reader
		content []byte
		want    []string // paths
		defects []string
	}{
		{"a message", mails.Message, msgtest.File(letter("Offer")), []string{"2/Offer.eml"}, nil},
		{"a message whose subject is a path", mails.Message, msgtest.File(odd), []string{`2/a_b_c: "d".eml`}, nil},
		{"a message without a subject", mails.Message, msgtest.File(letter("")), []string{"2/message.eml"}, nil},
		{"a store", mails.Store, store(item("IPM.Note", "one"), item("IPM.Contact", "two"), item("IPM.Note", "one")), []string{
			"2/Top of Outlook data file/In_box/one.eml", "2/Top of Outlook data file/In_box/two.eml", "2/Top of Outlook data file/In_box/one.eml#2",
		}, nil},
		{"a store with a circle", mails.Store, store(circle, item("IPM.Note", "next")), []string{
			"2/Top of Outlook data file/In_box/round.eml", "2/Top of Outlook data file/In_box/next.eml",
		}, []string{engine.DefectUnreadable}},
		{"an mbox", mails.Mbox, []byte("From a@b Mon Mar  2 10:00:00 2026\nSubject: a\n\nb\n\nFrom a@b Mon Mar  2 10:00:00 2026\n\x89PNG"), []string{"2/1.eml", "2/2.eml"}, nil},
		{"a document", mails.Message, cfbtest.File(cfbtest.Node{Name: "Workbook", Data: []byte("x")}), nil, []string{engine.DefectUnreadable}},
		{"no store", mails.Store, []byte("!BDN"), nil, []string{engine.DefectUnreadable}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			part, defects := tasktest.Read(t.Context(), "x", tc.content, tc.read)
			var got []string
			for _, c := range part.Children {
				got = append(got, c.Path)
				if !c.IsMessage || c.FileType != "eml" || c.Size == 0 {
					t.Errorf("%s is a %s of %d bytes, message %t", c.Path, c.FileType, c.Size, c.IsMessage)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if !slices.Equal(slices.Compact(codes(defects)), tc.defects) {
				t.Errorf("defects %v, want %q", defects, tc.defects)
			}
		})
	}
}

func TestAPasswordOfAStoreIsTold(t *testing.T) {
	part, _ := tasktest.Read(t.Context(), "pst", store(item("IPM.Note", "one")), mails.Store)
	if part.Metadata["password_protected"] != "true" || part.Metadata["store_name"] != "Post" || len(part.Children) != 1 {
		t.Errorf("facts %v, %d members", part.Metadata, len(part.Children))
	}
}

// TestALargeStoreIsWithinTheBudget stops where the mail's budget does.
func TestALargeStoreIsWithinTheBudget(t *testing.T) {
	var many []psttest.Message
	for i := range 2100 {
		many = append(many, item("IPM.Note", fmt.Sprint(i)))
	}
	part, defects := tasktest.Read(t.Context(), "pst", store(many...), mails.Store)
	if len(part.Children) != 2000 || !slices.Contains(codes(defects), engine.DefectMembers) {
		t.Errorf("%d members, %v", len(part.Children), defects)
	}
	big := letter("big")
	big.Properties[outlook.PropBody] = msgtest.String(strings.Repeat("x", 1<<20))
	limits := engine.Limits{Unpacked: 1 << 19}.WithDefaults()
	content := msgtest.File(big)
	cut := &engine.Part{Path: "2", FileType: "msg", Size: len(content), Content: engine.Bytes(content)}
	tk := task.New(cut, limits, task.NewKeyring(nil), limits.Budget(), tasktest.Memory{})
	if defects := tk.Finish(mails.Message(t.Context(), tk)); !slices.Contains(codes(defects), engine.DefectUnpackSize) || len(cut.Children) != 1 || cut.Children[0].Size > 1<<19 {
		t.Errorf("%d members, %v", len(cut.Children), defects)
	}
}

func FuzzReaders(f *testing.F) {
	f.Add(uint8(0), msgtest.File(letter("Offer")))
	f.Add(uint8(1), store(item("IPM.Note", "one")))
	f.Add(uint8(2), []byte("From a@b Mon Mar  2 10:00:00 2026\nSubject: a\n\nb\n"))
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		tasktest.Read(t.Context(), "x", b, []task.Reader{mails.Message, mails.Store, mails.Mbox}[which%3])
	})
}
