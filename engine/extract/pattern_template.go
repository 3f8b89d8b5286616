package extract

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// template is a text with places for groups of a match. The empty one stands for
// the first group that took part in the match, or the match if none did.
type template []piece

// piece is a group, or a text when the group is literal.
type piece struct {
	text  string
	group int
}

const literal = -1

// parseTemplate reads $1, ${1}, $name, ${name} and $$. As in the standard
// library, a name without braces reaches as far as letters, digits and
// underscores go.
func parseTemplate(expression *regexp.Regexp, s string) (template, error) {
	var t template
	for {
		before, rest, found := strings.Cut(s, "$")
		if before != "" {
			t = append(t, piece{before, literal})
		}
		if !found {
			return t, nil
		}
		if strings.HasPrefix(rest, "$") {
			t, s = append(t, piece{"$", literal}), rest[1:]
			continue
		}
		name, after, ok := groupName(rest)
		if !ok {
			return nil, fmt.Errorf("a $ without the name of a group; write $$ for the sign")
		}
		group, err := groupIndex(expression, name)
		if err != nil {
			return nil, err
		}
		t, s = append(t, piece{group: group}), after
	}
}

// groupName reads the name behind a $.
func groupName(s string) (name, rest string, ok bool) {
	if strings.HasPrefix(s, "{") {
		name, rest, ok = strings.Cut(s[1:], "}")
		return name, rest, ok && name != ""
	}
	n := 0
	for n < len(s) && (isAlnum(s[n]) || s[n] == '_') {
		n++
	}
	return s[:n], s[n:], n > 0
}

func groupIndex(expression *regexp.Regexp, name string) (int, error) {
	if n, err := strconv.Atoi(name); err == nil {
		if n < 0 || n > expression.NumSubexp() {
			return 0, fmt.Errorf("there is no group %d: the expression has %d", n, expression.NumSubexp())
		}
		return n, nil
	}
	if n := expression.SubexpIndex(name); n >= 0 {
		return n, nil
	}
	return 0, fmt.Errorf("there is no group %q", name)
}

// expand fills the template in; a group that took no part is empty.
func (t template) expand(text string, match []int) string {
	if len(t) == 0 {
		from, to := t.span(match)
		return text[from:to]
	}
	var b strings.Builder
	for _, p := range t {
		if p.group == literal {
			b.WriteString(p.text)
		} else if from := match[2*p.group]; from >= 0 {
			b.WriteString(text[from:match[2*p.group+1]])
		}
	}
	return b.String()
}

// span is where the value stands: the group when the template is one, else the
// match.
func (t template) span(match []int) (from, to int) {
	if len(t) == 1 && t[0].group > 0 && match[2*t[0].group] >= 0 {
		return match[2*t[0].group], match[2*t[0].group+1]
	}
	for i := 2; i < len(match) && len(t) == 0; i += 2 {
		if match[i] >= 0 {
			return match[i], match[i+1]
		}
	}
	return match[0], match[1]
}
