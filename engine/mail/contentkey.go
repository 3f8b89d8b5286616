package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sort"
	"strings"
)

// contentKey identifies what was written, however it travelled: the fields that
// the sender wrote and that relays leave alone, and the sorted digests of all
// leaves. Text bodies enter as normalised text, so that line ends and transfer
// encodings do not matter. Recipients are left out: the copies of one mail in two
// mailboxes are the same content.
func (b *builder) contentKey() {
	m := b.msg
	keys := make([]string, 0, len(m.Leaves))
	for _, t := range b.texts {
		keys = append(keys, t.key)
	}
	for _, p := range m.Attachments {
		keys = append(keys, p.SHA256)
	}
	sort.Strings(keys)
	h := sha256.New()
	for _, v := range []string{m.Headers.MessageID, m.Headers.Date, m.Sender.Email.Email, m.Subject.Subject, strings.Join(keys, ",")} {
		io.WriteString(h, v)
		h.Write([]byte{0})
	}
	m.ContentKey = hex.EncodeToString(h.Sum(nil))
}

// digestText is digest without a copy of the whole text.
func digestText(s string) string {
	h := sha256.New()
	var buf [4096]byte
	for len(s) > 0 {
		n := copy(buf[:], s)
		h.Write(buf[:n])
		s = s[n:]
	}
	return hex.EncodeToString(h.Sum(nil))
}
