package htmltext_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

var options = htmltext.Options{ParseURL: names.ParseURL}

func project(t *testing.T, html string) engine.Page {
	t.Helper()
	page, defects := htmltext.Project(html, options)
	if len(defects) > 0 {
		t.Fatalf("defects %v", defects)
	}
	return page
}

func TestTextIsLaidOutAsAReaderSeesIt(t *testing.T) {
	for _, tc := range []struct{ name, html, want string }{
		{"nothing", "", ""},
		{"no markup", "just text", "just text"},
		{"blocks are lines", "<p>one</p><p>two</p><div>three<div>four</div>five</div>", "one\ntwo\nthree\nfour\nfive"},
		{"breaks", "a<br>b<br/>c</br>d", "a\nb\nc\nd"},
		{"inline is not parted", "evil<b>.</b><i>ex</i>ample<span></span>.com", "evil.example.com"},
		{"cells are parted", "<table><tr><td>a.com</td><td>b.com</td></tr><tr><td>c</td></tr></table>", "a.com\tb.com\nc"},
		{"cells that are never closed", "<table><tr><td>a<td>b<tr><td>c</table>d", "a\tb\nc\nd"},
		{"white space collapses", " a \r\n\t b&nbsp;&nbsp;c\u00a0 d ", "a b c d"},
		{"space at a tag", "<b>a </b> b<i> c</i>", "a b c"},
		{"entities", "&lt;a&gt; &amp;amp; &#x41;&#66; &eacute; &unknown;", "<a> &amp; AB é &unknown;"},
		{"preformatted", "<pre>a\n  b\n\nc</pre>d", "a\nb\nc\nd"},
		{"less-than in text", "1 < 2 and a<b", "1 < 2 and a"},
		{"unclosed tag at the end", "shown<a href=\"http://x", "shown"},
		{"unclosed comment", "shown<!-- never", "shown"},
		{"comment in a word", "pay<!-- x -->pal", "paypal"},
		{"script and style", "a<script>var x = '<p>no</p>'</script><style>p{}</style>b", "ab"},
		{"title is not text", "<head><title>no</title></head>a", "a"},
		{"noscript is shown", "<noscript><p>shown <a href='http://a.example/'>x</a></p></noscript>", "shown x"},
		{"noframes holds markup as text", "<noframes><style></noframes>shown", "shown"},
		{"lists", "<ul><li>a<li>b</ul>c", "a\nb\nc"},
		{"paragraph ended by a block", "<p>a<div>b</div>", "a\nb"},
		{"zero-width characters", "p\u200bay\u00adp\u2060al\ufeff &zwnj;x", "paypal x"},
		{"joiner in an emoji", "👩\u200d💻", "👩\u200d💻"},
		{"buttons", `<input type="submit" value="Log in"><button>Go</button>`, "Log in Go"},
		{"downlevel-hidden", "a<!--[if mso]><p>outlook</p><![endif]-->b", "ab"},
		{"downlevel-revealed", "a<![if !mso]><p>all</p><![endif]>b", "a\nall\nb"},
		{"downlevel-revealed in comments", "<!--[if !mso]><!-->shown<!--<![endif]-->", "shown"},
		{"textarea", "<textarea>a <b>b</b></textarea>", "a <b>b</b>"},
		{"plaintext", "<plaintext>a <b>b", "a <b>b"},
		{"broken bytes", "a\xff\xfeb", "a\xff\xfeb"},
		{"upper case", "<P>A</P><DIV>B</DIV>", "A\nB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, project(t, tc.html).DisplayText); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHiddenText(t *testing.T) {
	for _, tc := range []struct{ name, html, shown, hidden string }{
		{"display none", `a<span style="display:none">x</span>b`, "ab", "x"},
		{"spaces and case", `a<span STYLE=" Display : NONE !important ">x</span>b`, "ab", "x"},
		{"visibility", `a<span style="visibility:hidden">x<b style="visibility:visible">y</b></span>b`, "ayb", "x"},
		{"font size zero", `<td style="font-size:0"><span style="font-size:13px">shown</span>x</td>`, "shown", "x"},
		{"font size one pixel", `a<font style="font-size:1px">x</font>`, "a", "x"},
		{"font shorthand", `a<b style="font: bold 0px/1 Arial">x</b>`, "a", "x"},
		{"opacity", `a<b style="opacity:0.0">x</b><b style="opacity:0.5">y</b>`, "ay", "x"},
		{"same colour", `<div style="background-color:#FFF">a<span style="color:white">x</span></div>`, "a", "x"},
		{"nearly the same colour", `<td bgcolor="#ffffff">a<font color="#fefefe">x</font></td>`, "a", "x"},
		{"colour over a picture", `<div style="background:#fff url(x.png)"><span style="color:#fff">shown</span></div>`, "shown", ""},
		{"white without a known background", `<span style="color:#fff">shown</span>`, "shown", ""},
		{"transparent", `a<b style="color:transparent">x</b><b style="color:rgba(1,2,3,0)">y</b>`, "a", "xy"},
		{"attribute", `a<p hidden>x</p>b`, "a\nb", "x"},
		{"off screen", `a<div style="position:absolute;left:-9999px">x</div>b`, "a\nb", "x"},
		{"indent", `a<div style="text-indent:-9999px">x</div>b`, "a\nb", "x"},
		{"no height", `a<div style="max-height:0px;overflow:hidden">x</div>b`, "a\nb", "x"},
		{"no height but overflowing", `<div style="height:0">shown</div>`, "shown", ""},
		{"mso-hide", `a<div style="mso-hide:all">x</div>b`, "a\nb", "x"},
		{"template", `a<template>x</template>b`, "ab", "x"},
		{"class", `<style>.k, #i { display:none }</style>a<b class="j k">x</b><i id=i>y</i>b`, "ab", "xy"},
		{"class for some screens only", `<style>@media (max-width:600px){.k{display:none}}</style>a<b class="k">b</b>`, "ab", ""},
		{"class with other selectors", `<style>p .k{display:none} .k:hover{display:none}</style>a<b class="k">b</b>`, "ab", ""},
		{"own style beats a class", `<style>.k{font-size:0}</style><b class="k" style="font-size:12px">shown</b>`, "shown", ""},
		{"end tag inside a cell does not reveal", `<div style="display:none"><table><tr><td></div>x</td></tr></table></div>b`, "b", "x"},
		{"paragraph ended by a block", `<p style="display:none">x<div>shown</div>`, "shown", "x"},
		{"hidden inside hidden", `<div hidden>x<div style="display:block">y</div></div>b`, "b", "x\ny"},
		{"hidden void", `a<img hidden><br hidden>b`, "a\nb", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page := project(t, tc.html)
			var hidden []string
			end := 0
			for _, h := range page.Hidden {
				if h.Start < end || h.End <= h.Start || h.End > len(page.InnerText) {
					t.Fatalf("hidden ranges %v of %d bytes", page.Hidden, len(page.InnerText))
				}
				end = h.End
				hidden = append(hidden, page.InnerText[h.Start:h.End])
			}
			if page.DisplayText != tc.shown || strings.Join(hidden, "") != tc.hidden {
				t.Errorf("shown %q hidden %q, want %q and %q", page.DisplayText, hidden, tc.shown, tc.hidden)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	type facts struct {
		Text, Href, Shown   string
		Mismatched, Visible bool
	}
	for _, tc := range []struct {
		name, html string
		want       []facts
	}{
		{"plain", `<a href="http://a.example.com/x">Click</a>`, []facts{{"Click", "http://a.example.com/x", "", false, true}}},
		{"mismatched", `<a href="http://evil.com/">https://paypal.com/login</a>`, []facts{{"https://paypal.com/login", "http://evil.com/", "https://paypal.com/login", true, true}}},
		{"host as text", `<a href="http://evil.com/">www.paypal.com</a>`, []facts{{"www.paypal.com", "http://evil.com/", "http://www.paypal.com/", true, true}}},
		{"same registrable domain", `<a href="http://click.paypal.com/">paypal.com</a>`, []facts{{"paypal.com", "http://click.paypal.com/", "http://paypal.com/", false, true}}},
		{
			"behind a protection service", `<a href="https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fpaypal.com%2Fx&amp;data=1">paypal.com</a>`,
			[]facts{{"paypal.com", "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fpaypal.com%2Fx&data=1", "http://paypal.com/", false, true}},
		},
		{"nested", `<a href="http://a.com/">one<a href="http://b.com/">two</a>`, []facts{{"one", "http://a.com/", "", false, true}, {"two", "http://b.com/", "", false, true}}},
		{"never closed", `<a href="http://a.com/">one <b>two`, []facts{{"one two", "http://a.com/", "", false, true}}},
		{"hidden", `<div style="display:none"><a href="http://a.com/">x</a></div>`, []facts{{"", "http://a.com/", "", false, false}}},
		{"partly hidden", `<a href="http://a.com/">on<span hidden>XX</span>e</a>`, []facts{{"one", "http://a.com/", "", false, true}}},
		{"picture", `<a href="http://a.com/"><img src="x.png"></a>`, []facts{{"", "http://a.com/", "", false, true}}},
		{"empty", `<a href="http://a.com/"></a>`, []facts{{"", "http://a.com/", "", false, false}}},
		{"no target", `<a name="x">y</a><a href="#top">z</a><a href=" ">w</a>`, nil},
		{"line breaks in the target", "<a href=\" ht\ntp://a.com/\tx \">y</a>", []facts{{"y", "http://a.com/x", "", false, true}}},
		{"base", `<base href="http://evil.com/a/"><a href="../b?c">x</a><a href="//d.com/">y</a>`, []facts{{"x", "http://evil.com/b?c", "", false, true}, {"y", "http://d.com/", "", false, true}}},
		{"entities in the target", `<a href="http://a.com/?x=1&amp;y=2">x</a>`, []facts{{"x", "http://a.com/?x=1&y=2", "", false, true}}},
		{"area", `<map><area href="http://a.com/" alt="x"></map>`, []facts{{"", "http://a.com/", "", false, true}}},
		{"mail address", `<a href="mailto:a@b.com">a@b.com</a>`, []facts{{"a@b.com", "mailto:a@b.com", "", false, true}}},
		{"data", `<a href="data:image/png,` + strings.Repeat("x", 1000) + `">x</a>`, []facts{{"x", "data:image/png," + strings.Repeat("x", 113), "", false, true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page := project(t, tc.html)
			var got []facts
			for _, l := range page.Links {
				got = append(got, facts{l.DisplayText, l.HrefURL.URL, l.DisplayURL.URL, l.Mismatched, l.Visible})
				if l.Span.Start > l.Span.End || l.Span.End > len(page.InnerText) {
					t.Errorf("span %v of %d bytes", l.Span, len(page.InnerText))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestNothingIsLostBehindRawElements that HTML takes everything for the content of.
func TestNothingIsLostBehindRawElements(t *testing.T) {
	for _, tc := range []struct {
		name, html   string
		inner, shown string
		links        string
	}{
		{"title", "<title>no <a href='http://n.com/'>x</a></title>a", "a", "a", ""},
		{"title, unclosed", "<title>yes <a href='http://n.com/'>x</a>", "yes x", "yes x", "http://n.com/"},
		{"iframe", "a<iframe>no <a href='http://n.com/'>x</a></iframe>b", "ano xb", "ab", "http://n.com/"},
		{"iframe, unclosed", "a<iframe>yes <a href='http://n.com/'>x</a>b", "ayes xb", "ayes xb", "http://n.com/"},
		{"noembed", "<noembed><a href='http://n.com/'>x</a></noembed>b", "xb", "b", "http://n.com/"},
		{"noembed, unclosed", "<noembed><a href='http://n.com/'>x</a>b", "xb", "xb", "http://n.com/"},
		{"noframes", "<noframes><body><p>x<a href='http://n.com/'>y</a></body></noframes>b", "xy\nb", "b", "http://n.com/"},
		{"noframes, unclosed", "<noframes><body><p>x<a href='http://n.com/'>y</a>", "xy", "xy", "http://n.com/"},
		{"noframes that closes what stands around it", "<div>a<noframes>x</div>y</noframes>b</div>c", "axyb\nc", "ab\nc", ""},
		{"noframes in a link", "<a href='http://n.com/'>a<noframes>x</noframes>b</a>", "axb", "ab", "http://n.com/"},
		{"noframes in noframes", "<noframes>a<noframes>b</noframes>c</noframes>d", "abcd", "cd", ""},
		{"noembed in an iframe", "<iframe>a<noembed>b</noembed>c</iframe>d", "abcd", "d", ""},
		{"noembed that ends behind its iframe", "<iframe>a<noembed>b</iframe>c</noembed>d", "abcd", "cd", ""},
		{"style, unclosed", "<style>b{color:red}<p>x<a href='http://n.com/'>y</a>", "xy", "xy", "http://n.com/"},
		{"style, unclosed, its rules", "<style>.h{display:none}<p>x<b class=h>y</b>", "xy", "x", ""},
		{"script, unclosed", "<script>if (i<n) f('<b>')<div>x<a href='http://n.com/'>y</a>", "xy", "xy", "http://n.com/"},
		{"script, unclosed, without markup", "<script>if (i<n) f()", "", "", ""},
		{"script, closed in a comment only", "<script><!-- <script> </script>x<a href='http://n.com/'>y</a>", "xy", "xy", "http://n.com/"},
		{"script, closed", "<script>'<p>'+'</p>'</script>x", "x", "x", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page := project(t, tc.html)
			links := ""
			for _, l := range page.Links {
				links += l.HrefURL.URL
			}
			got, want := []string{page.InnerText, page.DisplayText, links}, []string{tc.inner, tc.shown, tc.links}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReferences(t *testing.T) {
	page := project(t, `<base href="http://b.com/"><body background="bg.png"><img src="/a.png" srcset="http://c.com/1.png 1x, http://c.com/2.png 2x">
		<form action="http://d.com/post"><button formaction=e></form><iframe src="http://f.com/"></iframe><script src="http://g.com/s.js"></script>
		<link rel=stylesheet href="http://h.com/s.css"><meta http-equiv="Refresh" content="0; URL='http://i.com/'"><div style="background: url( 'http://j.com/x' )">
		<style>@import url(http://k.com/); .a{background:url("http://l.com/")}</style><img src="data:image/png;base64,AAAA"><img src="cid:logo@x"><video poster="http://m.com/p"></video>
		<object data="http://n.com/o"></object><!--[if mso]><v:roundrect href="http://o.com/"></v:roundrect><![endif]--><table background="http://p.com/t">`)
	var got []string
	for _, r := range page.Refs {
		got = append(got, r.Tag+" "+r.Attr+" "+r.URL)
	}
	want := []string{
		"base href http://b.com/", "body background http://b.com/bg.png", "img src http://b.com/a.png", "img srcset http://c.com/1.png", "img srcset http://c.com/2.png",
		"form action http://d.com/post", "button formaction http://b.com/e", "iframe src http://f.com/", "script src http://g.com/s.js",
		"link href http://h.com/s.css", "meta refresh http://i.com/", "div style http://j.com/x", "style  http://k.com/", "style  http://l.com/",
		"img src cid:logo@x", "video poster http://m.com/p", "object data http://n.com/o", "mso:v:roundrect href http://o.com/", "table background http://p.com/t",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRawOffsetCutsTheMarkup(t *testing.T) {
	raw := `<style>p{}</style><div>one<br><b>two</b></div><div hidden>three</div><p>four <a href="http://a.com/">five</a></p>`
	page := project(t, raw)
	for _, tc := range []struct{ before, rest string }{
		{"one", `<br><b>two</b></div>`}, {"two", `</b></div><div hidden>`}, {"three", `</div><p>four`}, {"four", `<a href`}, {"five", `</a></p>`},
	} {
		at := htmltext.RawOffset(raw, strings.Index(page.InnerText, tc.before)+len(tc.before), options)
		if !strings.HasPrefix(raw[at:], tc.rest) {
			t.Errorf("behind %q stands %q, want %q", tc.before, raw[at:], tc.rest)
		}
	}
	if at := htmltext.RawOffset(raw, 0, options); at != 0 {
		t.Errorf("behind nothing: %d", at)
	}
	if at := htmltext.RawOffset(raw, len(page.InnerText)+1, options); at != len(raw) {
		t.Errorf("behind everything: %d of %d", at, len(raw))
	}
}

func TestCapsAreReportedAndTextGoesOn(t *testing.T) {
	small := htmltext.Options{ParseURL: names.ParseURL, Limits: engine.Limits{HTMLDepth: 10, Links: 3, Text: 1 << 20}}
	for _, tc := range []struct{ name, html, code, want string }{
		{"depth", strings.Repeat("<div>", 100) + "deep" + strings.Repeat("</div>", 100) + "after", engine.DefectHTMLDepth, "deep\nafter"},
		{"links", strings.Repeat(`<a href="http://a.com/">x</a>`, 5), engine.DefectLinks, "xxxxx"},
		{"text", "first" + strings.Repeat(" ", 1<<20), engine.DefectText, "first"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page, defects := htmltext.Project(tc.html, small)
			if len(defects) != 1 || defects[0].Code != tc.code || !defects[0].Cap {
				t.Errorf("defects %v", defects)
			}
			if page.DisplayText != tc.want {
				t.Errorf("text %q, want %q", page.DisplayText, tc.want)
			}
		})
	}
}

// TestTimeIsLinear compares one size with eight times that size.
func TestTimeIsLinear(t *testing.T) {
	for name, unit := range map[string]string{
		"nested":          "<div><b style='color:#fff;background:#fff'>x",
		"end tags":        "<b></i></b></div>",
		"links":           `<a href="http://a.com/x">y`,
		"cells":           "<table><td><td>x",
		"rules":           "<style>.a{display:none}</style><b class='a'>x</b>",
		"hidden":          "<b hidden>x</b>y<a href=//a.com>z</a>",
		"attributes":      "<p a=1 b=2 c=3 style='a:b;c:d;e:f'>",
		"unclosed quotes": `<a href="x `,
		"comments":        "<!--[if x]><a href='http://a.com/'><!-- ",
		"less-than":       "<<<<",
		"unclosed raw":    "<iframe><noframes><noembed><title>x",
		"unclosed script": "<script>a<b<!--<script>",
		"closed in parts": "<script><!--<script></script>",
		"raw in raw":      "<iframe><noframes>x</iframe>",
		"entities":        "&&amp;&#;&#x;",
	} {
		t.Run(name, func(t *testing.T) {
			small, large := strings.Repeat(unit, 40<<10/len(unit)), strings.Repeat(unit, 320<<10/len(unit))
			a, b := best(func() { htmltext.Project(small, options) }), best(func() { htmltext.Project(large, options) })
			if b > 40*a+50*time.Millisecond {
				t.Errorf("8 times the input takes %v instead of %v", b, a)
			}
		})
	}
}

func best(f func()) time.Duration {
	least := time.Hour
	for range 3 {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}

func FuzzProject(f *testing.F) {
	for _, s := range []string{
		`<p>a<a href="http://a.com/">b</a>`, `<div style="display:none">x</div>`, `<style>.a{color:red}</style><b class=a>`, "<!--[if mso]><a href=x><![endif]-->",
		"<table><td>a<td>b", "<base href=http://a.com><a href=b>c", "<a href=data:x>\xff</a>", "<p hidden>\u200b\u200d</p>", "<noscript><a href=x>", "&#0;&#xD800;<plaintext>",
		"<noframes><div>a</noframes>b</div><iframe>c<title>d", "<style>a{}<p>x<script>'<p>'<div>y", "<script><!--<script></script>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		page, _ := htmltext.Project(raw, options)
		end := 0
		for _, h := range page.Hidden {
			if h.Start < end || h.End <= h.Start || h.End > len(page.InnerText) {
				t.Fatalf("hidden %v of %d bytes", page.Hidden, len(page.InnerText))
			}
			end = h.End
		}
		for _, l := range page.Links {
			if l.Span.Start < 0 || l.Span.Start > l.Span.End || l.Span.End > len(page.InnerText) {
				t.Fatalf("link %v of %d bytes", l.Span, len(page.InnerText))
			}
		}
		if len(page.DisplayText) > len(page.InnerText) {
			t.Fatalf("more is shown than there is: %q of %q", page.DisplayText, page.InnerText)
		}
	})
}

// sample is mark-up as newsletters write it.
var sample = strings.Repeat(`<table width="600" cellpadding="0" cellspacing="0" style="border-collapse:collapse;background-color:#ffffff"><tr>
<td align="center" style="padding:20px 30px;font-family:Arial,sans-serif;font-size:14px;line-height:20px;color:#333333"><p style="margin:0">Dear customer,
your parcel could not be delivered. Please <a href="https://example.com/track?id=12345&amp;utm_source=mail" target="_blank" style="color:#0066cc">follow this link</a>.</p>
<img src="https://example.com/logo.png" width="100" height="40" alt="logo"></td></tr></table>
`, 40)

func BenchmarkProject(b *testing.B) {
	b.SetBytes(int64(len(sample)))
	b.ReportAllocs()
	for b.Loop() {
		htmltext.Project(sample, options)
	}
}
