package extract_test

import (
	"crypto/sha3"
	"encoding/base32"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/extract"
)

// onionName is the name of a service with that key (rend-spec-v3, section 6).
func onionName(key []byte, version byte) string {
	sum := sha3.Sum256(slices.Concat([]byte(".onion checksum"), key, []byte{version}))
	return strings.ToLower(base32.StdEncoding.EncodeToString(slices.Concat(key, sum[:2], []byte{version}))) + ".onion"
}

// TestNamesOfOnionServices have a checksum since version 3.
func TestNamesOfOnionServices(t *testing.T) {
	key := slices.Repeat([]byte{0xa5}, 32)
	right := onionName(key, 3)
	wrong := right[:20] + string('a'+(right[20]-'a'+1)%26) + right[21:]
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"version 3", right, []string{"FQDN " + right + " [checked]"}},
		{"version 3 in capitals", strings.ToUpper(right), []string{"FQDN " + right + " [checked]"}},
		{"below it", "mail." + right, []string{"FQDN mail." + right + " [checked]"}},
		{"defanged", strings.Replace(right, ".", "[.]", 1), []string{"FQDN " + right + " [defanged checked]"}},
		{"version 2", "expyuzz4wqqyqhjn.onion", []string{"FQDN expyuzz4wqqyqhjn.onion []"}},
		{"another version", onionName(key, 2), []string{"FQDN " + onionName(key, 2) + " []"}},
		{"one digit off", wrong, []string{"FQDN " + wrong + " []"}},
		{"one digit off, defanged", strings.Replace(wrong, ".", "[.]", 1), []string{"FQDN " + wrong + " [defanged]"}},
		{"a word", "The red.onion and the spring.onion", nil},
		{"a URL", "http://" + right + "/x", []string{"URL http://" + right + "/x [checked]", "FQDN " + right + " [derived checked]"}},
		{"a URL, one digit off", "http://" + wrong + "/x", []string{"URL http://" + wrong + "/x []", "FQDN " + wrong + " [derived]"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, f := range extract.FindText(row.text) {
				got = append(got, f.Type+" "+f.Value+" ["+strings.Join(f.Flags.Names(), " ")+"]")
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", row.text, diff)
			}
		})
	}
}
