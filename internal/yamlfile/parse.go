package yamlfile

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Caps on one file.
const (
	MaxSize     = 16 << 20 // bytes
	maxExpanded = 200_000  // nodes that aliases may add
	maxDepth    = 200      // nodes inside each other
)

// Parse reads the one document of a file. Without diagnostics the node is not
// nil and has no duplicate keys in any mapping.
func Parse(name string, data []byte) (*Node, Diagnostics) {
	if len(data) > MaxSize {
		return nil, Diagnostics{{Pos: Pos{name, 1, 1}, Message: sprintf("the file has %d bytes", []any{len(data)}), Expected: "at most 16 MiB"}}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	src := newSource(name, string(data))
	if d := notText(src); d != nil {
		return nil, d
	}
	return parse(src, data)
}

func parse(src *source, data []byte) (*Node, Diagnostics) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, src.fault(1, 1, "the file is empty", "", "")
	} else if err != nil {
		return nil, src.syntax(err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, src.fault(second.Line, second.Column, "a second document", "one document per file", "put it into a file of its own")
	} else if !errors.Is(err, io.EOF) {
		return nil, src.syntax(err)
	}
	b := builder{src: src, done: map[*yaml.Node]*Node{}, open: map[*yaml.Node]bool{}}
	root := b.node(doc.Content[0], 0)
	b.checkWeight(root)
	return root, b.diags.Sorted()
}

// notText refuses what is not UTF-8 text before YAML sees it.
func notText(s *source) Diagnostics {
	for i := 0; i < len(s.data); {
		r, n := utf8.DecodeRuneInString(s.data[i:])
		if r == 0 || r == utf8.RuneError && n == 1 {
			p := s.pos(i)
			return Diagnostics{{
				Pos: p, Message: sprintf("the file is not text: byte 0x%02x", []any{s.data[i]}),
				Expected: "YAML in UTF-8",
			}}
		}
		i += n
	}
	return nil
}

func (s *source) fault(line, col int, message, expected, hint string) Diagnostics {
	return Diagnostics{{Pos: Pos{s.name, max(line, 1), max(col, 1)}, Message: message, Text: s.line(line), Expected: expected, Hint: hint}}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxHints say what to do about the errors of the YAML library that authors
// meet most.
var syntaxHints = []struct{ part, hint string }{
	{"mapping values are not allowed", "a text with `: ` in it must be quoted; a key must stand at the indentation of its neighbours"},
	{"cannot start any token", "indent with spaces, not tabs; quote a text that starts with @, ` or %"},
	{"did not find expected key", "check the indentation and the quotes of this line and the one before"},
	{"did not find expected '-' indicator", "every entry of the list starts with - at the same indentation"},
	{"did not find expected ',' or", "a list in [ ] or a mapping in { } is not closed, or a text in it needs quotes"},
	{"found unexpected end of stream", "a quote or bracket is not closed"},
	{"unknown escape character", "use single quotes, in which a backslash stands for itself"},
	{"unknown anchor", "define it with & before using it with *"},
	{"could not find expected ':'", "a key is followed by a colon and a space"},
}

// syntax turns an error of the YAML library into a diagnostic.
func (s *source) syntax(err error) Diagnostics {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		m = []string{"", "", err.Error()}
	}
	line, _ := strconv.Atoi(m[1])
	line = min(max(line, 1), len(s.lines))
	text := s.line(line)
	col := utf8.RuneCountInString(text[:len(text)-len(strings.TrimLeft(text, " \t"))]) + 1
	hint := ""
	for _, h := range syntaxHints {
		if strings.Contains(m[2], h.part) {
			hint = h.hint
			break
		}
	}
	return s.fault(line, col, "not valid YAML: "+m[2], "", hint)
}

// builder turns the library's nodes into ours.
type builder struct {
	src   *source
	diags Diagnostics
	done  map[*yaml.Node]*Node // what an anchor became
	open  map[*yaml.Node]bool  // nodes being built, to find cycles
}

func (b *builder) fail(y *yaml.Node, message, expected, hint string) {
	b.diags = append(b.diags, b.src.fault(y.Line, y.Column, message, expected, hint)...)
}

func (b *builder) node(y *yaml.Node, depth int) *Node {
	if y.Kind == yaml.AliasNode {
		return b.alias(y, depth)
	}
	n := &Node{src: b.src, style: y.Style, Tag: y.ShortTag(), weight: 1}
	n.line, n.col = b.src.inside(y.Line, y.Column)
	if depth > maxDepth {
		b.fail(y, "too many levels inside each other", "at most "+strconv.Itoa(maxDepth), "")
		return n
	}
	b.open[y] = true
	defer delete(b.open, y)
	b.fill(n, y, depth)
	b.done[y] = n
	return n
}

func (b *builder) fill(n *Node, y *yaml.Node, depth int) {
	switch y.Kind {
	case yaml.ScalarNode:
		n.Kind, n.Text = Scalar, y.Value
		if n.Tag == "!!null" {
			n.Kind = Null
		}
	case yaml.SequenceNode:
		n.Kind = Sequence
		for _, c := range y.Content {
			n.Items = append(n.Items, n.add(b.node(c, depth+1)))
		}
	case yaml.MappingNode:
		n.Kind = Mapping
		b.pairs(n, y, depth)
	}
}

func (b *builder) pairs(n *Node, y *yaml.Node, depth int) {
	seen := map[string]*Node{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := n.add(b.node(y.Content[i], depth+1)), n.add(b.node(y.Content[i+1], depth+1))
		switch first := seen[key.Text]; {
		case key.Tag == "!!merge":
			b.fail(y.Content[i], "merge keys are not supported", "", "write the keys out")
			continue
		case key.Kind == Sequence || key.Kind == Mapping:
			b.fail(y.Content[i], "a key is "+key.Kind.String(), "a name", "quote a text that starts with { or [")
			continue
		case first != nil:
			d := key.Errorf("the key %s stands here a second time", key.Text)
			d.Related = []Related{{first.Pos(), "it stands here first"}}
			b.diags = append(b.diags, d)
			continue
		}
		seen[key.Text] = key
		n.Pairs = append(n.Pairs, Pair{key, value})
	}
}

// add counts a child, with saturation, and returns it.
func (n *Node) add(c *Node) *Node {
	n.weight = min(n.weight+c.weight, 1<<40)
	return c
}

func (b *builder) alias(y *yaml.Node, depth int) *Node {
	if b.open[y.Alias] {
		b.fail(y, "the alias *"+y.Value+" stands inside what it refers to", "", "")
		n := &Node{src: b.src, weight: 1}
		n.line, n.col = b.src.inside(y.Line, y.Column)
		return n
	}
	if n := b.done[y.Alias]; n != nil {
		return n
	}
	return b.node(y.Alias, depth)
}

// checkWeight refuses documents that aliases blow up.
func (b *builder) checkWeight(root *Node) {
	if root.weight > len(b.done)+maxExpanded {
		b.diags = append(b.diags, root.Errorf("the aliases of this file expand to more than %d nodes", maxExpanded))
	}
}
