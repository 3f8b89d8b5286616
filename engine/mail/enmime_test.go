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
