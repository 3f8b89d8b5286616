// Package wire is how ThreatQ's JSON reads and is written: the types that the
// client and the simulator share, so that a quirk is known in one place.
//
// The platform and the public clients write one thing in several ways: a type
// as a name, a number, {"name":…} or {"id":…}; a switch as true, 1 or "Y"; a tag
// as a string or an object; data as an object or an array; an error in six
// shapes. Decoding takes all of them, encoding uses one. Decoding never fails for
// a date: Time keeps what it could not read, since one odd date must not hide a
// page of answers.
//
// It knows no network and no meaning: what is required, and what a value is for,
// is said by its users.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Int is a whole number: 12 or "12". Null and "" are zero.
type Int int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Int) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "null" || text == "" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not a whole number", clip(string(b), 40))
	}
	*n = Int(v)
	return nil
}

// Flag is a switch: true, 1, "1", "Y", "yes", "true" are on. Null, "" and their
// opposites are off. It is written as true or false.
type Flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *Flag) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(strings.Trim(string(b), `"`)) {
	case "true", "1", "y", "yes":
		*f = true
	case "false", "0", "n", "no", "null", "":
		*f = false
	default:
		return fmt.Errorf("%s is neither yes nor no", clip(string(b), 40))
	}
	return nil
}

// Ref names a row of a list: a type, a status, a TLP. Either part may be missing.
type Ref struct {
	ID   Int
	Name string
}

// Named is a reference by name.
func Named(name string) Ref { return Ref{Name: name} }

// UnmarshalJSON reads "name", 12, {"id":…}, {"name":…} and null; [] as null, for
// so PHP writes an object without fields.
func (r *Ref) UnmarshalJSON(b []byte) error {
	*r = Ref{}
	switch first(b) {
	case '[':
		return emptyList(b)
	case '"':
		return json.Unmarshal(b, &r.Name)
	case '{':
		var o struct {
			ID   Int    `json:"id"`
			Name string `json:"name"`
		}
		err := json.Unmarshal(b, &o)
		*r = Ref{o.ID, o.Name}
		return err
	default:
		return r.ID.UnmarshalJSON(b)
	}
}

// MarshalJSON writes the name alone when there is no id.
func (r Ref) MarshalJSON() ([]byte, error) {
	switch {
	case r == Ref{}:
		return []byte("null"), nil
	case r.ID == 0:
		return json.Marshal(r.Name)
	case r.Name == "":
		return json.Marshal(map[string]Int{"id": r.ID})
	default:
		return json.Marshal(map[string]any{"id": r.ID, "name": r.Name})
	}
}

// TimeLayout is how the platform writes a time, always UTC.
const TimeLayout = "2006-01-02 15:04:05"

// timeLayouts are what is read; the first is written.
var timeLayouts = []string{TimeLayout, time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"}

// Time is a moment in UTC, to the second.
type Time struct {
	time.Time
	Bad string // what stood there when it is no time; Time is then zero
}

// At is a time to be written.
func At(t time.Time) Time { return Time{Time: t.UTC().Truncate(time.Second)} }

// IsZero tells encoding/json's omitzero that nothing was said.
func (t Time) IsZero() bool { return t.Time.IsZero() && t.Bad == "" }

// UnmarshalJSON implements json.Unmarshaler. It never fails.
func (t *Time) UnmarshalJSON(b []byte) error {
	*t = Time{}
	var text string
	if json.Unmarshal(b, &text) != nil {
		t.Bad = clip(string(b), 40)
		return nil
	}
	if text == "" || strings.HasPrefix(text, "0000-00-00") {
		return nil
	}
	parsed, ok := ParseTime(text)
	if !ok {
		t.Bad = clip(text, 40)
	}
	t.Time = parsed
	return nil
}

// MarshalJSON writes null for a time that was not said.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.Time.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(TimeLayout))
}

// ParseTime reads a time as the platform and its clients write it.
func ParseTime(text string) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Second), true
		}
	}
	return time.Time{}, false
}

// Tag is a word on an object. Without an id it is written as a plain string, as
// bulk calls want it.
type Tag struct {
	ID   Int
	Name string
}

// UnmarshalJSON reads "name" and {"name":…}.
func (t *Tag) UnmarshalJSON(b []byte) error {
	var r Ref
	if err := r.UnmarshalJSON(b); err != nil {
		return err
	}
	*t = Tag(r)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (t Tag) MarshalJSON() ([]byte, error) { return Ref(t).MarshalJSON() }

// List is one or many: an object reads as a list of one, null and {} as none. An
// object whose keys are numbers is how PHP writes a list with gaps: it reads as
// that list, in the order of the text.
type List[T any] []T

// gapped is the beginning of an object whose first key is a number.
var gapped = regexp.MustCompile(`^\{\s*"\d+"\s*:`)

// UnmarshalJSON implements json.Unmarshaler. It stops at the first element that
// does not read, so that a list of the wrong kind is never built.
func (l *List[T]) UnmarshalJSON(b []byte) error {
	*l = nil
	switch b = bytes.TrimSpace(b); {
	case first(b) == '[':
		return l.read(b, false)
	case gapped.Match(b):
		return l.read(b, true)
	case string(b) == "null" || emptyObject(b):
		return nil
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*l = List[T]{one}
	return nil
}

// read takes the elements of a list, or the values of an object in their order.
func (l *List[T]) read(b []byte, keyed bool) error {
	*l = List[T]{}
	d := json.NewDecoder(bytes.NewReader(b))
	_, err := d.Token() // the bracket
	for err == nil && d.More() {
		if keyed {
			_, err = d.Token()
		}
		var one T
		if err == nil {
			err = d.Decode(&one)
		}
		*l = append(*l, one)
	}
	return err
}

// emptyList is an error unless b is [].
func emptyList(b []byte) error {
	if len(bytes.TrimSpace(b[1:])) == 1 {
		return nil
	}
	return fmt.Errorf("%s is a list", clip(string(b), 40))
}

func emptyObject(b []byte) bool {
	return first(b) == '{' && len(bytes.TrimSpace(b[1:])) == 1
}

func first(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

const (
	maxDepth   = 64
	maxObjects = 200_000
)

// Check refuses a body that would cost more to read than an honest one can: more
// than 64 values inside each other, or 200,000 objects. It does not tell whether
// it is JSON.
func Check(body []byte) error {
	depth, objects := 0, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = endOfString(body, i+1)
		case '{', '[':
			depth++
			if body[i] == '{' {
				objects++
			}
		case '}', ']':
			depth--
		}
		if depth > maxDepth || objects > maxObjects {
			return fmt.Errorf("the body has more than %d values inside each other, or %d objects", maxDepth, maxObjects)
		}
	}
	return nil
}

// endOfString is the place of the quote that ends a string.
func endOfString(body []byte, i int) int {
	for ; i < len(body) && body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i
}

// clip shortens a text for people, at a character, and makes it valid UTF-8.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
