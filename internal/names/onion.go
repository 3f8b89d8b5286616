package names

import (
	"crypto/sha3"
	"encoding/base32"
	"strings"
)

// onionAddress tells whether the label before ".onion" names a service: 56 digits
// of base 32 that hold a key, two bytes of the SHA3-256 of it, and the version
// (rend-spec-v3, section 6), or 16 as in version 2, which had no checksum.
func onionAddress(label string) bool {
	raw, err := base32.StdEncoding.DecodeString(strings.ToUpper(label))
	switch {
	case err != nil:
		return false
	case len(raw) == 10:
		return true
	case len(raw) != 35 || raw[34] != 3:
		return false
	}
	sum := sha3.Sum256([]byte(".onion checksum" + string(raw[:32]) + "\x03"))
	return [2]byte(sum[:2]) == [2]byte(raw[32:34])
}
