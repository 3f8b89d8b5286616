package ewssim

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"
)

// TestChannelBindingHashesAsTheCertificateIsSigned computes RFC 5929 4.1 anew.
func TestChannelBindingHashesAsTheCertificateIsSigned(t *testing.T) {
	curve := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	numbers, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		key  crypto.Signer
		sign x509.SignatureAlgorithm
		hash crypto.Hash
	}{
		{curve(elliptic.P256()), x509.ECDSAWithSHA256, crypto.SHA256},
		{curve(elliptic.P384()), x509.ECDSAWithSHA384, crypto.SHA384},
		{curve(elliptic.P521()), x509.ECDSAWithSHA512, crypto.SHA512},
		{numbers, x509.SHA256WithRSA, crypto.SHA256},
		{numbers, x509.SHA384WithRSA, crypto.SHA384},
		{numbers, x509.SHA512WithRSAPSS, crypto.SHA512},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), SignatureAlgorithm: row.sign}
		der, err := x509.CreateCertificate(rand.Reader, template, template, row.key.Public(), row.key)
		if err != nil {
			t.Fatal(err)
		}
		h := row.hash.New()
		h.Write(der)
		point := append([]byte("tls-server-end-point:"), h.Sum(nil)...)
		want := md5.Sum(slices.Concat(make([]byte, 16), []byte{byte(len(point)), 0, 0, 0}, point))
		if got := channelBinding(der); !bytes.Equal(got, want[:]) {
			t.Errorf("%v: %x, want %x", row.sign, got, want)
		}
	}
	if got := channelBinding([]byte("no certificate")); len(got) != 16 {
		t.Errorf("%x", got)
	}
	if got := channelBinding(nil); got != nil {
		t.Errorf("%x without a certificate", got)
	}
}
