package wasm

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// signed is what a signature is over: the digest, and what it is a digest of.
func signed(module []byte) []byte {
	sum := sha256.Sum256(module)
	return append([]byte("tqx-module-v1\n"), sum[:]...)
}

// Sign returns the text of a detached signature of a module: one line.
func Sign(key ed25519.PrivateKey, module []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(nil, ed25519.Sign(key, signed(module))), '\n')
}

// Verify tells why a signature, as Sign writes it, is none of the key's over the
// module; nil when it is one.
func Verify(key ed25519.PublicKey, module, signature []byte) error {
	raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(signature)))
	switch {
	case err != nil || len(raw) != ed25519.SignatureSize:
		return refused("signature: not a line of base64 of %d bytes", ed25519.SignatureSize)
	case len(key) != ed25519.PublicKeySize:
		return errors.New("public key: not of 32 bytes")
	case !ed25519.Verify(key, signed(module), raw):
		return refused("signature: not made by this key over this module")
	}
	return nil
}
