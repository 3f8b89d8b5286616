package mail_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestWhereEnmimeLosesEvidence holds the cases for which bodies and structure do
// not pass through enmime: what a victim's program shows or saves must be there,
// byte by byte. What enmime makes of the whole mail is logged.
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

// TestHeadersAsEnmimeReadsThem holds repairs that are enmime's: what a part is,
// is what its repaired header says.
func TestHeadersAsEnmimeReadsThem(t *testing.T) {
	for _, tc := range []struct{ name, header, contentType, file, charset string }{
		{"a third part of the type", "Content-Type: text/html/x; charset=utf-8", "text/html", "", "utf-8"},
		{"no subtype", "Content-Type: text/; name=a.txt", "text/plain", "a.txt", ""},
		{"markup behind the value", "Content-Type: text/html; charset=utf-8<br>x</br>", "text/html", "", "utf-8"},
		{"a quote inside a value", `Content-Type: application/rtf; name="a"b.rtf"`, "application/rtf", `a"b.rtf`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := parse(t, mixed("\nbody", tc.header+"\n\nx")).Leaves[1]
			got := []string{p.ContentType, p.RawName, p.Charset}
			if diff := cmp.Diff([]string{tc.contentType, tc.file, tc.charset}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoPartIsLostBetweenTwoParsers sends types that the pre-scan takes for a
// multipart and enmime does not, or the other way round: the parts are there,
// each described by one of the two.
func TestNoPartIsLostBetweenTwoParsers(t *testing.T) {
	for _, tc := range []struct {
		name, typ string
		disputed  bool
	}{
		{"agreed", "multipart/mixed; boundary=b", false},
		{"markup in the type of a multipart", "multipart/mixed/<a>x</a>; boundary=b", true},
		{"a boundary that reads like our own", "multipart/mixed; boundary=\"=_s0\"", false},
		{"repeated boundary", "multipart/mixed; boundary=b; boundary=c", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			boundary := "b"
			if strings.Contains(tc.typ, "=_s0") {
				boundary = "=_s0"
			}
			m := parse(t, "Content-Type: "+tc.typ+"\n\n--"+boundary+"\nContent-Type: 7t text/plain; boundary=b\n\none\n--"+boundary+"\nContent-Type: application/pdf; name=a.pdf\n\n%PDF-\n--"+boundary+"--\n")
			if len(m.Leaves) != 2 || m.Leaves[1].FileName != "a.pdf" || m.Leaves[1].ContentType != "application/pdf" || m.Leaves[1].Size != 5 {
				t.Fatalf("%d leaves: %+v", len(m.Leaves), m.Leaves[len(m.Leaves)-1])
			}
			disputed := false
			for _, d := range m.Defects {
				disputed = disputed || d.Code == engine.DefectBoundary
			}
			if disputed != tc.disputed {
				t.Errorf("defects %v", m.Defects)
			}
		})
	}
}

// TestNoSenderWritesIntoTheSkeleton smuggles a boundary and the header of another
// part through a charset that can write line breaks.
func TestNoSenderWritesIntoTheSkeleton(t *testing.T) {
	var wide []byte
	for _, c := range []byte("\n\n\n--=_s0\nContent-Type: 2t text/plain; name=forged.txt\n\n") {
		wide = append(wide, 0, c)
	}
	forged := "+" + base64.RawStdEncoding.EncodeToString(wide) + "-"
	m := parse(t, "Content-Type: multipart/mixed; boundary=b; charset=utf-7\n\n--b\nContent-Type: image/png; name=\"\xff"+forged+"\"\n\none\n--b\nContent-Type: application/pdf; name=a.pdf\n\ntwo\n--b--\n")
	if len(m.Leaves) != 2 || m.Leaves[1].FileName != "a.pdf" || m.Leaves[1].ContentType != "application/pdf" {
		t.Errorf("%d leaves, the second %+v", len(m.Leaves), m.Leaves[len(m.Leaves)-1])
	}
}

// FuzzPartHeader: whatever the fields of a part say, the parts are those between
// the boundaries, with the bytes that stand there.
func FuzzPartHeader(f *testing.F) {
	f.Add("text/plain; charset=utf-8", "attachment; filename=\"a.txt\"")
	f.Add("multipart/mixed/<a>x</a>; boundary=b", "inline; filename*=gb18030''%D6%D0")
	f.Add("=?utf-8?q?a=3Db?=; name=\"=?utf-8?b?=", "a;b=\"c\";d")
	f.Add("message/rfc822; boundary=b", "; filename*0=a; filename*2=c; filename*0=b")
	p := mail.New(mail.Config{})
	f.Fuzz(func(t *testing.T, typ, disposition string) {
		if strings.ContainsAny(typ+disposition, "\r\n") || strings.Contains(strings.ToLower(typ), "multipart") {
			return
		}
		raw := mixed("Content-Type: "+typ+"\nContent-Disposition: "+disposition+"\n\none", "\ntwo")
		m, err := p.Parse(context.Background(), engine.Bytes(raw), engine.Origin{ID: "x"})
		if err != nil {
			t.Fatal(err)
		}
		checkTotal(t, m)
		if len(m.Leaves) != 2 || string(m.Leaves[0].Content.(engine.Bytes)) != "one" || string(m.Leaves[1].Content.(engine.Bytes)) != "two" {
			t.Fatalf("%d leaves", len(m.Leaves))
		}
	})
}
