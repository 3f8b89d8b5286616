package extract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/extract"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// TestElementsWithoutMarkupHideNothing from the reader of indicators.
func TestElementsWithoutMarkupHideNothing(t *testing.T) {
	for _, row := range []struct{ name, html, want string }{
		{"a title", "<title>see hxxp://evil[.]example/x</title>a", "hidden http://evil.example/x"},
		{"a title with references", "<TITLE lang=en>http://evil.example/?a=1&amp;b=2</TITLE>", "hidden http://evil.example/?a=1&b=2"},
		{"a picture in a title", "<title><img src='http://evil.example/x.png'></title>", "hidden http://evil.example/x.png"},
		{"two titles", "<title>a</title><svg><title>http://evil.example/x</title></svg>", "hidden http://evil.example/x"},
		{"an unclosed title", "<title>http://evil.example/x <p>", "text http://evil.example/x"},
		{"noframes", "<noframes>http://evil.example/x</noframes>", "hidden http://evil.example/x"},
		{"a link in noframes", "<noframes><a href='http://evil.example/x'>x</a></noframes>", "link http://evil.example/x"},
		{"unclosed noframes", "<noframes><a href='http://evil.example/x'>x</a>", "link http://evil.example/x"},
		{"a picture in an iframe", "<iframe><img src='http://evil.example/x'></iframe>", "reference http://evil.example/x"},
		{"unclosed noembed", "<noembed><img src='http://evil.example/x'>", "reference http://evil.example/x"},
		{"an unclosed style sheet", "<style>a{b:c}<a href='http://evil.example/x'>x</a>", "link http://evil.example/x"},
		{"an unclosed script", "<script>a=b;<a href='http://evil.example/x'>x</a>", "link http://evil.example/x, reference http://evil.example/x"},
		{"a script with markup", "<script>f('<b></b>');location='http://evil.example/x'</script>", "reference http://evil.example/x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			page, _ := htmltext.Project(row.html, htmltext.Options{Limits: engine.Limits{}.WithDefaults(), ParseURL: names.ParseURL})
			var got []string
			for _, f := range extract.FindPage(&page) {
				if f.Type == "URL" {
					got = append(got, f.Spot.Context.String()+" "+f.Value)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(strings.Split(row.want, ", "), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
