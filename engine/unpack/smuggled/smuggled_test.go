package smuggled_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/smuggled"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
)

func read(t testing.TB, page string) []string {
	p, _ := tasktest.Read(t.Context(), "html", []byte(page), smuggled.Read)
	var got []string
	for _, c := range p.Children {
		b, _ := engine.ReadAll(c.Content, 1<<20)
		got = append(got, fmt.Sprintf("%s %s %d %t", c.FileType, c.FileName, len(b), c.IsInline))
	}
	return got
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// joined breaks a literal into pieces as scripts do.
func joined(s string, n int) string {
	var pieces []string
	for ; len(s) > n; s = s[n:] {
		pieces = append(pieces, `"`+s[:n]+`"`)
	}
	return strings.Join(append(pieces, `"`+s+`"`), " +\n   ")
}

func codes(b []byte) string {
	var all []string
	for _, c := range b {
		all = append(all, fmt.Sprint(c))
	}
	return strings.Join(all, ", ")
}

func TestPayloadsAreFound(t *testing.T) {
	zip := append([]byte("PK\x03\x04\x14\x00\x00\x00\x00\x00"), bytes.Repeat([]byte{1, 2, 250}, 40)...)
	html := []byte("<html><body><form action=\"https://steal.example/post\"><input name=p></form></body></html>")
	png := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{7, 0}, 60)...)
	var hexed strings.Builder
	for _, c := range html {
		fmt.Fprintf(&hexed, `\x%02x`, c)
	}
	zipped := fmt.Sprintf("zip invoice.zip %d false", len(zip))
	page := func(n int) []string { return []string{fmt.Sprintf("html payload-1.html %d false", n)} }
	tests := []struct {
		name, page string
		want       []string
	}{
		{"atob and download", `<script>var d=atob("` + b64(zip) + `"); a.download = "invoice.zip"; a.click()</script>`, []string{zipped}},
		{"in pieces", `<script>var d=` + joined(b64(zip), 20) + `; var fileName = 'invoice.zip';</script>`, []string{zipped}},
		{"a data URI in a link", `<a download="invoice.zip" href="data:application/zip;base64,` + b64(zip) + `">x</a>`, []string{zipped}},
		{"url alphabet, no padding", `<script>x("` + base64.RawURLEncoding.EncodeToString(zip) + `"); a.download="invoice.zip"</script>`, []string{zipped}},
		{"encoded twice", `<script>x("` + b64([]byte(b64(zip))) + `"); a.download="invoice.zip"</script>`, []string{zipped}},
		{"numbers", `<script>new Uint8Array([` + codes(zip) + `]); a.download="invoice.zip"</script>`, []string{zipped}},
		{"a page behind percent signs", `<script>document.write(unescape('` + strings.ReplaceAll(url.QueryEscape(string(html)), "+", "%20") + `'))</script>`, page(len(html))},
		{"a page in escapes", `<script>document.write("` + hexed.String() + `")</script>`, page(len(html))},
		{"a page in Base64", `<script>document.write(atob("` + b64(html) + `"))</script>`, page(len(html))},
		{"a picture", `<img src="data:image/png;base64,` + b64(png) + `">`, []string{fmt.Sprintf("png payload-1.png %d true", len(png))}},
		{"the same twice is one", `<script>a("` + b64(zip) + `");b("` + b64(zip) + `"); a.download="invoice.zip"</script>`, []string{zipped}},
		{"text of no interest", `<script>a("` + b64([]byte(strings.Repeat("just some words ", 10))) + `")</script>`, nil},
		{"a long word", "<p>" + strings.Repeat("Donaudampfschifffahrt", 30) + "</p>", nil},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(t, tt.page)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Pages made to be slow are not.
func TestTimeIsLinear(t *testing.T) {
	for name, unit := range map[string]string{"alphabet": "ABCD", "joints": `AAAA" + "`, "percent": "%41", "numbers": "1,", "escapes": `\x41`, "quotes": `"'`, "names": `download="`} {
		start := time.Now()
		read(t, strings.Repeat(unit, 4<<20/len(unit)))
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("%s: 4 MB take %s", name, took)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`<script>var d=atob("` + b64(bytes.Repeat([]byte("PK\x03\x04 http://"), 20)) + `"); a.download = "x.zip"</script>`)
	f.Add(`unescape('%3Chtml%3E%u0041')`)
	f.Add(codes(bytes.Repeat([]byte("<html>"), 20)))
	f.Fuzz(func(t *testing.T, page string) {
		if n := len(read(t, page)); n > 20 {
			t.Errorf("%d members", n)
		}
	})
}
