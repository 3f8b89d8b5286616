package extract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// TestHiddenTextTearsNoWord reads what a reader sees of a word as one, and what is
// hidden in it or beside it apart from that.
func TestHiddenTextTearsNoWord(t *testing.T) {
	const hide = `<span style="display:none">`
	for _, tc := range []struct {
		name, html string
		want       []string
	}{
		{"inside a host", "go to exam" + hide + "zzz</span>plehost.com now", []string{"text FQDN examplehost.com"}},
		{"twice inside a host", "go to ex" + hide + "a</span>ample" + hide + "b</span>host.com now", []string{"text FQDN examplehost.com"}},
		{"inside a URL", "see https://evil-" + hide + "no.</span>shop.icu/a", []string{"text URL https://evil-shop.icu/a", "url FQDN evil-shop.icu"}},
		{"a host that is hidden", "good" + hide + " at bad-host.top </span>bye", []string{"hidden FQDN bad-host.top"}},
		{"a sentence that ends hidden", hide + "a frase estável.</span>de casa", nil},
		{"a sentence that ends seen", "a frase estável." + hide + "de casa</span> ok", nil},
		{"nothing hidden", "see examplehost.com", []string{"text FQDN examplehost.com"}},
		{"hidden between words", "see " + hide + "other-host.com</span> examplehost.com", []string{"hidden FQDN other-host.com", "text FQDN examplehost.com"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			projected, _ := htmltext.Project("<p>"+tc.html+"</p>", htmltext.Options{Limits: engine.Limits{}.WithDefaults(), ParseURL: names.ParseURL})
			page := &projected
			var got []string
			for _, f := range extract.FindPage(page) {
				got = append(got, f.Spot.Context.String()+" "+f.Type+" "+f.Value)
				if s := f.Spot.Span; s.Start < 0 || s.End > len(page.InnerText) || s.Start > s.End {
					t.Errorf("%s stands at %v of %d", f.Value, s, len(page.InnerText))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestManyTornWordsCostLittle is linear in what is hidden.
func TestManyTornWordsCostLittle(t *testing.T) {
	page := func(n int) *engine.Page {
		p := &engine.Page{InnerText: strings.Repeat("abc.", n)}
		for i := range n {
			p.Hidden = append(p.Hidden, engine.Span{Start: 4*i + 1, End: 4*i + 2})
		}
		return p
	}
	small, large := page(20_000), page(80_000)
	for range 5 {
		one, four := elapsed(func() { extract.FindPage(small) }), elapsed(func() { extract.FindPage(large) })
		if four < 10*one {
			return
		}
	}
	t.Error("four times as much hidden text costs more than ten times the time")
}
