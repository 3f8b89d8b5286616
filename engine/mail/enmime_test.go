package mail_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jhillyerd/enmime/v2"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
)

// lean are the options under which enmime is fastest.
var lean = enmime.NewParser(enmime.DisableTextConversion(true), enmime.DisableCharacterDetection(true), enmime.SkipMalformedParts(true))

// TestEnmimeAgrees is a second opinion on what binary attachments there are, by
// content and by name. Text is left out: enmime converts its charset, so that
// its bytes are no longer those that were sent.
func TestEnmimeAgrees(t *testing.T) {
	p := mail.New(mail.Config{})
	same, attachments := 0, 0
	for _, file := range samples(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Parse(context.Background(), engine.Bytes(raw), engine.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		root, err := lean.ReadParts(bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%s: enmime: %v", filepath.Base(file), err)
			continue
		}
		ours := map[string]string{}
		for _, l := range m.Leaves {
			ours[l.SHA256] = l.RawName
		}
		root.DepthMatchAll(func(e *enmime.Part) bool {
			if e.FirstChild != nil || strings.HasPrefix(e.ContentType, "text/") || strings.HasPrefix(e.ContentType, "multipart/") || e.ContentType == "" {
				return false
			}
			attachments++
			sum := sha256.Sum256(e.Content)
			name, ok := ours[hex.EncodeToString(sum[:])]
			switch {
			case !ok:
				t.Errorf("%s: enmime has a %s %q of %d bytes that we have not", filepath.Base(file), e.ContentType, e.FileName, len(e.Content))
			case name != e.FileName && len(e.Content) > 0:
				t.Errorf("%s: name %q, by enmime %q", filepath.Base(file), name, e.FileName)
			default:
				same++
			}
			return false
		})
	}
	t.Logf("%d of %d binary leaves are the same", same, attachments)
}

// TestWhereEnmimeLosesEvidence holds the cases for which this package reads MIME
// itself: what a victim's program shows or saves must be there, byte by byte.
// What enmime makes of them is logged.
func TestWhereEnmimeLosesEvidence(t *testing.T) {
	for _, tc := range []struct{ name, raw, want string }{
		{"a text attachment is hashed as it was sent", "Content-Type: text/csv; charset=iso-8859-1\nContent-Disposition: attachment; filename=a.csv\n\ncaf\xe9", "caf\xe9"},
		{"one stray character at the end of base64", "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\nA", "%PDF-1.4\n"},
		{"a scanner's footer below base64", "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n-- \nscanned by x\n", "%PDF-"},
		{"a boundary inside a line", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/x\n\none\nxx--b \nyy\n--b--\n", "one\nxx--b \nyy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(parse(t, tc.raw).Leaves[0].Content.(engine.Bytes)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			root, err := lean.ReadParts(strings.NewReader(tc.raw))
			if err != nil {
				t.Fatal(err)
			}
			if root.FirstChild != nil {
				root = root.FirstChild
			}
			t.Logf("enmime: %q", root.Content)
		})
	}
}
