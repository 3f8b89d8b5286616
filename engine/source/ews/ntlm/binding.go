package ntlm

import (
	"crypto"
	"crypto/md5"
	_ "crypto/sha256" // the hashes that certificates are signed with
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/binary"
)

// Binding ties a login to the TLS connection whose server showed this
// certificate: the hash of MS-NLMP 3.1.5.1.2 over the channel binding
// tls-server-end-point of RFC 5929. Whoever stands between and shows another
// certificate cannot hand such a login on.
func Binding(leaf *x509.Certificate) []byte {
	hash := endPointHash(leaf.SignatureAlgorithm)
	h := hash.New()
	h.Write(leaf.Raw)
	data := h.Sum([]byte("tls-server-end-point:"))
	b := make([]byte, 16, 20+len(data)) // no address of either side (RFC 2744 3.11)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	digest := md5.Sum(append(b, data...))
	return digest[:]
}

// endPointHash is the hash of the certificate's signature, and SHA-256 in the
// place of those that are weaker (RFC 5929 4.1). Where the algorithm names none
// (Ed25519), servers take SHA-256, too.
func endPointHash(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		return crypto.SHA512
	}
	return crypto.SHA256
}
