package htmlpath_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/internal/htmlpath"
)

const page = `<html><head><title>Hi</title></head><body>
<form action="https://evil.example/login" method=post><input type=password name=p><input TYPE=hidden value=1></form>
<ul><li>one<li class="two x">two <b>bold</b><li>three</ul>
<a href="https://a.example">A <i>link</i></a><a name=x>no target</a>
<div><div><a href="https://b.example">B</a></div></div>
<p>first<p>second</body></html>`

func find(t *testing.T, html, path string) []string {
	t.Helper()
	p, err := htmlpath.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := p.Find(htmlpath.ParseHTML(html), 100, func(int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range nodes {
		out = append(out, n.Name+":"+n.Text)
	}
	return out
}

func TestFind(t *testing.T) {
	tests := []struct {
		name, path string
		want       []string
	}{
		{"anywhere", "//a", []string{"a:A link", "a:no target", "a:B"}},
		{"attribute", "//a/@href", []string{"a:https://a.example", "a:https://b.example"}},
		{"has attribute", "//a[@href]", []string{"a:A link", "a:B"}},
		{"attribute is", `//input[@type="password"]/@name`, []string{"input:p"}},
		{"attribute is not", `//input[@type!="password"]/@type`, []string{"input:hidden"}},
		{"from the root", "/html/body/div/div/a", []string{"a:B"}},
		{"names in any case", "//TITLE", []string{"title:Hi"}},
		{"position", "//li[2]", []string{"li:two bold"}},
		{"items end each other", "//li", []string{"li:one", "li:two bold", "li:three"}},
		{"paragraphs end each other", "//p", []string{"p:first", "p:second"}},
		{"contains", `//form[contains(@action, "evil")]/input[1]/@type`, []string{"input:password"}},
		{"text contains", `//li[contains(text(), "bold")]`, []string{"li:two bold"}},
		{"starts with", `//a[starts-with(@href, 'https://b')]`, []string{"a:B"}},
		{"and, or, not", `//li[contains(., "t") and not(@class) or @class="two x"]`, []string{"li:two bold", "li:three"}},
		{"any element", "//form/*/@type", []string{"input:password", "input:hidden"}},
		{"text", "//a/text()", []string{"a:A ", "a:no target", "a:B"}},
		{"text below", "//div//text()", []string{"a:B"}},
		{"union", "//title | //i", []string{"title:Hi", "i:link"}},
		{"below below counts once", "//div//a", []string{"a:B"}},
		{"nothing", "//script", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, find(t, page, tt.path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	tests := []struct {
		path string
		want htmlpath.SyntaxError
	}{
		{"", htmlpath.SyntaxError{0, "a path starts with / or //"}},
		{"a", htmlpath.SyntaxError{0, "a path starts with / or //"}},
		{"//", htmlpath.SyntaxError{2, "expected a name"}},
		{"//a[", htmlpath.SyntaxError{4, "expected @name, text(), a position or a function"}},
		{"//a[@b=c]", htmlpath.SyntaxError{7, "expected a text in quotes"}},
		{"//a[0]", htmlpath.SyntaxError{5, "positions count from 1"}},
		{"//a[@b", htmlpath.SyntaxError{6, "expected ]"}},
		{"//a/@b/c", htmlpath.SyntaxError{8, "nothing can stand behind @b"}},
		{"//a)", htmlpath.SyntaxError{3, `unexpected ")"`}},
		{strings.Repeat("/a", 60), htmlpath.SyntaxError{102, "too many steps"}},
		{"//a[" + strings.Repeat("(", 60), htmlpath.SyntaxError{54, "too many brackets"}},
	}
	for _, tt := range tests {
		_, err := htmlpath.Parse(tt.path)
		var got *htmlpath.SyntaxError
		if !errors.As(err, &got) {
			t.Errorf("Parse(%q) = %v, want a syntax error", tt.path, err)
			continue
		}
		if diff := cmp.Diff(tt.want, *got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tt.path, diff)
		}
	}
}

// The cost of a document grows with its size, not with the square of it.
func TestHostilePagesTakeLinearTime(t *testing.T) {
	tests := map[string]string{
		"deep":       "<div>",
		"wide":       "<a href=x></a>",
		"unclosed":   "<b><i><table>",
		"end tags":   "</a></b></c>",
		"attributes": "<a " + strings.Repeat("x=y ", 50) + ">",
	}
	p, err := htmlpath.Parse(`//div//div//*[contains(@href, "x")]//@href`)
	if err != nil {
		t.Fatal(err)
	}
	for name, unit := range tests {
		t.Run(name, func(t *testing.T) {
			took := func(n int) time.Duration {
				start := time.Now()
				text := strings.Repeat(unit, n/len(unit))
				if _, err := p.Find(htmlpath.ParseHTML(text), 100, func(int) error { return nil }); err != nil {
					t.Fatal(err)
				}
				return time.Since(start)
			}
			took(100_000)
			small, large := took(200_000), took(1_600_000)
			if large > 40*(small+time.Millisecond) {
				t.Errorf("8 times the text took %v after %v", large, small)
			}
		})
	}
}

func TestSpendEndsTheSearch(t *testing.T) {
	p, err := htmlpath.Parse("//a")
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	spent := 0
	_, err = p.Find(htmlpath.ParseHTML(strings.Repeat("<a>", 400)), 100, func(n int) error {
		if spent += n; spent > 100 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("error is %v", err)
	}
}

func FuzzPath(f *testing.F) {
	f.Add(page, `//a[@href and not(contains(text(), "x")) or 2]/@href | //text()`)
	f.Add("<a><b></a></b><table><td><td>", "//*[1]")
	f.Fuzz(func(t *testing.T, text, path string) {
		p, err := htmlpath.Parse(path)
		if err != nil {
			return
		}
		nodes, err := p.Find(htmlpath.ParseHTML(text), 10, func(int) error { return nil })
		if err != nil || len(nodes) > 10 {
			t.Errorf("%d nodes, error %v", len(nodes), err)
		}
	})
}
