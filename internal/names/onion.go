package names

import (
	"crypto/sha3"
	"encoding/base32"
	"strings"
)

// onionLength and onionLengthV2 are the digits of base 32 in the name of an onion
// service (rend-spec-v3, section 6).
const onionLength, onionLengthV2 = 56, 16

// isOnion tells whether the label before ".onion" can name a service. One whose
// checksum fails was mistyped or made up by whoever wrote it; it is reported all
// the same.
func isOnion(label string) bool {
	return (len(label) == onionLength || len(label) == onionLengthV2) && strings.Trim(label, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// OnionChecked tells whether the label before ".onion" is that of a service of
// version 3 whose checksum holds: two bytes of the SHA3-256 of its key.
func OnionChecked(label string) bool {
	raw, err := base32.StdEncoding.DecodeString(strings.ToUpper(label))
	if err != nil || len(raw) != 35 || raw[34] != 3 {
		return false
	}
	sum := sha3.Sum256([]byte(".onion checksum" + string(raw[:32]) + "\x03"))
	return [2]byte(sum[:2]) == [2]byte(raw[32:34])
}
