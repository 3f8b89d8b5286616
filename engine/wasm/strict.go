package wasm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// shape says which keys an object may have, and what those of the objects behind
// them are. A key whose shape is nil may hold anything. Arrays are looked through.
type shape map[string]shape

var descriptionShape = shape{
	"name": nil, "version": nil, "abi": nil, "types": nil, "summary": nil, "config": nil, "input": nil, "license": nil, "author": nil,
	"wants": {"kind": nil, "mime": nil, "name": nil, "max_bytes": nil},
}

var outputShape = shape{
	"indicators": {
		"type": nil, "value": nil, "part": nil, "start": nil, "end": nil, "confidence": nil, "attributes": nil, "related_to": nil,
	},
	"notes": {"level": nil, "text": nil, "part": nil},
}

// decodeStrictly reads one JSON value that is UTF-8, has exactly the keys of its
// shape, each once at most, and nothing behind it.
func decodeStrictly(data []byte, s shape, to any) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) > 0 && first[0] == 'n' {
		return errors.New("not an object but a JSON null")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := s.walk(d, maxDepth); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	if err := json.Unmarshal(data, to); err != nil {
		return notJSON(err)
	}
	return nil
}

func notJSON(err error) error {
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typed) && typed.Field != "":
		return fmt.Errorf("%s is a JSON %s", typed.Field, kindOfValue(typed.Value))
	case errors.As(err, &typed):
		return fmt.Errorf("not an object but a JSON %s", kindOfValue(typed.Value))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("not JSON: it ends early")
	}
	return fmt.Errorf("not JSON: %w", err)
}

// kindOfValue is the kind of a JSON value without the value, which may be long.
func kindOfValue(s string) string {
	kind, _, _ := strings.Cut(s, " ")
	return kind
}

// maxDepth bounds how deep values may lie in each other.
const maxDepth = 32

// errNull says that the value is null, which no key of a shape may be.
var errNull = errors.New("null")

// walk reads one value, at most depth levels of it, and checks the keys of its
// objects.
func (s shape) walk(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return notJSON(err)
	}
	if _, opens := token.(json.Delim); opens && depth == 0 {
		return fmt.Errorf("values lie more than %d deep in each other", maxDepth)
	}
	switch token {
	case json.Delim('{'):
		return s.walkObject(d, depth-1)
	case json.Delim('['):
		for d.More() {
			if err := s.walk(d, depth-1); err == errNull && s != nil {
				return errors.New("an entry of a list is null")
			} else if err != nil && err != errNull {
				return err
			}
		}
		return s.closing(d)
	case nil:
		return errNull
	}
	return nil
}

func (s shape) walkObject(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return notJSON(err)
		}
		key, _ := token.(string)
		inner, known := s[key]
		if s != nil && !known {
			return fmt.Errorf("unknown key %.64q", key)
		}
		if seen[key] {
			return fmt.Errorf("key %.64q stands there twice", key)
		}
		seen[key] = true
		if err := inner.walk(d, depth); err == errNull && s != nil {
			return fmt.Errorf("%s is null", key)
		} else if err != nil && err != errNull {
			return err
		}
	}
	return s.closing(d)
}

func (s shape) closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return notJSON(err)
	}
	return nil
}
