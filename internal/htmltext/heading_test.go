package htmltext_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/internal/htmltext"
)

func TestHeadings(t *testing.T) {
	tests := []struct {
		name, html string
		want       []string
	}{
		{"by element", `<h1>A</h1><p>b</p><h2>C d</h2>e<h6>F</h6>`, []string{"1 A", "2 C d", "6 F"}},
		{"in a cell", `<table><tr><td><h3>A</h3>b</td><td><h3>C</h3>d</td></tr></table>`, []string{"3 A", "3 C"}},
		{"of two lines", `<h2>A<br>b</h2><p>c</p>`, []string{"2 A\nb"}},
		{"with an element in it", `<h2><a href="http://a.example/"><b>A</b> b</a></h2>`, []string{"2 A b"}},
		{"a bold line", `<p><b>A b</b></p><p>c <strong>d</strong></p><div style="font-weight: 700">E</div><b>F<i> g</i></b><br>h`, []string{"7 A b", "7 E", "7 F g"}},
		{"bold by a style, and not", `<b style="font-weight:normal">a</b><br><span style="font-weight:bold">B</span><br><b><span style="font-weight:400">c</span></b>`, []string{"7 B"}},
		{"bold with a colon behind", `<b>a</b>: b`, nil},
		{"the head of a table", `<table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td>d</td></tr></table>`, nil},
		{"what is hidden is none", `<h2 style="display:none">a</h2><h2>B</h2>`, []string{"2 B"}},
		{"longer than a heading", `<h2>` + strings.Repeat("a ", 200) + `</h2>`, nil},
		{"never closed", `<h2>A<p>b`, []string{"2 A\nb"}},
		{"empty", `<h2></h2><h3> </h3>a`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := project(t, tt.html)
			var got []string
			for _, h := range page.Headings {
				got = append(got, fmt.Sprintf("%d %s", h.Level, page.InnerText[h.Span.Start:h.Span.End]))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReferencesKnowTheirPlace(t *testing.T) {
	page := project(t, `<img src="http://a.example/"><p>one</p><img src="http://b.example/"><p>two</p>`)
	var got []string
	for _, r := range page.Refs {
		got = append(got, fmt.Sprintf("%s behind %q", r.URL, page.InnerText[:r.At]))
	}
	if diff := cmp.Diff([]string{`http://a.example/ behind ""`, `http://b.example/ behind "one"`}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRawOffsetsAreThoseOfSinglePasses(t *testing.T) {
	raw := `<style>p{}</style><div>one<br><b>two</b></div><div hidden>three</div><p>four <a href="http://a.com/">five</a></p>`
	n := len(project(t, raw).InnerText)
	var all, want []int
	for i := range n + 2 {
		all = append(all, i)
		want = append(want, htmltext.RawOffset(raw, i, options))
	}
	if got := htmltext.RawOffsets(raw, all, options); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
