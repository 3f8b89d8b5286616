package threatqsim

import "strings"

// matches compares as the database does: without regard to case, % for any
// text and, where there is a %, _ for any character. "" matches all.
func matches(pattern, value string) bool {
	switch {
	case pattern == "":
		return true
	case !strings.Contains(pattern, "%"):
		return strings.EqualFold(pattern, value)
	}
	return like([]rune(strings.ToLower(pattern)), []rune(strings.ToLower(value)))
}

// like is SQL's LIKE in time proportional to the product of the lengths.
func like(pattern, value []rune) bool {
	p, v, star, mark := 0, 0, -1, 0
	for v < len(value) {
		switch {
		case p < len(pattern) && pattern[p] == '%':
			star, mark = p, v
			p++
		case p < len(pattern) && (pattern[p] == '_' || pattern[p] == value[v]):
			p++
			v++
		case star >= 0:
			mark++
			p, v = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '%' {
		p++
	}
	return p == len(pattern)
}
