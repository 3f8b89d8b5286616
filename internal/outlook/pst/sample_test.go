package pst_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

// variant is a kind of file with a coding.
type variant struct {
	name string
	spec psttest.Spec
}

// variants are all kinds with all codings.
func variants() []variant {
	var all []variant
	for _, kind := range []struct {
		name     string
		kind     psttest.Kind
		compress bool
	}{{"unicode", psttest.Unicode, false}, {"ansi", psttest.ANSI, false}, {"large", psttest.Large, false}, {"large compressed", psttest.Large, true}} {
		for method, coding := range []string{"none", "permute", "cyclic"} {
			all = append(all, variant{
				kind.name + " " + coding,
				psttest.Spec{Kind: kind.kind, Method: byte(method), Compress: kind.compress, Name: "Post", Entries: 5},
			})
		}
	}
	return all
}

// fillOf are bytes that do not compress, the same each time.
func fillOf(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewPCG(seed, seed)
	var word [8]byte
	for i := range b {
		if i%8 == 0 {
			binary.LittleEndian.PutUint64(word[:], r.Uint64())
		}
		b[i] = word[i%8]
	}
	return b
}

// rtf is text as compressed RTF that uses no references ([MS-OXRTFCP] 2.1.3).
func rtf(text string) []byte {
	body := []byte(`{\rtf1\ansi ` + text + `}`)
	var out []byte
	for len(body) > 0 {
		n := min(8, len(body))
		out = append(append(out, 0), body[:n]...)
		body = body[n:]
	}
	out = append(out, 1) // the mark of the end: a reference to where the window stands
	at := uint16((207 + len(text) + 13) % 4096)
	out = binary.BigEndian.AppendUint16(out, at<<4)
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(out)+12))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(text)+13))
	head = append(head, "LZFu"...)
	return append(binary.LittleEndian.AppendUint32(head, sumOf(out)), out...)
}

// sumOf is the checksum of compressed RTF: CRC-32 without inversions.
func sumOf(b []byte) uint32 {
	var sum uint32
	for _, c := range b {
		sum ^= uint32(c)
		for range 8 {
			sum = sum>>1 ^ 0xedb88320&-(sum&1)
		}
	}
	return sum
}

// mail is a message as most are.
func mail(subject, body string, more ...psttest.Attachment) psttest.Message {
	return psttest.Message{
		Properties: psttest.Properties{
			outlook.PropSubject: subject, outlook.PropBody: body,
			outlook.PropSenderName: "Eve Example", outlook.PropSenderType: "SMTP", outlook.PropSenderAddress: "eve@phish.example",
			outlook.PropSentRepresentingName: "Eve Example", outlook.PropRepresentingType: "SMTP", outlook.PropRepresentingAddress: "eve@phish.example",
			outlook.PropMessageID: "<" + strings.ReplaceAll(strings.ToLower(subject), " ", ".") + "@phish.example>",
		},
		Recipients:  []psttest.Properties{recipient("Bob", 1), recipient("Carol", 2)},
		Attachments: more,
	}
}

func recipient(name string, kind int) psttest.Properties {
	address := strings.ToLower(name) + "@corp.example"
	return psttest.Properties{
		outlook.PropRecipientType: kind, outlook.PropDisplayName: name, outlook.PropAddressType: "SMTP",
		outlook.PropAddress: address, outlook.PropSMTPAddress: address,
	}
}

func file(name string, data []byte) psttest.Attachment {
	return psttest.Attachment{
		Data:       data,
		Properties: psttest.Properties{outlook.PropAttachFilename: name, outlook.PropAttachLongFilename: name, outlook.PropAttachMIMEType: "application/octet-stream"},
	}
}

// with is a message with more properties.
func with(m psttest.Message, p psttest.Properties) psttest.Message {
	for id, v := range p {
		m.Properties[id] = v
	}
	return m
}

func embedded(m psttest.Message) psttest.Attachment {
	return psttest.Attachment{Message: &m, Properties: psttest.Properties{outlook.PropDisplayName: m.Properties[outlook.PropSubject]}}
}

const headers = "Received: from relay.example by mx.corp.example; Fri, 17 May 2024 09:30:00 +0000\r\n" +
	"From: Eve Example <eve@phish.example>\r\nTo: bob@corp.example\r\nSubject: RE: Invoice 1\r\nX-Mark: seen\r\n\r\n"

// sampleFolders have one of everything; files is how many one message has, letters
// how many are in a folder.
func sampleFolders(files, letters int) []psttest.Folder {
	crowd := mail("Crowd", "to many")
	crowd.Recipients = nil
	for i := range 300 {
		crowd.Recipients = append(crowd.Recipients, recipient(fmt.Sprintf("Person%03d", i), 1))
	}
	laden := mail("Laden", "many files")
	for i := range files {
		laden.Attachments = append(laden.Attachments, file(fmt.Sprintf("f%03d.bin", i), fillOf(20+i, uint64(i))))
	}
	return []psttest.Folder{
		{Name: "Inbox", Messages: psttest.Messages(
			with(mail("\x01\x05RE: Invoice 1", "Please pay.\r\n", file("small.txt", []byte("pay here")), file("middle.bin", fillOf(30_000, 1))), psttest.Properties{outlook.PropTransportHeaders: headers}),
			with(mail("Page", "Click http://phish.example/a"), psttest.Properties{outlook.PropHTML: []byte("<p>Click <a href=\"http://phish.example/a\">here</a></p>"), outlook.PropInternetCodepage: 65001}),
			with(mail("Rich", "in RTF"), psttest.Properties{outlook.PropRTFCompressed: rtf("rich text")}),
			mail("Deep", strings.Repeat("A long line of a long body.\r\n", 1000), file("deep.bin", fillOf(250_000, 2))),
			mail("Carrier", "see inside", embedded(mail("Inner", "the phish", file("evil.doc", fillOf(9000, 3)), embedded(mail("Innermost", "deeper"))))),
			mail("Object", "with a storage", psttest.Attachment{Object: fillOf(12_000, 4), Properties: psttest.Properties{outlook.PropAttachLongFilename: "object.bin"}}),
			crowd, laden,
		), Folders: []psttest.Folder{{Name: "Below", Messages: psttest.Messages(mail("Under", "in a folder of a folder"))}, {Name: "Empty"}}},
		{Name: "Archive", Messages: numbered(letters)},
	}
}

// numbered are small messages.
func numbered(n int) iter.Seq[psttest.Message] {
	return func(yield func(psttest.Message) bool) {
		for i := range n {
			if !yield(mail(fmt.Sprintf("Number %05d", i), fmt.Sprintf("body %d\r\n", i))) {
				return
			}
		}
	}
}

// sample is a file of a variant with one of everything. 400 files are more than fit
// into one list of nodes.
func sample(v variant) []byte {
	s := v.spec
	s.Folders = sampleFolders(400, 60)
	return psttest.Build(s)
}

// numbered2 are small messages with other subjects than those of numbered.
func numbered2(n int) iter.Seq[psttest.Message] {
	return func(yield func(psttest.Message) bool) {
		for m := range numbered(n) {
			m.Properties[outlook.PropSubject] = "Other " + m.Properties[outlook.PropSubject].(string)
			if !yield(m) {
				return
			}
		}
	}
}
