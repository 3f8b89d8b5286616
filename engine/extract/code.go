package extract

import (
	"strings"
	"unicode/utf8"
)

// versioned tells whether a name has an underscore, or a label of digits behind
// its first: files have ("lib-1.2.so", "a_b.tmpl.pl"), hosts hardly.
func versioned(w string) bool {
	_, rest, _ := strings.Cut(w, ".")
	for label := range strings.SplitSeq(rest, ".") {
		if allDigits(label) {
			return true
		}
	}
	return strings.IndexByte(w, '_') >= 0
}

func secondLast(w string) string {
	w = w[:strings.LastIndexByte(w, '.')]
	return w[strings.LastIndexByte(w, '.')+1:]
}

// member tells whether an atom is a member of what stands before it, as in
// "getElementById("x").style.top", "rows[0].map", "$.store.book" and "ctx->info.so".
func (s *scanner) member(i int) bool {
	w := s.word[:i]
	if i > 1 && w[i-1] == '.' {
		return strings.IndexByte(")]$", w[i-2]) >= 0
	}
	if w, ok := strings.CutSuffix(w, "->"); ok { // an arrow between names has a dot before it
		name := strings.LastIndexFunc(w, func(r rune) bool { return r != '_' && (r >= utf8.RuneSelf || !isAlnum(byte(r))) }) + 1
		return name < len(w) && (name == 0 || w[name-1] != '.')
	}
	return false
}

// code tells whether an atom is an expression of a program, a selector of a
// style sheet, or the reversed name of a package.
func (s *scanner) code(i, j int, w, ext string, labels int) bool {
	head := lowerASCII(w[:strings.IndexByte(w, '.')])
	common := ext == "com" || ext == "net" || ext == "org"
	switch {
	case objects[head] && (codeTails[ext] || labels > 2 || !common):
		return true
	case nouns[head] && (labels == 2 && !common || codeTails[ext] && members(w)):
		return true
	case (htmlTags[head] || len(head) == 1) && (codeTails[ext] || htmlTags[head] && len(head) == 1 && ext == "info") && labels == 2 && w != "t.me":
		return true
	case detectionHeads[head] && detectionPlatforms[lowerASCII(second(w))]:
		return true
	case elements[head] && codeTails[ext] && labels == 3:
		return true
	case labels > 2 && (head == "com" || head == "org" || head == "net") && !common:
		return true
	}
	if s.placeholder(i, j, ext) || !common && (s.selector(i, j) || s.program(i, j, ext)) || labels > 2 && fieldTails[ext] && fields(w) || s.declared(i, j, ext) {
		return true
	}
	next := byte(0)
	if j < len(s.word) {
		next = s.word[j]
	}
	if next == '{' && i > 0 && s.word[i-1] == '.' {
		return true // a selector of a style sheet
	}
	if next == '{' && (htmlTags[head] || elements[head]) || next == '(' && !common && (w[0] >= 'A' && w[0] <= 'Z' || head == "is" || head == "as") {
		return true
	}
	if next == '(' && (codeTails[ext] || j+1 < len(s.word) && (s.word[j+1] == ')' || s.word[j+1] == '"' || s.word[j+1] == '\'')) {
		return true
	}
	if i > 0 && (s.word[i-1] == '$' || s.word[i-1] == '#' && ext != "com") {
		return true
	}
	return codeTails[ext] && (camel(w) || !strings.ContainsAny(w, "-0123456789") && s.operatorFollows(j))
}

// placeholder tells whether an atom is what a template fills in: "{{order.id}}",
// "${cart.total}", "{% if user.name %}", "%unsub.link%". A name under a common suffix
// may stand in such brackets by itself.
func (s *scanner) placeholder(i, j int, ext string) bool {
	if i > 0 && j < len(s.word) && s.word[i-1] == '%' && s.word[j] == '%' {
		return true
	}
	from, _ := s.span(i, i+1)
	before := s.text[max(0, from-maxTag):from]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	if strings.LastIndex(before, "${") > strings.LastIndexByte(before, '}') {
		return true
	}
	if ext == "com" || ext == "net" || ext == "org" || len(ext) == 2 && !codeTails[ext] {
		return false
	}
	for _, tag := range [...]struct{ open, close string }{{"{{", "}}"}, {"#{", "}"}, {"<%", "%>"}, {"{%", "%}"}} {
		if strings.LastIndex(before, tag.open) > strings.LastIndex(before, tag.close) {
			return true
		}
	}
	return false
}

// maxTag is how far back, in bytes, the opening of a template's tag is looked for.
const maxTag = 64

// fields tells whether all labels of a name are words for fields of data.
func fields(w string) bool {
	for label := range strings.SplitSeq(w, ".") {
		if !fieldWords[lowerASCII(label)] {
			return false
		}
	}
	return true
}

// declared tells whether an atom is a package that a program names: "package
// com.acme.billing.service;", "using System.Net;".
func (s *scanner) declared(i, j int, ext string) bool {
	from, to := s.span(i, j)
	before := s.wordBefore(from)
	if from == 0 || s.text[from-1] != ' ' {
		return false
	}
	return declarations[before] && ext != "com" || before == "using" && to < len(s.text) && s.text[to] == ';'
}

// selector tells whether an atom is one of a style sheet: ".btn.info:hover".
func (s *scanner) selector(i, j int) bool {
	w := s.word
	if i == 0 || w[i-1] != '.' {
		return false
	}
	if _, to := s.span(i, j); j == len(w) && strings.HasPrefix(strings.TrimLeft(s.text[to:min(len(s.text), to+8)], " "), "{") {
		return true
	}
	if j >= len(w) || w[j] != ':' {
		return false
	}
	k := j + 1
	for k < len(w) && (isLetter(w[k]) || w[k] == '-' || w[k] == ':' && k == j+1) {
		k++
	}
	return pseudoClasses[lowerASCII(strings.TrimPrefix(w[j+1:k], ":"))]
}

// programSigns make a line that of a program: one of weight 2 with a member's name,
// two with any. In quotes a name is a text even there.
var programSigns = [...]struct {
	sign   string
	weight int
}{
	{"=> ", 2},
	{" == ", 2},
	{"===", 2},
	{" += ", 2},
	{"){", 2},
	{") {", 2},
	{"return ", 1},
	{"const ", 2},
	{"let ", 1},
	{"var ", 2},
	{"function ", 1},
	{"function(", 2},
	{"SELECT ", 2},
	{" FROM ", 1},
	{" JOIN ", 2},
	{" WHERE ", 1},
	{"self->", 1},
	{"this->", 1},
	{")->", 1},
	{"};", 2},
	{"if (", 1},
	{"for (", 1},
	{"this.", 1},
	{"self.", 1},
	{"());", 2},
	{"++;", 2},
	{"&& ", 1},
	{"|| ", 1},
	{" = ", 1},
	{" = {", 1},
	{" + ", 1},
	{" * ", 1},
	{"[0]", 1},
	{"[i]", 1},
	{"::", 1},
	{"();", 2},
}

// maxStatement is how much of a line, in bytes, is looked at on each side.
const maxStatement = 160

// program tells whether an atom stands in a line of a program, and in no quotes.
func (s *scanner) program(i, j int, ext string) bool {
	w := s.word[i:j]
	if strings.ContainsAny(w, "-0123456789") || len(ext) > 2 && !codeTails[ext] && ext != "info" && ext != "read" && w[1] != '.' {
		return false
	}
	from, to := s.span(i, j)
	if from > 0 && strings.IndexByte("\"'`", s.text[from-1]) >= 0 {
		return false
	}
	line := s.text[max(0, from-maxStatement):min(len(s.text), to+maxStatement)]
	at := min(from, maxStatement)
	if k := strings.LastIndexByte(line[:at], '\n'); k >= 0 {
		line, at = line[k+1:], at-k-1
	}
	if k := strings.IndexByte(line[at:], '\n'); k >= 0 {
		line = line[:at+k]
	}
	if !strings.ContainsAny(line, "=(){}[]+*|&>") && !strings.Contains(line, "SELECT ") {
		return false
	}
	weight := 0
	for _, p := range programSigns {
		if strings.Contains(line, p.sign) {
			weight += p.weight
		}
	}
	return weight >= 3 || weight == 2 && codeTails[ext]
}

// members tells whether every label between the first and the last is the name of
// a member: "event.target.id".
func members(w string) bool {
	_, rest, _ := strings.Cut(w, ".")
	for {
		label, more, ok := strings.Cut(rest, ".")
		if !ok {
			return true
		}
		if label = lowerASCII(label); !objects[label] && !nouns[label] && !codeTails[label] && label != "info" {
			return false
		}
		rest = more
	}
}

// operatorFollows tells whether a sign of a program comes right after a name. A
// semicolon with a space behind it separates the items of a list.
func (s *scanner) operatorFollows(j int) bool {
	w := s.word[j:]
	if w == "" {
		return false
	}
	if w == ";" {
		_, to := s.span(j, j+1)
		return !s.listGoesOn(to)
	}
	return strings.IndexByte("=[+;", w[0]) >= 0 || strings.HasPrefix(w, ");") || strings.HasPrefix(w, "&&") || strings.HasPrefix(w, "||")
}

// listGoesOn tells whether a space and another dotted name, or another command of a
// shell, follow.
func (s *scanner) listGoesOn(i int) bool {
	if i+1 >= len(s.text) || s.text[i] != ' ' {
		return false
	}
	next := wordAt(s.text, i+1)
	return strings.IndexByte(next, '.') > 0 && !strings.ContainsAny(next, "(=+{") || shellWords[next]
}

// second is the label behind the first.
func second(w string) string {
	_, rest, _ := strings.Cut(w, ".")
	label, _, _ := strings.Cut(rest, ".")
	return label
}

// camel tells whether a capital follows a small letter inside a label.
func camel(w string) bool {
	for i := 1; i < len(w); i++ {
		if w[i] >= 'A' && w[i] <= 'Z' && w[i-1] >= 'a' && w[i-1] <= 'z' {
			return true
		}
	}
	return false
}
