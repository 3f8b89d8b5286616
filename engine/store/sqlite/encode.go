package sqlite

import (
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/engine"
)

// storedBatch is a batch as JSON; the contents stand elsewhere.
type storedBatch struct {
	engine.Batch
	Origin storedOrigin // in place of the one of Batch
}

// storedOrigin is an origin whose texts come back byte by byte: what makes a
// mail itself must not change.
type storedOrigin struct {
	Source, Account, Folder, ID, Name exact
	Received                          time.Time
	Digest                            string
}

// exact is a text that need not be UTF-8.
type exact string

type exactBytes struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (e exact) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(e)) {
		return json.Marshal(string(e))
	}
	return json.Marshal(exactBytes{[]byte(e)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *exact) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var b exactBytes
		err := json.Unmarshal(text, &b)
		*e = exact(b.Base64)
		return err
	}
	return json.Unmarshal(text, (*string)(e))
}

func encodeBatch(b *engine.Batch) ([]byte, error) {
	o := b.Origin
	stored := storedBatch{*b, storedOrigin{exact(o.Source), exact(o.Account), exact(o.Folder), exact(o.ID), exact(o.Name), writable(o.Received), o.Digest}}
	stored.Events = slices.Clone(b.Events)
	for i := range stored.Events {
		e := &stored.Events[i]
		for _, t := range []*time.Time{&e.HappenedAt, &e.Message.Date, &e.Message.Received} {
			*t = writable(*t)
		}
	}
	return json.Marshal(stored)
}

func decodeBatch(text []byte) (engine.Batch, error) {
	var stored storedBatch
	if err := json.Unmarshal(text, &stored); err != nil {
		return engine.Batch{}, err
	}
	o := stored.Origin
	stored.Batch.Origin = engine.Origin{
		Source: string(o.Source), Account: string(o.Account), Folder: string(o.Folder), ID: string(o.ID), Name: string(o.Name),
		Received: o.Received, Digest: o.Digest,
	}
	return stored.Batch, nil
}

// writable is t, unless JSON has no form for it: a date that a mail made up
// must not keep the mail from being committed.
func writable(t time.Time) time.Time {
	if _, err := t.MarshalJSON(); err != nil {
		return clamp(t)
	}
	return t
}

// clamp is the nearest time of the years 0 to 9999, in UTC.
func clamp(t time.Time) time.Time {
	t = t.UTC()
	switch {
	case t.Year() < 0:
		return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	}
	return t
}

// stampForm has one length, so that the order of texts is that of times.
const stampForm = "2006-01-02T15:04:05.000000000Z"

func stamp(t time.Time) string { return clamp(t).Format(stampForm) }

// parseStamp reads what stamp wrote; anything else is the zero time.
func parseStamp(s string) time.Time {
	t, _ := time.Parse(stampForm, s)
	return t
}
