package sqlite

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
)

// sealer keeps texts from whoever has the file and not the key.
type sealer struct{ aead cipher.AEAD }

func newSealer(key Key) (sealer, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return sealer{}, fmt.Errorf("open store: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("open store: %w", err)
	}
	return sealer{aead}, nil
}

// close seals a text. Only who says the same about it can open it.
func (s sealer) close(text string, about ...string) []byte {
	return s.aead.Seal(nil, nil, []byte(text), bound(about))
}

func (s sealer) open(sealed []byte, about ...string) (string, error) {
	text, err := s.aead.Open(nil, nil, sealed, bound(about))
	if err != nil {
		return "", errors.New("a sealed value was changed, moved, or sealed with another key")
	}
	return string(text), nil
}

// bound joins texts so that no two lists have one form.
func bound(about []string) (all []byte) {
	for _, a := range about {
		all = binary.BigEndian.AppendUint64(all, uint64(len(a)))
		all = append(all, a...)
	}
	return all
}
