package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Page is an answer: Data holds one element or many.
type Page[T any] struct {
	Data   []T
	Said   bool // there was a data field: a page without one is {} or empty, as those get who lack a permission
	Total  int  // of all pages; 0 when not said
	Limit  int
	Offset int
	Cursor string // nextCursorMark
}

// Decode reads the body of an answer. The error is an *Error when the platform
// refused, whatever the status said, and when the body is not JSON or not of the
// shape wanted (Error.Garbled).
func Decode[T any](status int, body []byte) (Page[T], error) {
	if e := Refusal(status, body); e != nil {
		return Page[T]{}, e
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return Page[T]{}, nil
	}
	var raw struct {
		Data   json.RawMessage `json:"data"`
		Total  Int             `json:"total"`
		Limit  Int             `json:"limit"`
		Offset Int             `json:"offset"`
		Cursor string          `json:"nextCursorMark"`
	}
	if first(body) == '[' {
		raw.Data = body
	} else if err := json.Unmarshal(body, &raw); err != nil {
		return Page[T]{}, garbled(status, body, err)
	}
	page := Page[T]{Said: raw.Data != nil, Total: int(raw.Total), Limit: int(raw.Limit), Offset: int(raw.Offset), Cursor: raw.Cursor}
	if raw.Data == nil {
		return page, nil
	}
	if err := json.Unmarshal(raw.Data, (*List[T])(&page.Data)); err != nil {
		return Page[T]{}, garbled(status, body, err)
	}
	return page, nil
}

// Error is a refusal: a status of 400 and above, or errors in an answer that
// calls itself good.
type Error struct {
	Status   int
	Code     string              // error or name, where the platform gave one: invalid_grant
	Messages []string            // at most 50, of 500 bytes at most, fit for a terminal
	Fields   map[string][]string // what is wrong with which field of the request
	Garbled  bool                // the body is not the platform's: HTML of a proxy, or an answer that was cut
}

const (
	maxMessages = 50
	maxMessage  = 500
)

// Error says all of it in one line.
func (e *Error) Error() string {
	words := []string{}
	if e.Code != "" {
		words = append(words, e.Code)
	}
	words = append(words, e.Messages...)
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		words = append(words, field+": "+strings.Join(e.Fields[field], ", "))
	}
	if len(words) == 0 {
		return fmt.Sprintf("status %d without a word", e.Status)
	}
	return fmt.Sprintf("status %d: %s", e.Status, strings.Join(words, "; "))
}

// Refusal reads the errors of an answer in each of the shapes that the platform
// is known to use; nil when there are none.
//
//	{"data":{"errors":{"field":["message"]}}}
//	{"errors":["message",["message"]]} and {"errors":{"field":["message"]}}, with any status
//	{"data":[{"error":"message"}]}
//	{"error":"code","error_description":"message"}
//	{"name":"code","message":"message"}
//	anything that is not JSON, from something in between
func Refusal(status int, body []byte) *Error {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		if status < 400 {
			return nil
		}
		return &Error{Status: status}
	}
	if err := Check(body); err != nil {
		return garbled(status, body, err)
	}
	e := &Error{Status: status}
	switch first(body) {
	case '{':
		if err := e.object(body); err != nil {
			return garbled(status, body, err)
		}
	case '[':
		e.data(body)
	default:
		return garbled(status, body, nil)
	}
	if status < 400 && len(e.Messages) == 0 && len(e.Fields) == 0 {
		return nil
	}
	return e
}

func (e *Error) object(body []byte) error {
	var top struct {
		Data        json.RawMessage `json:"data"`
		Errors      json.RawMessage `json:"errors"`
		Error       json.RawMessage `json:"error"`
		Description json.RawMessage `json:"error_description"`
		Name        json.RawMessage `json:"name"`
		Message     json.RawMessage `json:"message"`
	}
	if err := json.Unmarshal(body, &top); err != nil {
		return err
	}
	e.errors(top.Errors)
	e.data(top.Data)
	if e.Status < 400 {
		return nil
	}
	e.Code = clean(text(top.Error))
	if e.Code == "" {
		e.Code = clean(text(top.Name))
	}
	for _, word := range []json.RawMessage{top.Description, top.Message} {
		e.add(text(word))
	}
	return nil
}

// data looks for {"errors":…} or {"error":…} in the object or the elements of data.
func (e *Error) data(raw json.RawMessage) {
	type inner struct {
		Errors json.RawMessage `json:"errors"`
		Error  json.RawMessage `json:"error"`
	}
	var list List[inner]
	if raw == nil || json.Unmarshal(raw, &list) != nil {
		return
	}
	for _, one := range list {
		e.errors(one.Errors)
		e.add(text(one.Error))
	}
}

// errors reads a list of messages, or messages by field.
func (e *Error) errors(raw json.RawMessage) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		for _, m := range texts(raw) {
			e.add(m)
		}
		return
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		for _, m := range texts(fields[field]) {
			e.addField(field, m)
		}
	}
}

func (e *Error) add(message string) {
	if message = clean(message); message != "" && len(e.Messages) < maxMessages {
		e.Messages = append(e.Messages, message)
	}
}

func (e *Error) addField(field, message string) {
	if len(e.Fields) >= maxMessages && e.Fields[field] == nil || len(e.Fields[field]) >= maxMessages {
		return
	}
	if e.Fields == nil {
		e.Fields = map[string][]string{}
	}
	field = clean(field)
	e.Fields[field] = append(e.Fields[field], clean(message))
}

// texts flattens "a", ["a", ["b"]] and what else stands there.
func texts(raw json.RawMessage) []string {
	var list []json.RawMessage
	if first(raw) != '[' || json.Unmarshal(raw, &list) != nil {
		if t := text(raw); t != "" {
			return []string{t}
		}
		return nil
	}
	var all []string
	for _, one := range list[:min(len(list), maxMessages)] {
		var inner []json.RawMessage
		if first(one) != '[' || json.Unmarshal(one, &inner) != nil {
			inner = []json.RawMessage{one}
		}
		for _, t := range inner[:min(len(inner), maxMessages)] {
			all = append(all, text(t))
		}
	}
	return all
}

// text is a string as it is, and anything else as JSON; "" for null.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil || len(raw) == 0 {
		return s
	}
	return string(raw)
}

func garbled(status int, body []byte, err error) *Error {
	e := &Error{Status: status, Garbled: true}
	if err != nil {
		e.add(err.Error())
	}
	e.add("not an answer of ThreatQ: " + clip(string(body), 120))
	return e
}

// clean makes a stranger's words fit for a terminal: one line, no controls.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, clip(s, maxMessage))
	return strings.TrimSpace(s)
}
