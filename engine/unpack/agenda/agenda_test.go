package agenda_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/agenda"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
)

type found struct {
	Text    string
	Facts   map[string]string
	Links   []string
	Members []string
}

func read(t testing.TB, text string) found {
	p, _ := tasktest.Read(t.Context(), "ics", []byte(text), agenda.Read)
	f := found{Text: p.Text, Facts: p.Metadata}
	for _, l := range p.Links {
		f.Links = append(f.Links, l.HrefURL.URL)
	}
	for _, c := range p.Children {
		b, _ := engine.ReadAll(c.Content, 1<<20)
		f.Members = append(f.Members, fmt.Sprintf("%s %s", c.FileName, b))
	}
	return f
}

func TestWhatStandsInThem(t *testing.T) {
	tests := []struct {
		name, in string
		want     found
	}{
		{
			"an invitation with a folded address",
			"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nORGANIZER;CN=\"Ann; HR: x\":mailto:ann@hr.example\r\nSUMMARY:Bonus\\, urgent\r\nDESCRIPTION:Join at https://meet.exa\r\n mple/join?id=\r\n\t77\\nnow\r\nURL:https://other.example/\r\nEND:VEVENT\r\n",
			found{
				Text:  "BEGIN: VCALENDAR\nMETHOD: REQUEST\nBEGIN: VEVENT\nORGANIZER: mailto:ann@hr.example\nSUMMARY: Bonus, urgent\nDESCRIPTION: Join at https://meet.example/join?id=77\nnow\nURL: https://other.example/\nEND: VEVENT\n",
				Facts: map[string]string{"method": "REQUEST", "organizer": "mailto:ann@hr.example", "summary": "Bonus, urgent"},
				Links: []string{"https://other.example/"},
			},
		},
		{
			"attachments",
			"ATTACH;FMTTYPE=application/pdf;X-FILENAME=bill.pdf;ENCODING=BASE64;VALUE=BINARY:JVBE\r\n Ri0=\r\nATTACH:data:text/plain;base64,aGVsbG8\r\nATTACH:https://x.example/f\r\n",
			found{Text: "ATTACH: https://x.example/f\n", Links: []string{"https://x.example/f"}, Members: []string{"bill.pdf %PDF-", "attach.plain hello"}},
		},
		{
			"a card of 2.1",
			"BEGIN:VCARD\nFN;CHARSET=ISO-8859-1;QUOTED-PRINTABLE:J=FCrgen=20=\nMeier\nitem1.URL:http://j.example\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/\nEND:VCARD",
			found{
				Text:  "BEGIN: VCARD\nFN: Jürgen Meier\nURL: http://j.example\nEND: VCARD\n",
				Facts: map[string]string{"name": "Jürgen Meier"}, Links: []string{"http://j.example/"}, Members: []string{"photo.jpeg \xff\xd8\xff"},
			},
		},
		{"no property", "just text\n", found{Text: "just text\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(t, tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if n := len(read(t, strings.Repeat("ATTACH;ENCODING=BASE64:QUJD\n", 500)).Members); n != 50 {
		t.Errorf("%d members", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("BEGIN:VCARD\nFN;QUOTED-PRINTABLE:=FC=\nx\nATTACH;ENCODING=B:QUJD\n x\n")
	f.Fuzz(func(t *testing.T, text string) { read(t, text) })
}
