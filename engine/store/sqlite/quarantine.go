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
		var q Quarantine
		var mail, raw int64
		var mails, raws []int64
		all = nil
		t.each("SELECT mail, coalesce(raw, 0), reason, stack FROM quarantine ORDER BY at, mail", nil, []any{&mail, &raw, &q.Reason, &q.Stack}, func() {
			all, mails, raws = append(all, q), append(mails, mail), append(raws, raw)
		})
		for i := range all {
			all[i].Origin = t.originOf(mails[i])
			if raws[i] != 0 {
				all[i].Raw = s.content(t, raws[i])
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	return all, nil
}
