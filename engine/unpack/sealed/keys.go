package sealed

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Check tells what is wrong with keys, in words.
func Check(k Keys) error {
	for i, s := range k.SMIME {
		if _, err := s.identity(); err != nil {
			return fmt.Errorf("smime key %d: %w", i+1, err)
		}
	}
	for i, o := range k.OpenPGP {
		if _, err := o.ring(); err != nil {
			return fmt.Errorf("openpgp key %d: %w", i+1, err)
		}
	}
	return nil
}

func (s SMIMEKey) identity() (identity, error) {
	block, err := pemBlock(s.Certificate, "CERTIFICATE")
	if err != nil {
		return identity{}, fmt.Errorf("the certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return identity{}, fmt.Errorf("the certificate: %w", err)
	}
	block, err = pemBlock(s.Key, "PRIVATE KEY")
	if err != nil {
		return identity{}, fmt.Errorf("the private key: %w", err)
	}
	key, err := privateKey(block)
	if err != nil {
		return identity{}, fmt.Errorf("the private key: %w", err)
	}
	if !belongs(key, cert) {
		return identity{}, fmt.Errorf("the private key is not that of the certificate of %s", cert.Subject)
	}
	return identity{cert, key}, nil
}

// pemBlock finds the first block whose type ends in kind: tools write parameters
// before keys, and keys before certificates.
func pemBlock(data []byte, kind string) (*pem.Block, error) {
	var others []string
	for {
		block, rest := pem.Decode(data)
		switch {
		case block == nil && others == nil:
			return nil, errors.New("it is not PEM")
		case block == nil:
			return nil, fmt.Errorf("the file holds no %s but: %s", kind, strings.Join(others, ", "))
		case strings.HasSuffix(block.Type, kind):
			return block, nil
		}
		others, data = append(others, block.Type), rest
	}
}

func privateKey(block *pem.Block) (crypto.PrivateKey, error) {
	if strings.HasPrefix(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, errors.New("it is encrypted; openssl pkey -in FILE -out FILE writes it without a passphrase")
	}
	if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	return nil, errors.New("it is of no known form: PKCS #8, PKCS #1 or SEC 1")
}

// belongs reports whether a key is that of a certificate. With another one every
// mail would stay locked, and nobody would be told why.
func belongs(key crypto.PrivateKey, cert *x509.Certificate) bool {
	k, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok {
		return false
	}
	p, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && p.Equal(cert.PublicKey)
}
