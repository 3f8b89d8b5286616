package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// passphraseUnits is what deriving a key from a passphrase costs at most, in units
// of engine.Limits.PasswordWork: S2K with 65 MB of input.
const passphraseUnits = 15_000

// ring reads the keys and unlocks them.
func (o OpenPGPKey) ring() (openpgp.EntityList, error) {
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(o.Ring))
	if err != nil {
		ring, err = openpgp.ReadKeyRing(bytes.NewReader(o.Ring))
	}
	if err != nil {
		return nil, fmt.Errorf("the ring holds no OpenPGP keys: %w", err)
	}
	private := 0
	for _, e := range ring {
		if e.PrivateKey == nil {
			continue
		}
		private++
		if o.Passphrase != "" {
			if err := e.DecryptPrivateKeys([]byte(o.Passphrase)); err != nil {
				return nil, errors.New("the passphrase does not open the private key")
			}
		} else if e.PrivateKey.Encrypted && !e.PrivateKey.Dummy() {
			return nil, errors.New("the private key has a passphrase, and none is configured")
		}
	}
	if private == 0 {
		return nil, errors.New("there is no private key in it")
	}
	return ring, nil
}

// PGP reads an OpenPGP message, armoured or not.
func (k Keys) PGP(ctx context.Context, t *task.Task) error {
	raw, err := t.Bytes(maxFile)
	if err != nil {
		return err
	}
	packets, err := unarmour(raw)
	if err != nil {
		return err
	}
	for _, o := range k.OpenPGP {
		ring, err := o.ring()
		if err != nil {
			continue // told when the configuration was read
		}
		md, err := read(packets, ring, nil)
		if err == nil {
			return opened(t, md, int64(len(packets)), "key of "+keyName(md, ring))
		}
	}
	return byPassphrase(ctx, t, packets)
}

func unarmour(raw []byte) ([]byte, error) {
	block, err := armor.Decode(bytes.NewReader(raw))
	if err != nil {
		return raw, nil // packets as they are
	}
	return io.ReadAll(io.LimitReader(block.Body, maxFile))
}

// read opens a message with keys or a passphrase. The prompt is asked again
// after a wrong answer, so it answers once.
func read(packets []byte, ring openpgp.EntityList, passphrase []byte) (*openpgp.MessageDetails, error) {
	asked := false
	prompt := func([]openpgp.Key, bool) ([]byte, error) {
		if asked || passphrase == nil {
			return nil, errors.New("no passphrase")
		}
		asked = true
		return passphrase, nil
	}
	return openpgp.ReadMessage(bytes.NewReader(packets), ring, prompt, &packet.Config{})
}

func keyName(md *openpgp.MessageDetails, ring openpgp.EntityList) string {
	for _, e := range append(openpgp.EntityList{md.DecryptedWith.Entity}, ring...) {
		if e == nil {
			continue
		}
		if id := e.PrimaryIdentity(); id != nil {
			return id.Name
		}
	}
	return "the mailbox"
}

// byPassphrase tries the candidates on a message that is encrypted with one.
func byPassphrase(ctx context.Context, t *task.Task, packets []byte) error {
	if !symmetric(packets) {
		t.Locked("an OpenPGP message that no configured key opens")
		return task.ErrLocked
	}
	var md *openpgp.MessageDetails
	ok, err := t.Unlock(ctx, passphraseUnits, nil, func(p string) (bool, error) {
		got, err := read(packets, openpgp.EntityList{}, []byte(p))
		if err != nil {
			return false, nil
		}
		body, err := io.ReadAll(io.LimitReader(got.UnverifiedBody, maxFile))
		if err != nil {
			return false, nil // the checksum at the end is the judge
		}
		got.UnverifiedBody = bytes.NewReader(body)
		md = got
		return true, nil
	})
	if err != nil || !ok {
		return errors.Join(err, task.ErrLocked)
	}
	return opened(t, md, int64(len(packets)), t.Part.OpenedBy)
}

// symmetric tells whether a passphrase may open a message: whether it begins with
// a packet that holds a key encrypted with one (RFC 9580 section 5.3), before or
// behind those for persons.
func symmetric(packets []byte) bool {
	r := packet.NewReader(bytes.NewReader(packets))
	for range 32 {
		p, err := r.Next()
		if err != nil {
			return false
		}
		switch p.(type) {
		case *packet.SymmetricKeyEncrypted:
			return true
		case *packet.EncryptedKey, *packet.Marker:
		default:
			return false
		}
	}
	return false
}

// opened adds what a message holds: a mail, a file, or text.
func opened(t *task.Task, md *openpgp.MessageDetails, packed int64, by string) error {
	if md.IsEncrypted {
		t.Part.Encrypted, t.Part.Decrypted, t.Part.OpenedBy = true, true, by
	}
	body, err := t.ExpandAll(md.UnverifiedBody, packed, maxFile)
	if err != nil {
		return err
	}
	if isEntity(body) {
		return entity(t, bytes.NewReader(body), 0)
	}
	name := "content.txt"
	if md.LiteralData != nil && md.LiteralData.FileName != "" && md.LiteralData.FileName != "_CONSOLE" {
		name = md.LiteralData.FileName
	}
	_, err = t.AddBytes(name, body)
	return err
}
