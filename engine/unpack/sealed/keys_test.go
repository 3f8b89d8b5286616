package sealed_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/tqmailrules/tqmailrules/engine/unpack/sealed"
)

// pair is a certificate and its key, as openssl ecparam and req write them.
func pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der), append(block("EC PARAMETERS", []byte{6, 1, 0}), block("EC PRIVATE KEY", sec1)...)
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestKeysThatCannotWorkAreTold(t *testing.T) {
	cert, key := pair(t, "anna")
	_, other := pair(t, "bert")
	tests := []struct {
		name      string
		cert, key []byte
		want      string // "" for keys that are fine
	}{
		{"parameters before the key", cert, key, ""},
		{"all in one file", append(bytes.Clone(key), cert...), append(bytes.Clone(key), cert...), ""},
		{"another key", cert, other, "not that of the certificate of CN=anna"},
		{"a key for a certificate", key, key, "holds no CERTIFICATE but: EC PARAMETERS, EC PRIVATE KEY"},
		{"a certificate for a key", cert, cert, "holds no PRIVATE KEY but: CERTIFICATE"},
		{"a key under a passphrase", cert, block("ENCRYPTED PRIVATE KEY", []byte("x")), "openssl pkey"},
		{"no PEM", []byte("anna"), key, "not PEM"},
		{"an empty key", cert, nil, "not PEM"},
		{"a broken key", cert, block("PRIVATE KEY", []byte("x")), "no known form"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := sealed.Check(sealed.Keys{SMIME: []sealed.SMIMEKey{{Certificate: tt.cert, Key: tt.key}}})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestRingsThatCannotWorkAreTold(t *testing.T) {
	e, err := openpgp.NewEntity("anna", "", "anna@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.EncryptPrivateKeys([]byte("harbour"), nil); err != nil {
		t.Fatal(err)
	}
	var private, public bytes.Buffer
	if err := e.SerializePrivateWithoutSigning(&private, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Serialize(&public); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name       string
		ring       []byte
		passphrase string
		want       string
	}{
		{"with its passphrase", private.Bytes(), "harbour", ""},
		{"without a passphrase", private.Bytes(), "", "has a passphrase, and none is configured"},
		{"with another passphrase", private.Bytes(), "fog", "does not open the private key"},
		{"a public key", public.Bytes(), "", "no private key"},
		{"no key", []byte("harbour"), "", "holds no OpenPGP keys"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := sealed.Check(sealed.Keys{OpenPGP: []sealed.OpenPGPKey{{Ring: tt.ring, Passphrase: tt.passphrase}}})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
