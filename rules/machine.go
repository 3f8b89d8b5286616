package rules

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// machine is the table of the functions that operators and accesses become.
// Each gets the type of its result, for those that must make an empty one.
var machine = map[string]func(rt reflect.Type) work{
	"at":         workAt,
	"entry":      workEntry,
	"or":         workOr,
	"slice":      func(reflect.Type) work { return workSlice },
	"enter":      func(reflect.Type) work { return workEnter },
	"equal":      func(reflect.Type) work { return workEqual },
	"compare":    func(reflect.Type) work { return workCompare },
	"concat":     func(reflect.Type) work { return workConcat },
	"modulo":     func(reflect.Type) work { return workModulo },
	"in":         func(reflect.Type) work { return workIn },
	"in list":    func(reflect.Type) work { return workInList },
	"has":        func(reflect.Type) work { return workHas },
	"matches":    func(reflect.Type) work { return workMatches },
	"contains":   func(reflect.Type) work { return textWork(strings.Contains) },
	"startsWith": func(reflect.Type) work { return textWork(strings.HasPrefix) },
	"endsWith":   func(reflect.Type) work { return textWork(strings.HasSuffix) },
}

func workAt(rt reflect.Type) work {
	empty := emptyOf(rt)
	return func(r *run, a []any) (any, error) {
		v, ok := elementAt(a[0], a[1].(int))
		if !ok {
			v = empty
		}
		return v, r.spend(0)
	}
}

func workEntry(rt reflect.Type) work {
	empty := emptyOf(rt)
	return func(r *run, a []any) (any, error) {
		v, ok := entryOf(a[0], a[1].(string))
		if !ok {
			v = empty
		}
		return v, r.spend(0)
	}
}

// workOr turns the nil that expr makes of a search without result into the empty value.
func workOr(rt reflect.Type) work {
	empty := emptyOf(rt)
	return func(r *run, a []any) (any, error) {
		if a[0] == nil {
			return empty, r.spend(0)
		}
		return a[0], r.spend(0)
	}
}

// emptyOf is the empty value of a type; what it points to is shared and never changed.
func emptyOf(rt reflect.Type) any {
	if rt == nil {
		return nil
	}
	if rt.Kind() == reflect.Pointer {
		return reflect.New(rt.Elem()).Interface()
	}
	return reflect.Zero(rt).Interface()
}

// elementAt reads a list of any of the types that lists have here.
func elementAt(list any, i int) (any, bool) {
	switch l := list.(type) {
	case []any:
		return pick(l, i)
	case []string:
		return pick(l, i)
	case []*engine.Part:
		return pick(l, i)
	case []*engine.Link:
		return pick(l, i)
	}
	v := reflect.ValueOf(list)
	if i < 0 || v.Kind() != reflect.Slice || i >= v.Len() {
		return nil, false
	}
	return v.Index(i).Interface(), true
}

func pick[T any](l []T, i int) (any, bool) {
	if i < 0 || i >= len(l) {
		return nil, false
	}
	return l[i], true
}

// length is the number of elements of a list.
func length(list any) int {
	switch l := list.(type) {
	case nil:
		return 0
	case []any:
		return len(l)
	case []string:
		return len(l)
	}
	return reflect.ValueOf(list).Len()
}

func entryOf(table any, key string) (any, bool) {
	switch t := table.(type) {
	case map[string]string:
		v, ok := t[key]
		return v, ok
	case map[string][]string:
		v, ok := t[key]
		return v, ok
	}
	return nil, false
}

func workHas(r *run, a []any) (any, error) {
	_, ok := entryOf(a[0], a[1].(string))
	return ok, r.spend(0)
}

// workEnter pays for asking every element of a list.
func workEnter(r *run, a []any) (any, error) { return a[0], r.spend(length(a[0])) }

func workSlice(r *run, a []any) (any, error) {
	from, to := a[1].(int), a[2].(int)
	if s, ok := a[0].(string); ok {
		if err := r.spendText(s); err != nil {
			return nil, err
		}
		return cutText(s, from, to), nil
	}
	v := reflect.ValueOf(a[0])
	from, to = clamp(from, v.Len()), clamp(to, v.Len())
	return v.Slice(from, max(from, to)).Interface(), r.spend(0)
}

// cutText takes characters from up to to; a negative number counts from the end.
func cutText(s string, from, to int) string {
	if from < 0 || to < 0 {
		n := utf8.RuneCountInString(s)
		from, to = clamp(from, n), clamp(to, n)
	}
	start := runeOffset(s, from)
	return s[start : start+runeOffset(s[start:], to-from)]
}

// runeOffset is the number of bytes of the first n characters.
func runeOffset(s string, n int) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return i
}

func clamp(i, n int) int {
	if i < 0 {
		i += n
	}
	return min(max(i, 0), n)
}

func workEqual(r *run, a []any) (any, error) {
	s, t := a[0].(string), a[1].(string)
	if len(s) != len(t) {
		return false, r.spend(0)
	}
	return s == t, r.spendText(s)
}

func workCompare(r *run, a []any) (any, error) {
	s, t := a[0].(string), a[1].(string)
	return cmp.Compare(s, t), r.spend(min(len(s), len(t)) / stepBytes)
}

func workConcat(r *run, a []any) (any, error) {
	s, t := a[0].(string), a[1].(string)
	if err := r.spend((len(s) + len(t)) / stepBytes); err != nil {
		return nil, err
	}
	return s + t, nil
}

var errModulo = errors.New("the remainder of a division by zero")

func workModulo(r *run, a []any) (any, error) {
	if a[1].(int) == 0 {
		return nil, errModulo
	}
	return a[0].(int) % a[1].(int), r.spend(0)
}

func workIn(r *run, a []any) (any, error) {
	if l, ok := a[1].([]string); ok {
		return slices.Contains(l, a[0].(string)), r.spend(len(l))
	}
	n := length(a[1])
	if err := r.spend(n); err != nil {
		return nil, err
	}
	for i := range n {
		if v, _ := elementAt(a[1], i); equalValues(v, a[0]) {
			return true, nil
		}
	}
	return false, nil
}

// equalValues compares two scalars of types that the checker found to fit.
func equalValues(a, b any) bool {
	if t, ok := a.(time.Time); ok {
		u, _ := b.(time.Time)
		return t.Equal(u)
	}
	if f, ok := decimal(a); ok {
		g, _ := decimal(b)
		return f == g
	}
	return a == b
}

func decimal(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func textWork(f func(s, t string) bool) work {
	return func(r *run, a []any) (any, error) {
		s := a[0].(string)
		return f(s, a[1].(string)), r.spendText(s)
	}
}

func workInList(r *run, a []any) (any, error) {
	s := a[0].(string)
	return a[1].(*list).has(s), r.spendText(s)
}
