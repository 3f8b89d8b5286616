package dictionary

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/tqmailrules/tqmailrules/engine"
)

// reading collects entries and what was wrong on the way.
type reading struct {
	name     string // of the dictionary
	entries  []Entry
	problems []string
	untold   int
	known    bool // the document is what it should be
	full     bool
}

func (r *reading) problem(format string, args ...any) {
	if len(r.problems) >= maxProblems {
		r.untold++
		return
	}
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// result ends a reading. What was read before an error stands beside it.
func (r *reading) result(err error) ([]Entry, []string, error) {
	if r.untold > 0 {
		r.problems = append(r.problems, fmt.Sprintf("and %d more", r.untold))
	}
	if err == nil && r.full {
		err = fmt.Errorf("%w: more than %d entries", engine.ErrLimit, maxEntries)
	}
	return r.entries, r.problems, err
}

// add takes an entry, cleaned. where names it in problems.
func (r *reading) add(e Entry, where string) {
	e.Name = clean(e.Name)
	switch {
	case e.Name == "":
		r.problem("%s: no name", where)
		return
	case len(e.Name) > maxName:
		r.problem("%s: a name of %d bytes", where, len(e.Name))
		return
	case len(r.entries) >= maxEntries:
		r.full = true
		return
	}
	if e.ID = clean(e.ID); len(e.ID) > maxName {
		e.ID = ""
	}
	e.Aliases = r.aliases(e, where)
	if e.Dictionary == "" {
		e.Dictionary = r.name
	}
	r.entries = append(r.entries, e)
}

func (r *reading) aliases(e Entry, where string) (all []string) {
	for _, a := range e.Aliases {
		switch a = clean(a); {
		case a == "" || a == e.Name || slices.Contains(all, a):
		case len(a) > maxName:
			r.problem("%s: another name of %d bytes", where, len(a))
		case len(all) >= maxAliases:
			r.problem("%s: more than %d other names", where, maxAliases)
			return all
		default:
			all = append(all, a)
		}
	}
	return all
}

// clean makes a name one line of valid text.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// Read reads the form that Write writes: a JSON object for each line. A line that is
// no entry is a problem; a first line that is none, an error. name is the
// dictionary of entries that name none. The same holds for all readers here: they
// read 128 MiB and 500,000 entries at most, and what was read before an error is
// returned beside it, for the caller to take or leave.
func Read(r io.Reader, name string) (entries []Entry, problems []string, err error) {
	in := bufio.NewScanner(io.LimitReader(r, maxFile+1))
	in.Buffer(make([]byte, 64<<10), maxObject)
	d := &reading{name: name}
	total := 0
	for n := 1; in.Scan() && !d.full; n++ {
		line := bytes.TrimSpace(in.Bytes())
		if total += len(in.Bytes()) + 1; total > maxFile {
			return d.result(fmt.Errorf("line %d: %w: more than %d MiB", n, engine.ErrLimit, maxFile>>20))
		}
		if len(line) == 0 {
			continue
		}
		e, err := entryOfLine(line)
		if err != nil && !d.known {
			return nil, nil, fmt.Errorf("line %d: %w: %v", n, ErrFormat, err)
		}
		d.known = true
		if err != nil {
			d.problem("line %d: %v", n, err)
			continue
		}
		d.add(e, fmt.Sprintf("line %d", n))
	}
	return d.result(in.Err())
}

func entryOfLine(line []byte) (e Entry, err error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return e, err
	}
	if !slices.Contains(Types, e.Type) {
		return e, fmt.Errorf("type %q is none of %s", e.Type, strings.Join(Types, ", "))
	}
	return e, nil
}

// Write writes entries, a line each.
func Write(w io.Writer, entries []Entry) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for i := range entries {
		if err := enc.Encode(&entries[i]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// ReadAny reads a STIX bundle, a MISP galaxy cluster, or what Write wrote, and tells
// by its content which it is.
func ReadAny(r io.Reader, name string) (entries []Entry, problems []string, err error) {
	in := bufio.NewReaderSize(r, maxValue)
	head, _ := in.Peek(maxValue)
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	line, _, _ := bytes.Cut(bytes.TrimSpace(head), []byte("\n"))
	if _, err := entryOfLine(bytes.TrimSpace(line)); err == nil {
		return Read(in, name)
	}
	d := &bundle{reading: reading{name: name}, stix: true, misp: true}
	return d.read(in)
}

// ReadSTIX reads a STIX 2.0 or 2.1 bundle, such as ATT&CK: malware, tools, intrusion
// sets, threat actors, campaigns, attack patterns and vulnerabilities, with their
// aliases and ids. What is revoked or deprecated is left out. An object that is
// broken is a problem; a bundle that ends early, is no JSON or is none, an error.
func ReadSTIX(r io.Reader, name string) (entries []Entry, problems []string, err error) {
	d := &bundle{reading: reading{name: name}, stix: true}
	return d.read(r)
}

// ReadMISP reads a cluster file of a MISP galaxy. Its type decides that of the
// entries; one that is not known makes tags. Otherwise it is as ReadSTIX.
func ReadMISP(r io.Reader, name string) (entries []Entry, problems []string, err error) {
	d := &bundle{reading: reading{name: name}, misp: true}
	return d.read(r)
}

// bundle reads documents of others.
type bundle struct {
	reading
	stix, misp bool // what it may be
	galaxy     string
}

func (b *bundle) read(r io.Reader) ([]Entry, []string, error) {
	in := bufio.NewReader(r)
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		in.Discard(3)
	}
	err := newStream(in).walk(document{b.list, b.other})
	if err == nil && !b.known {
		err = fmt.Errorf("%w: %s", ErrFormat, b.expected())
	}
	for i := range b.entries {
		if b.entries[i].Type == "" {
			b.entries[i].Type = galaxyType(b.galaxy)
		}
	}
	return b.result(err)
}

func (b *bundle) expected() string {
	switch {
	case b.stix && b.misp:
		return "neither a STIX bundle (no list of objects) nor a MISP galaxy cluster (no list of values)"
	case b.stix:
		return "no STIX bundle: no list of objects"
	}
	return "no MISP galaxy cluster: no list of values"
}

func (b *bundle) list(key string) func([]byte, int) {
	switch {
	case key == "objects" && b.stix:
		b.known = true
		return b.object
	case key == "values" && b.misp:
		b.known = true
		return b.cluster
	}
	return nil
}

func (b *bundle) other(key string, value []byte) {
	if key == "type" && b.galaxy == "" {
		json.Unmarshal(value, &b.galaxy) // one that is no text is unknown
	}
}
