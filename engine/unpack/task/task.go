// Package task is the reading of one file: what a reader of a format is given,
// and where it puts what it finds.
//
// A reader is a function. It reads Content, tells text, links, facts and members
// to its Task, and returns an error when the file is not what it seems. It never
// recurses: members are opened by whoever runs the readers. Everything it takes
// out of a compressed stream goes through Expand, which spends the budget of the
// mail; a reader that returns the error of an exhausted budget has done right.
// It may panic or never end: it runs where both cost one file only.
package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// Reader reads one family of formats. The error is nil, wraps a *Trouble (a
// defect of its own code), wraps engine.ErrLimit, is that of ctx, or makes the
// file unreadable. What was told to the Task before an error counts.
type Reader func(ctx context.Context, t *Task) error

// Store makes places for what comes out of containers.
type Store interface{ Create() Place }

// Place takes one content. Only one is written at a time.
type Place interface {
	io.Writer
	Blob() engine.Blob
}

// Task is the reading of one file. It is for one goroutine.
type Task struct {
	Part   *engine.Part // its fields of the content phase are filled
	Limits engine.Limits
	Text   Text

	keys    *Keyring
	budget  *engine.Budget
	store   Store
	defects []engine.Defect
	names   map[string]bool // paths of members, to keep them apart
	locked  bool
}

// New begins the reading of a part. Keys and budget are shared by all parts of
// one mail.
func New(part *engine.Part, limits engine.Limits, keys *Keyring, budget *engine.Budget, store Store) *Task {
	t := &Task{Part: part, Limits: limits.WithDefaults(), keys: keys, budget: budget, store: store, names: map[string]bool{}}
	t.Text.max = max(0, min(t.Limits.Text, budget.Text))
	return t
}

// Content is the file for random access.
func (t *Task) Content() (*io.SectionReader, error) {
	r, err := t.Part.Content.Open()
	if err != nil {
		return nil, fmt.Errorf("read content: %w", err)
	}
	at, ok := r.(io.ReaderAt)
	if !ok {
		r.Close()
		all, err := engine.ReadAll(t.Part.Content, t.Part.Content.Size())
		if err != nil {
			return nil, fmt.Errorf("read content: %w", err)
		}
		at = bytes.NewReader(all)
	}
	return io.NewSectionReader(at, 0, t.Part.Content.Size()), nil
}

// Bytes is the whole file in memory; one of more than max bytes is an error that
// wraps engine.ErrLimit.
func (t *Task) Bytes(max int64) ([]byte, error) {
	if size := t.Part.Content.Size(); size > max {
		return nil, fmt.Errorf("file of %d bytes, more than %d are not read: %w", size, max, engine.ErrLimit)
	}
	return engine.ReadAll(t.Part.Content, max)
}

// Link notes where something leads that does not stand in the text. shown is
// what a reader sees of it; "" when that is not known. What is no URL is left out.
func (t *Task) Link(target, shown string) {
	if len(t.Part.Links) >= t.Limits.Links {
		t.once(engine.DefectLinks, "more than %d links", t.Limits.Links)
		return
	}
	u, ok := names.ParseURL(strings.TrimSpace(target))
	if !ok {
		return
	}
	l := &engine.Link{DisplayText: shown, HrefURL: u, Visible: shown != ""}
	if d, ok := names.ParseURL(shown); ok {
		l.DisplayURL = d
		l.Mismatched = d.Domain.RootDomain != "" && u.Domain.RootDomain != "" && d.Domain.RootDomain != u.Domain.RootDomain
	}
	t.Part.Links = append(t.Part.Links, l)
}

// maxFact is the length at which the value of a fact is cut, in bytes.
const maxFact = 1000

// maxFacts is how many facts a file may have.
const maxFacts = 200

// Fact notes what a file says about itself, or what is remarkable about it: a
// word of lower case with underscores, and a value. The first of a name counts;
// an empty value is none.
func (t *Task) Fact(name, value string) {
	value = strings.TrimSpace(strings.Map(printable, value))
	if value == "" || len(t.Part.Metadata) >= maxFacts {
		return
	}
	if t.Part.Metadata == nil {
		t.Part.Metadata = map[string]string{}
	}
	if _, known := t.Part.Metadata[name]; !known {
		t.Part.Metadata[name] = strings.ToValidUTF8(value[:min(len(value), maxFact)], "")
	}
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// QR notes what a two-dimensional code in a picture says.
func (t *Task) QR(payload string) {
	for _, known := range t.Part.QR {
		if known == payload {
			return
		}
	}
	if payload != "" && len(t.Part.QR) < 100 {
		t.Part.QR = append(t.Part.QR, payload)
	}
}

// Defect notes something wrong with the file.
func (t *Task) Defect(code, format string, args ...any) {
	t.defects = append(t.defects, engine.Defect{Code: code, Part: t.Part.Path, Detail: fmt.Sprintf(format, args...)})
}

// Cap notes that a limit fired: what lies beyond it was not looked at.
func (t *Task) Cap(code, format string, args ...any) {
	t.defects = append(t.defects, engine.LimitDefect(code, t.Part.Path, format, args...))
}

// once is Cap, unless there is such a defect already.
func (t *Task) once(code, format string, args ...any) {
	for _, d := range t.defects {
		if d.Code == code {
			return
		}
	}
	t.Cap(code, format, args...)
}

// Trouble is an error with a defect code of its own.
type Trouble struct {
	Code, Detail string
}

func (e *Trouble) Error() string { return e.Detail }

// Troublef is a *Trouble as an error.
func Troublef(code, format string, args ...any) error {
	return &Trouble{code, fmt.Sprintf(format, args...)}
}

// Finish ends the reading: err is what the reader returned. It returns the
// defects of the part.
func (t *Task) Finish(err error) []engine.Defect {
	if text := t.Text.String(); text != "" {
		t.Part.Text, t.Part.Places = text, t.Text.places
		t.budget.Text -= len(text)
	}
	if t.Text.full {
		t.once(engine.DefectText, "more than %d bytes of text", t.Text.max)
	}
	t.Part.Opened = true
	var own *Trouble
	var spent *spentError
	switch {
	case err == nil:
	case errors.Is(err, ErrLocked): // said already
	case errors.As(err, &spent):
		t.once(spent.code, "%s", spent.detail)
	case errors.Is(err, engine.ErrLimit):
		t.once(engine.DefectUnpackSize, "%s", err)
	case errors.As(err, &own):
		t.Defect(own.Code, "%s", own.Detail)
	default:
		t.Defect(engine.DefectUnreadable, "%s: %.300s", t.Part.FileType, err)
	}
	return t.defects
}
