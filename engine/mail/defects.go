package mail

import (
	"fmt"

	"github.com/tqmailrules/tqmailrules/engine"
)

// maxDefects bounds the list of one message: a hostile mail has a million faults.
const maxDefects = 100

// defects collects what is wrong with one message, each fault once per place.
type defects struct {
	list []engine.Defect
	seen map[[2]string]bool
}

func (d *defects) add(code, part, format string, args ...any) {
	d.put(engine.Defect{Code: code, Part: part}, format, args)
}

func (d *defects) limit(code, part, format string, args ...any) {
	d.put(engine.Defect{Code: code, Part: part, Cap: true}, format, args)
}

func (d *defects) put(f engine.Defect, format string, args []any) {
	key := [2]string{f.Code, f.Part}
	if d.seen[key] || len(d.list) >= maxDefects && !f.Cap {
		return
	}
	if d.seen == nil {
		d.seen = map[[2]string]bool{}
	}
	d.seen[key] = true
	f.Detail = fmt.Sprintf(format, args...)
	d.list = append(d.list, f)
}

// take adds what another layer found.
func (d *defects) take(list []engine.Defect, part string) {
	for _, f := range list {
		if f.Part == "" {
			f.Part = part
		}
		d.put(engine.Defect{Code: f.Code, Part: f.Part, Cap: f.Cap}, "%s", []any{f.Detail})
	}
}
