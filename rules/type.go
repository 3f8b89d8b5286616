package rules

import (
	"reflect"
	"time"
)

// kind is the shape of a value in the rule language.
type kind uint8

const (
	unknown kind = iota // after an error: fits everywhere, so that one mistake is told once
	textKind
	numberKind
	decimalKind
	boolKind
	timeKind
	durationKind
	listKind
	tableKind // text keys
	objectKind
)

var kindNames = [...]string{"unknown", "text", "number", "decimal number", "true/false", "time", "duration", "list", "table", "object"}

// typ is the type of an expression. Types are compared with same.
type typ struct {
	kind kind
	elem *typ    // of a list, or the values of a table
	obj  *object // of an object
	rt   reflect.Type
}

var (
	textType     = typ{kind: textKind, rt: reflect.TypeFor[string]()}
	numberType   = typ{kind: numberKind, rt: reflect.TypeFor[int]()}
	decimalType  = typ{kind: decimalKind, rt: reflect.TypeFor[float64]()}
	boolType     = typ{kind: boolKind, rt: reflect.TypeFor[bool]()}
	timeType     = typ{kind: timeKind, rt: reflect.TypeFor[time.Time]()}
	durationType = typ{kind: durationKind, rt: reflect.TypeFor[time.Duration]()}
	textsType    = listOf(textType)
)

func listOf(elem typ) typ {
	t := typ{kind: listKind, elem: &elem, rt: reflect.TypeFor[[]any]()}
	if elem.rt != nil {
		t.rt = reflect.SliceOf(elem.rt)
	}
	return t
}

func (t typ) is(kinds ...kind) bool {
	for _, k := range kinds {
		if t.kind == k {
			return true
		}
	}
	return t.kind == unknown
}

// same says whether values of the two types can be compared and combined.
func (t typ) same(o typ) bool {
	switch {
	case t.kind == unknown || o.kind == unknown:
		return true
	case t.number() && o.number():
		return true
	case t.kind != o.kind:
		return false
	case t.kind == listKind || t.kind == tableKind:
		return t.elem.same(*o.elem)
	case t.kind == objectKind:
		return t.obj == o.obj
	}
	return true
}

func (t typ) number() bool { return t.kind == numberKind || t.kind == decimalKind }

// scalar says whether the value can be written as text.
func (t typ) scalar() bool {
	return t.is(textKind, numberKind, decimalKind, boolKind, timeKind, durationKind)
}

// holdsObject says whether a value of the type has fields somewhere.
func (t typ) holdsObject() bool {
	switch t.kind {
	case unknown, objectKind:
		return true
	case listKind, tableKind:
		return t.elem.holdsObject()
	}
	return false
}

// String names the type for people; no Go type name ever shows.
func (t typ) String() string {
	switch t.kind {
	case listKind:
		return "list of " + t.elem.String()
	case tableKind:
		return "table of " + t.elem.String()
	case objectKind:
		return t.obj.Name
	}
	return kindNames[t.kind]
}

// a writes the type with its article.
func (t typ) a() string {
	s := t.String()
	switch {
	case t.kind == textKind || t.kind == boolKind || t.kind == unknown:
		return s
	case s[0] == 'a' || s[0] == 'e' || s[0] == 'i' || s[0] == 'o' || s[0] == 'u' && s != "url":
		return "an " + s
	}
	return "a " + s
}

// typeOf turns a Go type of the environment into a type of the language.
func (b *tableBuilder) typeOf(rt reflect.Type) typ {
	switch {
	case rt == timeType.rt:
		return timeType
	case rt.Kind() == reflect.String:
		return textType
	case rt.Kind() == reflect.Int:
		return numberType
	case rt.Kind() == reflect.Bool:
		return boolType
	case rt.Kind() == reflect.Slice:
		elem := b.typeOf(rt.Elem())
		return typ{kind: listKind, elem: &elem, rt: rt}
	case rt.Kind() == reflect.Map:
		elem := b.typeOf(rt.Elem())
		return typ{kind: tableKind, elem: &elem, rt: rt}
	case rt.Kind() == reflect.Pointer:
		t := b.typeOf(rt.Elem())
		t.rt = rt
		return t
	case rt.Kind() == reflect.Struct:
		return typ{kind: objectKind, obj: b.object(rt), rt: rt}
	}
	panic("rules: no type of the language for " + rt.String())
}
