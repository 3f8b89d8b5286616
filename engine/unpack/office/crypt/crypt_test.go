package crypt_test

import (
	"errors"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/crypt"
)

func TestDescriptionsThatAreNone(t *testing.T) {
	for _, tc := range []struct {
		name, info string
		err        error
	}{
		{"nothing", "", crypt.ErrFormat},
		{"a version that is none", "\x09\x00\x09\x00\x00\x00\x00\x00", crypt.ErrUnsupported},
		{"extensible", "\x04\x00\x03\x00\x00\x00\x00\x00", crypt.ErrUnsupported},
		{"agile, no xml", "\x04\x00\x04\x00\x40\x00\x00\x00", crypt.ErrUnsupported},
		{"agile, no verifier", "\x04\x00\x04\x00\x40\x00\x00\x00<encryption><encryptedKey encryptedVerifierHashInput='x' hashAlgorithm='SHA1' cipherAlgorithm='AES' cipherChaining='ChainingModeCBC' keyBits='128' saltValue='AAAA'/></encryption>", crypt.ErrFormat},
		{"agile, a chaining of its own", "\x04\x00\x04\x00\x40\x00\x00\x00<encryption><keyData hashAlgorithm='SHA1' cipherAlgorithm='AES' cipherChaining='GCM'/></encryption>", crypt.ErrUnsupported},
		{"standard, cut", "\x04\x00\x02\x00\x24\x00\x00\x00\xff\xff", crypt.ErrFormat},
		{"standard, a header of two gigabytes", "\x04\x00\x02\x00\x24\x00\x00\x00\xff\xff\xff\x7f", crypt.ErrFormat},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := crypt.Parse([]byte(tc.info)); !errors.Is(err, tc.err) {
				t.Errorf("%v, want %v", err, tc.err)
			}
		})
	}
}

// FuzzParse parses anything, and tries a password on what it takes for a scheme.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x04\x00\x04\x00\x40\x00\x00\x00<encryption><keyData saltSize='16' blockSize='16' keyBits='128' hashSize='20' cipherAlgorithm='AES' cipherChaining='ChainingModeCBC' hashAlgorithm='SHA1' saltValue='AAAAAAAAAAAAAAAAAAAAAA=='/><encryptedKey spinCount='1' saltSize='16' blockSize='16' keyBits='128' hashSize='20' cipherAlgorithm='AES' cipherChaining='ChainingModeCBC' hashAlgorithm='SHA1' saltValue='AAAAAAAAAAAAAAAAAAAAAA==' encryptedVerifierHashInput='AAAAAAAAAAAAAAAAAAAAAA==' encryptedVerifierHashValue='AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' encryptedKeyValue='AAAAAAAAAAAAAAAAAAAAAA=='/></encryption>"))
	f.Add([]byte("\x01\x00\x01\x00" + string(make([]byte, 60))))
	f.Add([]byte("\x04\x00\x02\x00\x24\x00\x00\x00\x20\x00\x00\x00" + string(make([]byte, 120))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := crypt.Parse(b); err == nil && s.Units() < 100 {
			s.Try("password") //nolint:errcheck // it must not panic
		}
		if s, err := crypt.ParseRC4(b); err == nil {
			s.Try("password") //nolint:errcheck // it must not panic
		}
	})
}
