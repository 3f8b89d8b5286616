package htmltext_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReferencesInAttributesAreReadAsBrowsersDo holds the attribute state of
// WHATWG HTML section 13.2.5.73.
func TestReferencesInAttributesAreReadAsBrowsersDo(t *testing.T) {
	for _, tc := range []struct{ name, written, want string }{
		{"none", "http://a.com/?b=1", "http://a.com/?b=1"},
		{"with a semicolon", "http://a.com/?b=1&amp;c=2", "http://a.com/?b=1&c=2"},
		{"without, before an equals sign", "http://a.com/?a=1&copy=2&lt=3", "http://a.com/?a=1&copy=2&lt=3"},
		{"without, before a letter", "http://a.com/?a&notit", "http://a.com/?a&notit"},
		{"without, before a digit", "http://a.com/?a&amp1", "http://a.com/?a&amp1"},
		{"without, before something else", "http://a.com/?a&amp.b", "http://a.com/?a&.b"},
		{"without, at the end", "http://a.com/?a&amp", "http://a.com/?a&"},
		{"without, before another", "http://a.com/?a&amp&amp;b", "http://a.com/?a&&b"},
		{"a name that begins like another", "http://a.com/?a&notit;", "http://a.com/?a&notit;"},
		{"no name at all", "http://a.com/?a&=b&;c&", "http://a.com/?a&=b&;c&"},
		{"a name that only exists with a semicolon", "http://a.com/?a&period", "http://a.com/?a&period"},
		{"a semicolon by name", "http://a.com/?a&semi;b", "http://a.com/?a;b"},
		{"two characters by one name", "http://a.com/?a&fjlig;b", "http://a.com/?afjb"},
		{"numbers, with and without", "http://a.com/?a&#61;b&#x3d;c&#61d", "http://a.com/?a=b=c=d"},
		{"hidden scheme", "&#104;ttp&colon;//a&period;com&sol;x", "http://a.com/x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page := project(t, `<a href="`+tc.written+`">x</a>`)
			if len(page.Links) != 1 || page.Links[0].HrefURL.URL != tc.want {
				t.Errorf("links %+v, want %q", page.Links, tc.want)
			}
		})
	}
}

func TestHandlersLeadSomewhere(t *testing.T) {
	for _, tc := range []struct {
		name, tag string
		want      []string
	}{
		{"location", `<button onclick="location='http://a.com/x'">`, []string{"button onclick http://a.com/x"}},
		{"two in one", `<div OnMouseOver="a('https://a.com/');b(&quot;//b.com/&quot;)">`, []string{"div onmouseover https://a.com/", "div onmouseover https://b.com/"}},
		{"escaped slashes", `<body onload='window.open("http:\/\/a.com\/x")'>`, []string{"body onload http://a.com/x"}},
		{"never closed", "<body onload='go(`http://a.com/x'>", []string{"body onload http://a.com/x"}},
		{"no URL", `<a href=# onclick="return f('a','b')">x</a>`, nil},
		{"no handler", `<p one-time="'http://a.com/'" on="'http://b.com/'">`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, r := range project(t, tc.tag).Refs {
				got = append(got, r.Tag+" "+r.Attr+" "+r.URL)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
