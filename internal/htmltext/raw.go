package htmltext

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// rawEnds remembers where the next end tag of each raw element is, so that a
// thousand start tags before one end tag, or before none, cost one search.
type rawEnds struct {
	document string
	ends     map[atom.Atom]int
	unseen   bool // inside an element whose markup nobody sees: one in another is of it
	plain    bool // a script went on to the end of the document: comments in scripts do not count
}

// rawContent reads the content of an element in which HTML sees no tags. Of style
// sheets the rules and URLs are taken. What is for programs without frames is
// markup that nobody sees. An element that is never closed has no content: some
// programs drop its tag, and show what follows.
func (p *projector) rawContent(tag atom.Atom, at *attributes) {
	start, end := p.z.end, p.rawEnd(tag)
	closed := end < len(p.z.in)
	switch tag {
	case atom.Script, atom.Style:
		if !closed {
			end = p.firstElement(start)
		}
		if tag == atom.Style {
			css := p.z.in[start:end]
			p.rules.parse(css)
			p.cssRefs("style", "", css)
		}
	case atom.Title:
		if !closed {
			end = start
		}
	default:
		if closed && !p.raw.unseen {
			p.unseen(tag, at, end)
		} else {
			end = start
		}
	}
	p.z.raw, p.z.end = "", end
}

// rawEnd returns where the end tag of the raw element that begins here is, the
// end of what is read when there is none.
func (p *projector) rawEnd(tag atom.Atom) int {
	start := p.z.end
	whole := scanner{in: p.raw.document, raw: p.z.raw}
	end, known := p.raw.ends[tag]
	if !known || end < start {
		end = whole.rawEnd(start)
		p.raw.ends[tag] = end
	}
	if tag == atom.Script && end < len(whole.in) && !p.raw.plain {
		if far := whole.scriptEnd(start); far < len(whole.in) {
			end = far
		} else {
			p.raw.plain = true
		}
	}
	return min(end, len(p.z.in))
}

// unseen reads markup that ends at end and that no reader sees.
func (p *projector) unseen(tag atom.Atom, at *attributes, end int) {
	in, depth := p.z.in, len(p.stack)
	p.z.in, p.z.raw, p.raw.unseen = in[:end], "", true
	at.style.none = true
	p.push(tag, at)
	for next := p.z.next(); next != endToken; next = p.z.next() {
		p.take(next)
	}
	if len(p.stack) > depth {
		p.popTo(depth)
	}
	p.z.in, p.raw.unseen = in, false
}

// firstElement returns where the first tag from i on is that scripts and style
// sheets hardly hold: one of a known element, and not at the start of a string.
func (p *projector) firstElement(i int) int {
	in := p.z.in
	for {
		n := strings.IndexByte(in[i:], '<')
		if n < 0 {
			return len(in)
		}
		i += n
		if (i == 0 || strings.IndexByte("\"'`", in[i-1]) < 0) && elementAt(in[i+1:]) {
			return i
		}
		i++
	}
}

// elementAt tells whether the name of an element of the layout, or of a link,
// stands at the start of s, behind a slash or not.
func elementAt(s string) bool {
	s = strings.TrimPrefix(s, "/")
	n := 0
	for n < len(s) && n < 24 && ends[s[n]]&endsName == 0 {
		n++
	}
	tag := tagOf(s[:n])
	_, known := kinds[tag]
	return n > 0 && n < len(s) && (known || tag == atom.A || tag == atom.Head)
}
