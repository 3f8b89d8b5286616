package task

import (
	"fmt"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
)

// A stream that expands more than maxRatio times, once it is longer than
// ratioFrom bytes, is a bomb.
const (
	maxRatio  = 200
	ratioFrom = 1 << 20
)

// spentError says which cap fired. It wraps engine.ErrLimit.
type spentError struct{ code, detail string }

func (e *spentError) Error() string { return e.detail }
func (e *spentError) Unwrap() error { return engine.ErrLimit }

// Expand reads what comes out of a compressed, encrypted or contained stream of
// packed bytes, 0 when that is not known, and spends the budget of the mail on
// it. Reading fails with an error that wraps engine.ErrLimit when the budget is
// used up, or when the stream expands beyond any honest ratio.
func (t *Task) Expand(r io.Reader, packed int64) io.Reader {
	return &expanding{r: r, packed: packed, t: t}
}

type expanding struct {
	r         io.Reader
	packed, n int64
	t         *Task
}

func (e *expanding) Read(p []byte) (int, error) {
	if e.t.budget.Bytes <= 0 {
		if n, err := e.r.Read(make([]byte, 1)); n == 0 && err != nil {
			return 0, err // it ends just here
		}
		return 0, e.t.spent()
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.t.budget.Bytes)])
	e.n += int64(n)
	e.t.budget.Bytes -= int64(n)
	if e.packed > 0 && e.n > ratioFrom && e.n/maxRatio > e.packed {
		return 0, &spentError{engine.DefectRatio, fmt.Sprintf("%d bytes expand to more than %d", e.packed, e.n)}
	}
	return n, err
}

func (t *Task) spent() error {
	return &spentError{engine.DefectUnpackSize, fmt.Sprintf("more than %d bytes come out of the attachments of this mail", t.Limits.Unpacked)}
}

// metered spends the budget of the mail on what is written.
type metered struct {
	w io.Writer
	t *Task
}

func (m *metered) Write(p []byte) (int, error) {
	some := p[:min(int64(len(p)), max(0, m.t.budget.Bytes))]
	n, err := m.w.Write(some)
	m.t.budget.Bytes -= int64(n)
	if err == nil && n < len(p) {
		err = m.t.spent()
	}
	return n, err
}

// ExpandAll reads a stream whole, at most max bytes of it; more is an error that
// wraps engine.ErrLimit. What was read comes back beside any error.
func (t *Task) ExpandAll(r io.Reader, packed, max int64) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(t.Expand(r, packed), max+1))
	if int64(len(all)) > max && err == nil {
		return all[:max], &spentError{engine.DefectUnpackSize, fmt.Sprintf("a stream of more than %d bytes", max)}
	}
	return all, err
}
