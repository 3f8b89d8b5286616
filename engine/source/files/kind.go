package files

import (
	"bytes"
	"path"
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/cfb"
	"github.com/tqmailrules/tqmailrules/internal/mbox"
)

// kind is what a file of a corpus is.
type kind uint8

const (
	unknown kind = iota
	mailFile
	mboxFile
	zipFile
	tarFile
	gzipFile
	pstFile
	oleFile // perhaps a .msg
)

func (k kind) container() bool { return k >= mboxFile }

// sought is what must be read at any place of it.
func (k kind) sought() bool { return k == zipFile || k == pstFile || k == oleFile }

// sniff tells by content first and by name second, since reporters rename
// files.
func sniff(name string, head []byte) kind {
	lower := strings.ToLower(name)
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return zipFile
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzipFile
	case bytes.HasPrefix(head, []byte(cfb.Magic)):
		return oleFile
	case bytes.HasPrefix(head, []byte("!BDN")):
		return pstFile
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return tarFile
	case mbox.IsFrom(firstLine(head)):
		return mboxFile
	case path.Ext(lower) == ".eml", path.Ext(lower) == ".mail", looksLikeMail(head):
		return mailFile
	}
	return unknown
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// looksLikeMail wants three header fields at the start, one of them of a kind
// that every mail has.
func looksLikeMail(head []byte) bool {
	fields, known := 0, false
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return false
		}
		fields++
		known = known || mailFields[strings.ToLower(string(name))]
	}
	return known && fields >= 3
}

var mailFields = map[string]bool{
	"received": true, "return-path": true, "delivered-to": true, "from": true,
	"message-id": true, "mime-version": true, "subject": true, "date": true,
}
