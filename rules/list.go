package rules

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/internal/fold"
	"github.com/tqmailrules/tqmailrules/internal/names"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// list is a named list of a rule file. `in` asks it by its kind.
type list struct {
	name   string
	kind   string
	node   *yamlfile.Node // its definition
	file   string
	values []string // as written, in order, for patterns and for len and any
	hash   string

	set      map[string]struct{} // exact and suffix: what values fold to
	prefixes prefixSet           // cidr
}

// ListInfo describes a list, so that a report can say which content decided.
type ListInfo struct {
	Name, Kind, File string
	Entries          int
	SHA256           string // over the kind and the sorted entries
	Pos              yamlfile.Pos
}

var (
	listKeys  = keyNames(listKeyTable)
	listKinds = []string{"exact", "suffix", "cidr"}
)

// maxList is the size of a list file in bytes.
const maxList = 64 << 20

func (l *list) has(s string) bool {
	switch l.kind {
	case "cidr":
		return l.prefixes.has(s)
	case "suffix":
		return l.hasSuffix(s)
	}
	_, ok := l.set[fold.Fold(s)]
	return ok
}

// hasSuffix asks for a host name and each name above it.
func (l *list) hasSuffix(s string) bool {
	for s = hostName(s); s != ""; {
		if _, ok := l.set[s]; ok {
			return true
		}
		i := strings.IndexByte(s, '.')
		if i < 0 {
			return false
		}
		s = s[i+1:]
	}
	return false
}

// hostName brings a host name into the form of the message: lower case,
// A-labels, no dot at the end.
func hostName(s string) string {
	if plainHost(s) {
		return s
	}
	s = strings.Trim(s, ". ")
	if d := names.ParseHost(s).Domain; d != "" {
		return d
	}
	return strings.ToLower(s)
}

// plainHost says that a name has that form already, as those of a message do.
func plainHost(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && s[0] != '.' && s[len(s)-1] != '.'
}

// add enters a value; false when the kind does not allow it.
func (l *list) add(v string) bool {
	l.values = append(l.values, v)
	switch l.kind {
	case "cidr":
		return l.prefixes.add(v)
	case "suffix":
		v = hostName(strings.TrimPrefix(v, "*."))
		if v == "" || strings.ContainsAny(v, " /@") {
			return false
		}
		l.set[v] = struct{}{}
	default:
		l.set[fold.Fold(v)] = struct{}{}
	}
	return true
}

func (l *list) seal() {
	sorted := slices.Clone(l.values)
	slices.Sort(sorted)
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", l.kind)
	for _, v := range slices.Compact(sorted) {
		fmt.Fprintf(h, "%d:%s\n", len(v), v)
	}
	l.hash = hex.EncodeToString(h.Sum(nil))
}

// constants are the values as if they were written out.
func (l *list) constants() []constantTextAt {
	out := make([]constantTextAt, len(l.values))
	for i, v := range l.values {
		out[i] = constantTextAt{text: v}
	}
	return out
}

// list reads one definition.
func (l *loader) readList(name string, n *yamlfile.Node) {
	out := &list{name: name, node: n, set: map[string]struct{}{}}
	l.lists[name] = out // known from here on, even when it has mistakes
	f, ok := l.Fields(n, "list "+name, listKeys)
	if !ok {
		return
	}
	out.kind = "exact"
	if k, ok := l.Choice(f.Get("kind"), "kind of list", listKinds); ok {
		out.kind = k
	}
	switch {
	case f.Has("values") == f.Has("file"):
		d := n.Errorf("list %s needs either values or file", name)
		l.Add(d)
	case f.Has("values"):
		l.inlineValues(out, f.Get("values"))
	default:
		l.fileValues(out, f.Get("file"))
	}
	out.seal()
}

func (l *loader) inlineValues(out *list, n *yamlfile.Node) {
	items, _ := l.Items(n, "values of a list")
	for _, it := range items {
		v, ok := l.Filled(it, "a value of a list")
		if ok && !out.add(strings.TrimSpace(v)) {
			d := it.Errorf("%q is not %s", v, kindOfValue[out.kind])
			d.Expected = exampleOfValue[out.kind]
			l.Add(d)
		}
	}
}

var (
	kindOfValue    = map[string]string{"suffix": "a domain name", "cidr": "a CIDR block"}
	exampleOfValue = map[string]string{"suffix": "a name such as example.org", "cidr": "an address or a block such as 10.0.0.0/8"}
)

// fileValues reads a list file: .csv by its first column, .jsonl one JSON text
// or object with "value" per line, anything else one value per line.
func (l *loader) fileValues(out *list, n *yamlfile.Node) {
	path, ok := l.Filled(n, "file of a list")
	if !ok {
		return
	}
	out.file = l.relative(n.Pos().File, path)
	data, err := l.readFile(out.file)
	if err != nil {
		l.Add(n.Errorf("list file cannot be read: %s", reason(err)))
		return
	}
	bad := 0
	err = eachValue(out.file, data, func(line int, v string) {
		if !out.add(v) && bad < 20 {
			bad++
			l.Add(yamlfile.Diagnostic{
				Pos: yamlfile.Pos{File: out.file, Line: line, Col: 1}, Text: v,
				Message: fmt.Sprintf("%q is not %s", v, kindOfValue[out.kind]), Expected: exampleOfValue[out.kind],
				Related: []yamlfile.Related{{Pos: n.Pos(), Message: "the list " + out.name}},
			})
		}
	})
	if err != nil {
		l.Add(n.Errorf("list file %s: %s", out.file, err))
	}
}

func (l *loader) readFile(path string) ([]byte, error) {
	r, err := l.opt.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err == nil && len(data) > maxList {
		err = errors.New("larger than 64 MiB")
	}
	return data, err
}

func eachValue(path string, data []byte, add func(line int, v string)) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case strings.HasSuffix(path, ".csv"):
		return eachRow(data, add)
	case strings.HasSuffix(path, ".jsonl"):
		return eachLine(data, func(line int, s string) error {
			v, err := jsonValue(s)
			if err == nil {
				add(line, v)
			}
			return err
		})
	}
	return eachLine(data, func(line int, s string) error {
		if s[0] != '#' {
			add(line, s)
		}
		return nil
	})
}

func eachLine(data []byte, visit func(line int, s string) error) error {
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<20)
	for line := 1; sc.Scan(); line++ {
		if s := strings.TrimSpace(sc.Text()); s != "" {
			if err := visit(line, s); err != nil {
				return fmt.Errorf("line %d: %w", line, err)
			}
		}
	}
	return sc.Err()
}

func eachRow(data []byte, add func(line int, v string)) error {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.Comment, r.TrimLeadingSpace = -1, '#', true
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if v := strings.TrimSpace(row[0]); v != "" {
			line, _ := r.FieldPos(0)
			add(line, v)
		}
	}
}

var errJSONValue = errors.New(`neither a text nor an object with "value"`)

func jsonValue(s string) (string, error) {
	var text string
	if json.Unmarshal([]byte(s), &text) == nil && text != "" {
		return text, nil
	}
	var row struct{ Value string }
	if json.Unmarshal([]byte(s), &row) == nil && row.Value != "" {
		return row.Value, nil
	}
	return "", errJSONValue
}

// listOperand returns the list that a node names as lists.x, nil if it names none.
func (c *checker) listOperand(n ast.Node) *list {
	m, ok := n.(*ast.MemberNode)
	if !ok {
		return nil
	}
	id, ok := m.Node.(*ast.IdentifierNode)
	prop, isName := m.Property.(*ast.StringNode)
	if !ok || !isName || id.Value != "lists" || c.shadowed("lists") {
		return nil
	}
	return c.l.lists[prop.Value]
}

func (c *checker) inList(n *ast.BinaryNode, left ast.Node, t typ, l *list) (ast.Node, typ) {
	if !t.is(textKind) {
		return c.inMismatch(n, t, textsType)
	}
	return c.emit("in list", boolType, left, &ast.ConstantNode{Value: l}), boolType
}

// listValue checks lists.x where a value is wanted: it is a list of text.
func (c *checker) listValue(n *ast.MemberNode, name string) (ast.Node, typ) {
	l := c.l.lists[name]
	if l == nil {
		return c.fail(n, "unknown list "+name, suggest(name, sortedKeys(c.l.lists)))
	}
	return &ast.ConstantNode{Value: l.values}, textsType
}
