package stixtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Test is one comparison of a pattern. Value is a string or an int64.
type Test struct {
	Path, Operator string
	Value          any
}

// ParsePattern reads a pattern of one observation whose comparisons are tied by AND:
// the part of section 9 of the standard that bundles need.
func ParsePattern(s string) (tests []Test, err error) {
	p := &parser{s}
	if !p.take("[") {
		return nil, errors.New("no observation begins")
	}
	for {
		t, err := p.test()
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
		if p.take(" AND ") {
			continue
		}
		if p.rest != "]" {
			return nil, fmt.Errorf("no end of the observation in %q", p.rest)
		}
		return tests, nil
	}
}

type parser struct{ rest string }

func (p *parser) take(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

func (p *parser) test() (t Test, err error) {
	if t.Path, err = p.path(); err != nil {
		return t, err
	}
	for _, o := range []string{"=", "ISSUBSET"} {
		if p.take(" " + o + " ") {
			t.Operator = o
			t.Value, err = p.value()
			return t, err
		}
	}
	return t, fmt.Errorf("no operator in %q", p.rest)
}

// path is type:step.step, where a step is a word, a quoted string, or [*].
func (p *parser) path() (string, error) {
	whole := p.rest
	if p.word("-") == "" || !p.take(":") {
		return "", fmt.Errorf("no type of object in %q", whole)
	}
	for {
		if strings.HasPrefix(p.rest, "'") {
			if _, err := p.quoted(); err != nil {
				return "", err
			}
		} else if p.word("_") == "" {
			return "", fmt.Errorf("no property in %q", p.rest)
		}
		p.take("[*]")
		if !p.take(".") {
			return whole[:len(whole)-len(p.rest)], nil
		}
	}
}

// word takes lower-case letters, digits and the sign in more.
func (p *parser) word(more string) string {
	n := 0
	for n < len(p.rest) && (p.rest[n] >= 'a' && p.rest[n] <= 'z' || p.rest[n] >= '0' && p.rest[n] <= '9' || strings.IndexByte(more, p.rest[n]) >= 0) {
		n++
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

func (p *parser) value() (any, error) {
	if strings.HasPrefix(p.rest, "'") {
		return p.quoted()
	}
	n, err := strconv.ParseInt(p.word(""), 10, 64)
	return n, err
}

func (p *parser) quoted() (string, error) {
	var out strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '\'':
			p.rest = p.rest[i+1:]
			return out.String(), nil
		case '\\':
			if i++; i >= len(p.rest) || p.rest[i] != '\\' && p.rest[i] != '\'' {
				return "", errors.New("an escape that there is not")
			}
			out.WriteByte(p.rest[i])
		default:
			out.WriteByte(c)
		}
	}
	return "", errors.New("a string without an end")
}
