package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sort"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// contentKey identifies what was written, however it travelled: the fields that
// the sender wrote and that relays leave alone, and the sorted digests of all
// leaves. Text enters with LF line ends, text bodies in UTF-8, and an attached
// message by its own key, so that line ends and transfer encodings do not matter. Recipients are left out: the copies of one mail in two
// mailboxes are the same content.
func (b *builder) contentKey() {
	m := b.msg
	keys := b.keys
	for _, t := range b.texts {
		keys = append(keys, t.key)
	}
	sort.Strings(keys)
	h := sha256.New()
	for _, v := range []string{m.Headers.MessageID, m.Headers.Date, m.Sender.Email.Email, m.Subject.Subject, strings.Join(keys, ",")} {
		io.WriteString(h, v)
		h.Write([]byte{0})
	}
	m.ContentKey = hex.EncodeToString(h.Sum(nil))
}

// leafKey is what an attachment adds: as a rule its digest.
func leafKey(p *engine.Part, c *content, nested []*engine.Message) string {
	if len(nested) == 1 {
		return nested[0].ContentKey
	}
	if !strings.HasPrefix(p.ContentType, "text/") {
		return p.SHA256
	}
	r, err := c.blob.Open()
	if err != nil {
		return p.SHA256
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(withoutCR{h}, r); err != nil {
		return p.SHA256
	}
	return hex.EncodeToString(h.Sum(nil))
}

// withoutCR passes on what is written, carriage returns left out.
type withoutCR struct{ w io.Writer }

func (f withoutCR) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			i = len(b)
		}
		if _, err := f.w.Write(b[:i]); err != nil {
			return 0, err
		}
		b = b[min(i+1, len(b)):]
	}
	return n, nil
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
