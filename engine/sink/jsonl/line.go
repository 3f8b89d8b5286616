package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// version of the lines; it grows when a field changes its meaning.
const version = 1

// line is a batch as it is written. The key stands first, so that resuming
// needs only the start of each line.
type line struct {
	Key        string                   `json:"key"`
	Version    int                      `json:"version"`
	Sink       string                   `json:"sink"`
	Origin     origin                   `json:"origin"`
	Events     []engine.EventRecord     `json:"events"`
	Files      []engine.FileRecord      `json:"files"`
	Indicators []engine.IndicatorRecord `json:"indicators"`
	Objects    []engine.ObjectRecord    `json:"objects"`
	Relations  []engine.Relation        `json:"relations"`
	Matches    []engine.MatchRecord     `json:"matches"`
	Defects    []engine.Defect          `json:"defects"`
}

type origin struct {
	Source   string    `json:"source"`
	Account  string    `json:"account"`
	Folder   string    `json:"folder"`
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Received time.Time `json:"received"`
}

// encode writes a batch as one line. Characters that HTML knows stay as they are.
func encode(b *engine.Batch) ([]byte, error) {
	o := b.Origin
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(line{
		Key: b.Key, Version: version, Sink: b.Sink,
		Origin: origin{o.Source, o.Account, o.Folder, o.ID, o.Name, o.Received.UTC()},
		Events: full(b.Events), Files: full(b.Files), Indicators: full(b.Indicators), Objects: full(b.Objects),
		Relations: full(b.Relations), Matches: full(b.Matches), Defects: full(b.Defects),
	})
	return buf.Bytes(), err
}

// full makes an empty list of none, so that readers meet a list always.
func full[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// resume reads the keys of a file, cuts off a torn last line, and leaves the
// file at its end.
func (s *Sink) resume(f *os.File) error {
	r := bufio.NewReaderSize(f, 64<<10)
	for n := 1; ; n++ {
		start, length, err := readLine(r)
		if err == io.EOF {
			break // what was read has no end: torn
		}
		if err != nil {
			return err
		}
		key, err := lineKey(start)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		s.keys[hashKey(key)] = struct{}{}
		s.end += length
	}
	if err := f.Truncate(s.end); err != nil {
		return err
	}
	_, err := f.Seek(s.end, io.SeekStart)
	return err
}

// readLine returns the start of a line, as much of it as the buffer holds, and
// its whole length. It returns io.EOF for a line without an end.
func readLine(r *bufio.Reader) (start []byte, length int64, err error) {
	for {
		chunk, err := r.ReadSlice('\n')
		length += int64(len(chunk))
		if start == nil {
			start = bytes.Clone(chunk)
		}
		if err != bufio.ErrBufferFull {
			return start, length, err
		}
	}
}

// lineKey reads the key from the start of a line.
func lineKey(start []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(start))
	var tokens [3]json.Token
	for i := range tokens {
		t, err := d.Token()
		if err != nil {
			return "", errNotOurs
		}
		tokens[i] = t
	}
	key, ok := tokens[2].(string)
	if tokens[0] != json.Delim('{') || tokens[1] != "key" || !ok {
		return "", errNotOurs
	}
	return key, nil
}

var errNotOurs = errors.New("this is not a line that a jsonl sink wrote; the file is left as it is")
