package htmltext

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// seen is what both tokenizers say about a token.
type seen struct {
	Kind  string
	Raw   string
	Text  string // of a text
	Name  string
	Attrs []string // names and values; of several of one name the first
}

// oracle reads a document with the tokenizer of x/net.
func oracle(doc string) (all []seen) {
	z := html.NewTokenizer(strings.NewReader(doc))
	for {
		kind := z.Next()
		t := seen{Raw: string(z.Raw())}
		switch kind {
		case html.ErrorToken:
			return all
		case html.TextToken:
			t.Kind, t.Text = "text", string(z.Text())
		case html.CommentToken, html.DoctypeToken:
			t.Kind = "comment"
		case html.EndTagToken:
			name, _ := z.TagName()
			t.Kind, t.Name = "end", string(name)
		default:
			name, more := z.TagName()
			t.Kind, t.Name = "start", string(name)
			for more {
				var key, val []byte
				key, val, more = z.TagAttr()
				t.Attrs = append(t.Attrs, pair(doc, string(key), string(val)))
			}
		}
		all = append(all, t)
	}
}

// ours reads it with the scanner, and makes of the parts as written what the
// other makes of them.
func ours(doc string) (all []seen) {
	z := scanner{in: doc}
	for {
		kind := z.next()
		t := seen{Raw: z.in[z.start:z.end]}
		switch kind {
		case endToken:
			return all
		case textToken:
			t.Kind, t.Text = "text", z.content(true)
		case comment:
			t.Kind = "comment"
		case endTag:
			t.Kind, t.Name = "end", lowerName(z.name)
		case startTag:
			t.Kind, t.Name = "start", lowerName(z.name)
			known := map[string]bool{}
			for _, a := range z.attrs {
				if key := lowerName(z.part(a.key)); !known[key] {
					known[key] = true
					val := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "\ufffd").Replace(z.part(a.val))
					t.Attrs = append(t.Attrs, pair(doc, key, val))
				}
			}
		}
		all = append(all, t)
	}
}

// pair is an attribute; without its value in documents with references, which
// the scanner leaves as they are written.
func pair(doc, key, val string) string {
	if strings.Contains(doc, "&") {
		return key
	}
	return key + "=" + val
}

// lowerName lowers bytes: a name need not be UTF-8.
func lowerName(name string) string {
	low := []byte(strings.ReplaceAll(name, "\x00", "\ufffd"))
	for i, c := range low {
		if 'A' <= c && c <= 'Z' {
			low[i] = c + 'a' - 'A'
		}
	}
	return string(low)
}

// documents are the corners of the grammar.
var documents = map[string]string{
	"text":                  "plain &amp; simple\r\nlines\rof it",
	"brackets in text":      "a < b, 1 <2, <<b>, <",
	"tags":                  "<p class=x>one<br/>two</p ><A HREF='u'>x</a>",
	"quotes":                `<a title="a > b" alt='"' x=">y" y=a"b>z</a>`,
	"attributes":            "<a =b == c= d = e f=/g/ h/i=j k=l/ m=>x</a><a a=1 A=2 b b=3>",
	"unclosed tag":          "text <a href=x",
	"unclosed quote":        `text <a href="x>more</a>`,
	"unclosed end tag":      "text </a",
	"empty end tag":         "a</>b</ x>c</1>d</",
	"comments":              "a<!-- b -->c<!-->d<!--->e<!---->f<!--x--!>g<!--x--!->h-->i<!--->--><!--a--->",
	"comment without end":   "<!-- a --",
	"comment without end !": "<!-- a --!",
	"comment without end -": "<!-- a -",
	"comment of a dash":     "<!---",
	"declarations":          "<!DOCTYPE html><!doctype><?xml v?><!x><!><![CDATA[ a > b ]]><![if mso]>t<![endif]>",
	"declaration cut":       "<!",
	"declaration cut later": "<!DOCT",
	"raw elements":          "<style>a<b></style><title>a&amp;<b></Title ><textarea>\x00<p></textarea/>x<xmp>&lt;</xmp>",
	"raw without end":       "<style>a</styles></style",
	"raw and empty":         "<script></script><style/><p></p></style>x",
	"plaintext":             "<plaintext>a</plaintext>&amp;<b>",
	"noscript":              "<noscript><img src=x></noscript>",
	"script":                `<script>if (a<b) "</scripty>" </SCRIPT>x`,
	"script in a comment":   "<script><!-- <script> </script> --></script>x",
	"script left open":      "<script><!-- <script> x </script> <!-- </script>y",
	"script dashes":         "<script><!--></script><script><!-- - -- > --><script></script>a</script>",
	"script brackets":       "<script><!-- <> <script>- <script></script>a</script>b",
	"zero bytes":            "a\x00b<p\x00 c\x00=\x00>d<style>\x00</style>",
	"not UTF-8":             "<A\x92 B\xff=\xc3>\xe2\x80<style>\xff</STYLE\xff></style>",
	"long name":             "<plaintextual><x><xm><xmps a>b",
}

func TestScannerReadsAsTheTokenizerOfXNet(t *testing.T) {
	for name, doc := range documents {
		t.Run(name, func(t *testing.T) { compareScanner(t, doc) })
	}
}

// Real mails, as they are: their HTML is often encoded, so that tags are cut
// and quotes are lost where no author would do it.
func TestScannerReadsRealMailsAsTheTokenizerOfXNet(t *testing.T) {
	folder := os.Getenv("TQ_CORPUS")
	if folder == "" {
		t.Skip("TQ_CORPUS names no folder of mails")
	}
	mails, err := filepath.Glob(filepath.Join(folder, "*.eml"))
	if err != nil || len(mails) == 0 {
		t.Fatalf("no mails in %s: %v", folder, err)
	}
	for _, name := range mails {
		doc, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		compareScanner(t, string(doc))
	}
}

func FuzzScanner(f *testing.F) {
	for _, doc := range documents {
		f.Add(doc)
	}
	f.Fuzz(compareScanner)
}

func compareScanner(t *testing.T, doc string) {
	if diff := cmp.Diff(oracle(doc), ours(doc)); diff != "" {
		t.Errorf("tokens of %q (-x/net +ours):\n%s", doc, diff)
	}
}
