package stix

import (
	"strconv"
	"strings"
)

// comparison is one test of a pattern (STIX 2.1 section 9): a path into an
// observable, an operator, and a string or a whole number.
type comparison struct {
	path, op string
	value    any
}

func equals(path string, value any) comparison { return comparison{path, "=", value} }

// pattern is an observation of one object that passes all tests.
func pattern(tests ...comparison) string {
	all := make([]string, len(tests))
	for i, t := range tests {
		all[i] = t.path + " " + t.op + " " + literal(t.value)
	}
	return "[" + strings.Join(all, " AND ") + "]"
}

// unquoted is where a string of a pattern would end or change its meaning. The
// language knows these two escapes and no others.
var unquoted = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

func literal(v any) string {
	if n, ok := v.(int64); ok {
		return strconv.FormatInt(n, 10)
	}
	return "'" + unquoted.Replace(v.(string)) + "'"
}
