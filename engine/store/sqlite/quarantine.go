package sqlite

import (
	"context"
	"fmt"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Quarantine is a mail that could not be handled.
type Quarantine struct {
	Origin engine.Origin
	Reason string
	Stack  string // of the panic, if it was one
	Raw    engine.Blob
}

// Quarantined lists the mails that could not be handled, in order of commit.
// They stay.
func (s *Store) Quarantined(ctx context.Context) (all []Quarantine, err error) {
	err = s.look(ctx, func(t *tx) {
		all = nil
		for _, q := range s.quarantined(t) {
			all = append(all, q.Quarantine)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	return all, nil
}

func (s *Store) quarantined(t *tx) (all []QuarantinedMail) {
	var q QuarantinedMail
	var at string
	var raw int64
	var raws []int64
	t.each("SELECT mail, at, coalesce(raw, 0), reason, stack FROM quarantine ORDER BY at, mail", nil, []any{&q.ID, &at, &raw, &q.Reason, &q.Stack}, func() {
		q.At = parseStamp(at)
		all, raws = append(all, q), append(raws, raw)
	})
	for i := range all {
		all[i].Origin = t.originOf(all[i].ID)
		if raws[i] != 0 {
			all[i].Raw = s.content(t, raws[i])
		}
	}
	return all
}
