package threatq

import "io"

// Forms are the identities of an indicator as "type value".
func Forms(typ, value string) []string {
	var all []string
	for _, f := range forms(typ, value) {
		all = append(all, f.typ+" "+f.value)
	}
	return all
}

// Unlocked is the SHA-256 of the member of a locked zip.
func Unlocked(r io.Reader, length, size int64) string { return unlocked(r, length, size) }
