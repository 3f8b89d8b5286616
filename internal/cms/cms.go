// Package cms reads the outside of S/MIME: what a CMS structure is, the content
// that a signature merely wraps, and the names of who signed (RFC 5652). It
// verifies nothing and decrypts nothing. BER with indefinite lengths and strings
// in pieces is read, since mail programs write it.
package cms

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// Kind is the content type of a structure.
type Kind string

const (
	Signed        Kind = "signed-data"
	Enveloped     Kind = "enveloped-data"
	AuthEnveloped Kind = "auth-enveloped-data"
	Compressed    Kind = "compressed-data"
)

// kinds are the object identifiers of the content types, in their encoding.
var kinds = []struct {
	oid  string
	kind Kind
}{
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", Signed},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", Enveloped},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", AuthEnveloped},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09", Compressed},
}

// Message is what the outside tells.
type Message struct {
	Kind    Kind
	Content []byte   // of signed data; nil when the signature is detached
	Signers []string // e-mail addresses or names in the certificates, in order
}

// ErrMalformed is the error of bytes that are no CMS structure.
var ErrMalformed = errors.New("not a CMS structure")

// Parse reads a structure in BER, DER or PEM.
func Parse(b []byte) (*Message, error) {
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	outer, ok := children(b, 1)
	if !ok || outer[0].tag != tagSequence {
		return nil, ErrMalformed
	}
	info, ok := children(outer[0].body, 2)
	if !ok || info[0].tag != tagOID || info[1].tag != explicit0 {
		return nil, ErrMalformed
	}
	m := &Message{}
	for _, k := range kinds {
		if string(info[0].body) == k.oid {
			m.Kind = k.kind
		}
	}
	switch m.Kind {
	case "":
		return nil, ErrMalformed
	case Signed:
		return m, m.signed(info[1].body)
	case Compressed:
		return m, m.compressed(info[1].body)
	}
	return m, nil
}

// signed reads SignedData (RFC 5652 section 5.1).
func (m *Message) signed(b []byte) error {
	outer, ok := children(b, 1)
	if !ok {
		return ErrMalformed
	}
	parts, ok := children(outer[0].body, 3)
	if !ok || parts[2].tag != tagSequence {
		return ErrMalformed
	}
	m.Content = encapsulated(parts[2].body)
	for _, p := range parts[3:] {
		if p.tag == explicit0 {
			m.Signers = names(p.body)
			break
		}
	}
	return nil
}

// compressed reads CompressedData (RFC 3274); Content is the zlib stream.
func (m *Message) compressed(b []byte) error {
	outer, ok := children(b, 1)
	if !ok {
		return ErrMalformed
	}
	parts, ok := children(outer[0].body, 3)
	if !ok {
		return ErrMalformed
	}
	m.Content = encapsulated(parts[2].body)
	return nil
}

// encapsulated is the content of an EncapsulatedContentInfo.
func encapsulated(b []byte) []byte {
	parts, ok := children(b, 2)
	if !ok || parts[1].tag != explicit0 {
		return nil
	}
	inner, ok := children(parts[1].body, 1)
	if !ok {
		return nil
	}
	return octets(inner[0], 0)
}

// names are who the certificates were made for: not those of authorities, unless
// there are no others, as when somebody signs with one of their own making.
func names(b []byte) []string {
	var people, authorities []string
	for len(b) > 0 && len(people)+len(authorities) < 20 {
		e, rest, ok := next(b, 0)
		if !ok {
			break
		}
		if cert, err := x509.ParseCertificate(e.raw); err == nil && cert.IsCA {
			authorities = append(authorities, nameOf(cert)...)
		} else if err == nil {
			people = append(people, nameOf(cert)...)
		}
		b = rest
	}
	if len(people) == 0 {
		return authorities
	}
	return people
}

// nameOf is the address in a certificate, else its name, none when it has neither.
func nameOf(cert *x509.Certificate) []string {
	switch {
	case len(cert.EmailAddresses) > 0:
		return cert.EmailAddresses[:1]
	case cert.Subject.CommonName != "":
		return []string{cert.Subject.CommonName}
	}
	return nil
}
