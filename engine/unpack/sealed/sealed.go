// Package sealed opens what is encrypted for a person rather than with a shared
// password: S/MIME envelopes (RFC 5652, RFC 8551) and OpenPGP messages (RFC 9580).
// Private keys are configured; without the right one a file stays locked. An
// OpenPGP message that is encrypted with a passphrase is tried with the
// candidates of the mail.
//
// What comes out is a member of the file: a mail where it is a MIME entity.
package sealed

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"io"
	"strings"

	"github.com/smallstep/pkcs7"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/cms"
)

// maxFile bounds what is decrypted in memory.
const maxFile = 64 << 20

// Keys are the private keys of the mailbox, as their files stand.
type Keys struct {
	SMIME   []SMIMEKey   `json:"smime,omitempty"`
	OpenPGP []OpenPGPKey `json:"openpgp,omitempty"`
}

// SMIMEKey is a certificate and its private key, both in PEM; the key in PKCS #8,
// PKCS #1 or SEC 1 and not encrypted.
type SMIMEKey struct {
	Certificate []byte `json:"certificate"`
	Key         []byte `json:"key"`
}

// OpenPGPKey is a key ring with private keys, armoured or not, and the passphrase
// of those that have one.
type OpenPGPKey struct {
	Ring       []byte `json:"ring"`
	Passphrase string `json:"passphrase,omitempty"`
}

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  crypto.PrivateKey
}

// CMS reads S/MIME files: envelopes with the keys, what is compressed, and what
// is signed as far as the parser of mails has not.
func (k Keys) CMS(ctx context.Context, t *task.Task) error {
	raw, err := t.Bytes(maxFile)
	if err != nil {
		return err
	}
	m, err := cms.Parse(raw)
	if err != nil {
		return err
	}
	t.Fact("smime", string(m.Kind))
	switch m.Kind {
	case cms.Signed:
		t.Fact("signer", strings.Join(m.Signers, ", "))
		return entity(t, bytes.NewReader(m.Content), 0)
	case cms.Compressed:
		r, err := zlib.NewReader(bytes.NewReader(m.Content))
		if err != nil {
			return err
		}
		return entity(t, r, int64(len(m.Content)))
	}
	if m.Kind == cms.AuthEnveloped {
		t.Part.Encrypted = true
		return task.Troublef(engine.DefectUnsupported, "an S/MIME envelope with authenticated encryption (RFC 5083)")
	}
	return k.envelope(ctx, t, raw)
}

// envelope decrypts with the first key that fits.
func (k Keys) envelope(ctx context.Context, t *task.Task, raw []byte) error {
	if block, _ := pem.Decode(raw); block != nil {
		raw = block.Bytes
	}
	p, err := pkcs7.Parse(raw)
	if err != nil {
		return err
	}
	for _, s := range k.SMIME {
		id, err := s.identity()
		if err != nil {
			continue // told when the configuration was read
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if content, err := p.Decrypt(id.cert, id.key); err == nil {
			t.Part.Encrypted, t.Part.Decrypted, t.Part.OpenedBy = true, true, "key of "+id.cert.Subject.String()
			return entity(t, bytes.NewReader(content), 0)
		}
	}
	t.Locked("an S/MIME envelope that none of %d keys opens", len(k.SMIME))
	return task.ErrLocked
}

// entity adds a MIME entity as a mail, if there is any.
func entity(t *task.Task, r io.Reader, packed int64) error {
	p, err := t.Add("content.eml", r, packed)
	if err != nil {
		return err
	}
	if p.Size == 0 {
		t.Part.Children = t.Part.Children[:len(t.Part.Children)-1]
		return nil
	}
	p.IsMessage, p.FileType = true, "eml"
	return nil
}

// isEntity tells whether a text begins with the header of a MIME entity.
func isEntity(b []byte) bool {
	head, _, ok := bytes.Cut(b[:min(len(b), 4<<10)], []byte("\n"))
	name, _, colon := strings.Cut(string(head), ":")
	return ok && colon && (strings.EqualFold(name, "Content-Type") || strings.EqualFold(name, "MIME-Version") || strings.EqualFold(name, "Content-Transfer-Encoding"))
}
