package threatqsim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// maxNesting of conditions inside each other.
const maxNesting = 20

// sound tries the conditions on an object that does not exist, so that wrong
// ones are refused by an empty collection, too.
func sound(in wire.Query) error {
	probe := &node{kind: kinds["events"]}
	_, err := probe.holds(in.Criteria, 0)
	if err == nil {
		_, err = probe.holds(in.Filters, 0)
	}
	return err
}

// holds tells whether all conditions of an object are true of a node.
func (n *node) holds(conditions map[string]any, depth int) (bool, error) {
	if depth > maxNesting {
		return false, fmt.Errorf("the criteria are nested more than %d deep", maxNesting)
	}
	holds := true
	for key, want := range conditions {
		one, err := n.condition(key, want, depth)
		if err != nil {
			return false, err
		}
		holds = holds && one
	}
	return holds, nil
}

func (n *node) condition(key string, want any, depth int) (bool, error) {
	switch key {
	case "+and", "+or", "+not":
		return n.combined(key, want, depth+1)
	}
	values, known := n.columns(key)
	if !known {
		return false, fmt.Errorf("unknown field %q in the criteria", key)
	}
	return anyValue(values, want, "is")
}

// combined joins a list of conditions. An object stands for a list of one.
func (n *node) combined(op string, want any, depth int) (bool, error) {
	list, isList := want.([]any)
	if !isList {
		list = []any{want}
	}
	all, some := true, false
	for _, one := range list {
		conditions, isObject := one.(map[string]any)
		if !isObject {
			return false, fmt.Errorf("%s wants a list of objects", op)
		}
		yes, err := n.holds(conditions, depth)
		if err != nil {
			return false, err
		}
		all, some = all && yes, some || yes
	}
	switch op {
	case "+and":
		return all, nil
	case "+or":
		return some, nil
	default:
		return !some, nil
	}
}

// anyValue compares the values of a field: with one value, with any of a list,
// or by the operators of an object.
func anyValue(values []string, want any, op string) (bool, error) {
	switch w := want.(type) {
	case []any:
		for _, one := range w {
			if yes, err := anyValue(values, one, op); yes || err != nil {
				return yes, err
			}
		}
		return false, nil
	case map[string]any:
		if op != "is" {
			return false, fmt.Errorf("%s wants a value", op)
		}
		return byOperators(values, w)
	case nil:
		return len(values) == 0 || values[0] == "", nil
	}
	return slices.ContainsFunc(values, func(v string) bool { return compare(v, fmt.Sprint(want), op) }), nil
}

func byOperators(values []string, operators map[string]any) (bool, error) {
	holds := true
	for op, want := range operators {
		op = strings.TrimPrefix(op, "+")
		if !slices.Contains(operatorNames, op) {
			return false, fmt.Errorf("unknown operator %q in the criteria", op)
		}
		if _, isObject := want.(map[string]any); isObject {
			return false, fmt.Errorf("%s wants a value", op)
		}
		yes, err := anyValue(values, want, op)
		if err != nil {
			return false, err
		}
		holds = holds && yes
	}
	return holds, nil
}

var operatorNames = []string{"is", "contains", "gt", "gte", "lt", "lte"}

func compare(value, want, op string) bool {
	switch op {
	case "contains":
		return strings.Contains(strings.ToLower(value), strings.ToLower(want))
	case "gt":
		return ordered(value, want) > 0
	case "gte":
		return ordered(value, want) >= 0
	case "lt":
		return ordered(value, want) < 0
	case "lte":
		return ordered(value, want) <= 0
	}
	return strings.EqualFold(value, want)
}

// ordered compares as numbers where both are, else as text.
func ordered(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}
