package mail

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// maxThreads bounds the layers of one conversation.
const maxThreads = 50

// threads parts what was written last from what it quotes. The text of the body
// decides; links of the HTML go to the layer in which they are shown.
func (b *builder) threads() {
	body := &b.msg.Body
	layers := b.splitLayers(body.Text)
	html := layers
	if body.Text != body.HTML.DisplayText {
		html = b.splitLayers(body.HTML.DisplayText)
	}
	ends := make([]int, len(html))
	for i, l := range html {
		ends[i] = innerOffset(&body.HTML, l.end)
	}
	for i, l := range layers {
		t := engine.Thread{Text: l.text}
		if i < len(html) {
			start := 0
			if i > 0 {
				start = ends[i-1]
			}
			end := ends[i]
			if i == len(layers)-1 {
				end = len(body.HTML.InnerText) + 1
			}
			t.Links = linksIn(body.HTML.Links, start, end)
		}
		t.Links = b.addTextLinks(t.Links, l.text)
		if i == 0 {
			body.CurrentThread = t
			continue
		}
		body.PreviousThreads = append(body.PreviousThreads, t)
	}
}

// linksIn selects links by where they begin; links ascend.
func linksIn(links []*engine.Link, start, end int) []*engine.Link {
	var out []*engine.Link
	for _, l := range links {
		if l.Span.Start >= start && l.Span.Start < end {
			out = append(out, l)
		}
	}
	return out
}

// layer is one mail of a conversation; end is where it ends in the text.
type layer struct {
	text string
	end  int
}

// splitLayers cuts a text at every mark. Text below a quotation, at the level of
// the first layer, belongs to the first layer: an answer below the quotation.
func (b *builder) splitLayers(text string) []layer {
	var out []layer
	start, depth := 0, 0
	tail := ""
	for len(out) < maxThreads {
		m, ok := b.nextMark(text, start)
		if !ok {
			break
		}
		if m.kind == markQuote && depth > 0 && len(out) > 0 { // the quotation that the mark above announced
			m, ok = nextMark(text, nextLine(text, m.start))
			if !ok || m.kind == markQuote {
				break
			}
		}
		out = append(out, layer{clean(text[start:m.start], depth), m.start})
		start, depth = m.end, m.depth
		if m.kind == markWrote || m.kind == markQuote {
			depth++
			if len(out) == 1 {
				text, tail = cutTail(text, start)
			}
		}
	}
	out = append(out, layer{clean(text[min(start, len(text)):], depth), len(text)})
	if tail != "" {
		out[0].text = strings.TrimSpace(out[0].text + "\n" + tail)
	}
	return out
}

// cutTail takes the unquoted lines at the end of a text whose quotation begins
// at from. Without a quoted line behind from there is no tail: the program does
// not quote with marks.
func cutTail(text string, from int) (rest, tail string) {
	lastQuoted := -1
	for c := (cursor{text, from}); !c.done(); {
		line, next := c.line()
		if _, depth := unquote(line); depth > 0 {
			lastQuoted = next
		}
		c.off = next
	}
	if lastQuoted < 0 || lastQuoted >= len(text) {
		return text, ""
	}
	return text[:lastQuoted], strings.TrimSpace(text[lastQuoted:])
}

func clean(s string, depth int) string {
	return strings.TrimSpace(stripQuotes(s, depth))
}
