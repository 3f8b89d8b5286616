package ewssim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// values are the properties of an item or a folder, for comparisons.
type values interface {
	// of is the value of a FieldURI, IndexedFieldURI or ExtendedFieldURI; nil when
	// there is none.
	of(uri *node) any
}

type itemValues struct {
	s  *Server
	it *item
}

func (v itemValues) of(uri *node) any {
	if uri.name == "ExtendedFieldURI" {
		return v.s.propertyOf(v.it, uri)
	}
	if uri.name == "IndexedFieldURI" {
		return word(v.it.mail.header(uri.attr("FieldIndex")))
	}
	if f := fieldOf(uri.attr("FieldURI")); f != nil && f.value != nil {
		return f.value(v.it)
	}
	return nil
}

type folderValues struct{ f *folder }

func (v folderValues) of(uri *node) any {
	if uri.name == "ExtendedFieldURI" {
		return folderProperty(v.f, uri)
	}
	for _, field := range folderFields {
		if field.uri == uri.attr("FieldURI") && field.value != nil {
			return field.value(v.f)
		}
	}
	return nil
}

// condition is a restriction that has been checked. A nil one always holds.
type condition func(values) bool

func (c condition) holds(v values) bool { return c == nil || c(v) }

// restriction reads a Restriction; nil is none.
func (s *Server) restriction(c *call, n *node) (condition, error) {
	if n == nil {
		return nil, nil
	}
	if len(n.kids) != 1 {
		return nil, invalid(n, "The element 'Restriction' has to have one search expression.")
	}
	if size(n) > maxConditions {
		return nil, fail("ErrorRestrictionTooComplex")
	}
	return s.condition(c, n.kids[0])
}

// maxConditions are the elements of a restriction. It is evaluated for each item.
const maxConditions = 4000

func size(n *node) int {
	all := 1
	for _, k := range n.kids {
		all += size(k)
	}
	return all
}

func (s *Server) condition(c *call, n *node) (condition, error) {
	switch n.name {
	case "And", "Or", "Not":
		return s.logical(c, n)
	case "Exists":
		uri, err := s.path(c, n, 0)
		return func(v values) bool { return v.of(uri) != nil }, err
	case "Contains":
		return s.contains(c, n)
	case "Excludes":
		return s.excludes(c, n)
	case "IsEqualTo", "IsNotEqualTo", "IsGreaterThan", "IsGreaterThanOrEqualTo", "IsLessThan", "IsLessThanOrEqualTo":
		return s.comparison(c, n)
	}
	return nil, unexpected(&node{name: "Restriction", space: nsTypes}, n)
}

func (s *Server) logical(c *call, n *node) (condition, error) {
	var all []condition
	for _, k := range n.kids {
		one, err := s.condition(c, k)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	switch {
	case len(all) == 0 || n.name != "Not" && len(all) < 2 || n.name == "Not" && len(all) != 1:
		return nil, invalid(n, "The element '"+n.name+"' in namespace '"+n.space+"' has incomplete content.")
	case n.name == "Not":
		return func(v values) bool { return !all[0](v) }, nil
	case n.name == "And":
		return func(v values) bool { return !slices.ContainsFunc(all, func(one condition) bool { return !one(v) }) }, nil
	}
	return func(v values) bool { return slices.ContainsFunc(all, func(one condition) bool { return one(v) }) }, nil
}

// path is the name of a property: child number i.
func (s *Server) path(c *call, n *node, i int) (*node, error) {
	if i >= len(n.kids) {
		return nil, invalid(n, "The element '"+n.name+"' in namespace '"+n.space+"' has incomplete content.")
	}
	uri := n.kids[i]
	switch uri.name {
	case "FieldURI":
		if err := s.checkURI(c, uri); err != nil {
			return nil, err
		}
		if f := fieldOf(uri.attr("FieldURI")); f != nil && f.value == nil {
			return nil, &refusal{fail("ErrorUnsupportedPathForQuery")}
		}
		return uri, nil
	case "ExtendedFieldURI":
		return uri, checkExtended(uri)
	case "IndexedFieldURI":
		return uri, checkIndexed(uri)
	}
	return nil, unexpected(n, uri)
}

func (s *Server) comparison(c *call, n *node) (condition, error) {
	uri, err := s.path(c, n, 0)
	if err != nil {
		return nil, err
	}
	other := n.kid("FieldURIOrConstant")
	if len(other.all()) != 1 {
		return nil, invalid(n, "The element '"+n.name+"' in namespace '"+n.space+"' has incomplete content.")
	}
	operand := func(values, any) any { return nil }
	if constant := other.kids[0]; constant.name == "Constant" {
		text := constant.attr("Value")
		operand = func(_ values, like any) any { return likened(text, like) }
	} else {
		to, err := s.path(c, other, 0)
		if err != nil {
			return nil, err
		}
		operand = func(v values, _ any) any { return v.of(to) }
	}
	return func(v values) bool {
		have := v.of(uri)
		return compares(n.name, have, operand(v, have))
	}, nil
}

// likened reads a constant as something of the kind of another value; nil when it
// cannot be that.
func likened(text string, like any) any {
	switch like.(type) {
	case bool:
		if is, ok := truth(text); ok {
			return is
		}
		return nil
	case int:
		if n, err := strconv.ParseInt(text, 0, 64); err == nil {
			return int(n)
		}
		return nil
	case time.Time:
		if t, ok := instant(text); ok {
			return t
		}
		return nil
	}
	return text
}

// compares is false for what cannot be compared, but for IsNotEqualTo.
func compares(how string, a, b any) bool {
	if list, ok := a.([]string); ok { // one of several, as with categories
		return slices.ContainsFunc(list, func(one string) bool { return compares(how, one, b) })
	}
	order, ok := ordered(a, b)
	switch how {
	case "IsEqualTo":
		return ok && order == 0
	case "IsNotEqualTo":
		return !ok || order != 0
	case "IsGreaterThan":
		return ok && order > 0
	case "IsGreaterThanOrEqualTo":
		return ok && order >= 0
	case "IsLessThan":
		return ok && order < 0
	}
	return ok && order <= 0
}

// ordered compares two values of one kind. Texts are compared without regard to
// case, as stores of Exchange do.
func ordered(a, b any) (int, bool) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return cmp.Compare(strings.ToLower(a), strings.ToLower(b)), ok
	case bool:
		b, ok := b.(bool)
		return cmp.Compare(boolean(a), boolean(b)), ok // "false" comes first
	case int:
		b, ok := b.(int)
		return cmp.Compare(a, b), ok
	case time.Time:
		b, ok := b.(time.Time)
		return a.Compare(b), ok
	}
	return 0, false
}

var (
	containments = []string{"FullString", "Prefixed", "Substring", "PrefixOnWords", "ExactPhrase", ""}
	comparisons  = []string{"Exact", "IgnoreCase", "IgnoreNonSpacingCharacters", "Loose", "IgnoreCaseAndNonSpacingCharacters", "LooseAndIgnoreCase", "LooseAndIgnoreNonSpace", "LooseAndIgnoreCaseAndIgnoreNonSpace", ""}
)

func (s *Server) contains(c *call, n *node) (condition, error) {
	uri, err := s.path(c, n, 0)
	if err != nil {
		return nil, err
	}
	constant, err := n.want("Constant")
	if err != nil {
		return nil, err
	}
	mode, how := n.attr("ContainmentMode"), n.attr("ContainmentComparison")
	switch {
	case !slices.Contains(containments, mode):
		return nil, badValue(n, "ContainmentMode", mode, "ContainmentModeType")
	case !slices.Contains(comparisons, how):
		return nil, badValue(n, "ContainmentComparison", how, "ContainmentComparisonType")
	}
	want := constant.attr("Value")
	folded := how != "Exact" && how != "IgnoreNonSpacingCharacters" && how != "" && how != "Loose" && how != "LooseAndIgnoreNonSpace"
	if folded {
		want = strings.ToLower(want)
	}
	one := func(have string) bool {
		if folded {
			have = strings.ToLower(have)
		}
		return found(mode, have, want)
	}
	return func(v values) bool {
		switch have := v.of(uri).(type) {
		case string:
			return one(have)
		case []string:
			return slices.ContainsFunc(have, one)
		}
		return false
	}, nil
}

func found(mode, have, want string) bool {
	switch mode {
	case "FullString", "":
		return have == want
	case "Prefixed":
		return strings.HasPrefix(have, want)
	case "PrefixOnWords":
		return strings.HasPrefix(have, want) || strings.Contains(have, " "+want)
	}
	return strings.Contains(have, want)
}

// excludes holds when a number has none of the bits.
func (s *Server) excludes(c *call, n *node) (condition, error) {
	uri, err := s.path(c, n, 0)
	if err != nil {
		return nil, err
	}
	mask, err := n.want("Bitmask")
	if err != nil {
		return nil, err
	}
	bits, bad := strconv.ParseInt(mask.attr("Value"), 0, 64)
	if bad != nil {
		return nil, badValue(mask, "Value", mask.attr("Value"), "ExcludesAttributeType")
	}
	return func(v values) bool {
		have, ok := v.of(uri).(int)
		return ok && int64(have)&bits == 0
	}, nil
}

// maxKeys are the fields of a SortOrder.
const maxKeys = 32

// sorting reads a SortOrder; nil is none.
func (s *Server) sorting(c *call, n *node) (func(a, b *item) int, error) {
	type key struct {
		uri  *node
		down bool
	}
	var keys []key
	if len(n.all()) > maxKeys {
		return nil, fail("ErrorInvalidRequest")
	}
	for _, order := range n.all() {
		uri, err := s.path(c, order, 0)
		if err != nil {
			return nil, err
		}
		switch order.attr("Order") {
		case "Ascending":
			keys = append(keys, key{uri, false})
		case "Descending":
			keys = append(keys, key{uri, true})
		default:
			return nil, badValue(order, "Order", order.attr("Order"), "SortDirectionType")
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return func(a, b *item) int {
		for _, k := range keys {
			order, _ := ordered(itemValues{s, a}.of(k.uri), itemValues{s, b}.of(k.uri))
			if k.down {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	}, nil
}
