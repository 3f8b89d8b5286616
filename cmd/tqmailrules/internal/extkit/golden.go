package extkit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Finding is one finding as golden files have it.
type Finding struct {
	Type       string            `json:"type"` // short name
	Value      string            `json:"value"`
	Part       string            `json:"part"`
	Context    string            `json:"context"` // what kind of place it is
	Start      int               `json:"start"`
	End        int               `json:"end"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Parent     string            `json:"parent,omitempty"`
}

// Findings are what an extractor reported, in the order of golden files: by
// part, place, type and value.
func Findings(found []engine.Finding) []Finding {
	all := make([]Finding, 0, len(found))
	for _, f := range found {
		all = append(all, Finding{
			Type: engine.ShortByType(f.Type), Value: f.Value, Part: f.Spot.Part, Context: f.Spot.Context.String(),
			Start: f.Spot.Span.Start, End: f.Spot.Span.End, Attributes: f.Extra, Parent: f.Parent,
		})
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Context, b.Context), cmp.Compare(a.Start, b.Start),
			cmp.Compare(a.End, b.End), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
	return all
}

// GoldenPath is the golden file of a mail: its name with .json.
func GoldenPath(dir, mail string) string {
	stem := strings.TrimSuffix(filepath.Base(mail), filepath.Ext(mail))
	return filepath.Join(dir, stem+".json")
}

// ReadGolden reads what is expected in a mail. A file that is not there expects
// nothing; there says so.
func ReadGolden(path string) (want []Finding, there bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&want); err != nil {
		return nil, true, author("tqmailrules ext test --update writes it anew", "%s: %v", path, err)
	}
	return want, true, nil
}

// WriteGolden writes findings as what is expected from now on.
func WriteGolden(path string, found []Finding) error {
	var b bytes.Buffer
	b.WriteString("[")
	for i, f := range found {
		line, err := encode(f)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n  %s", line)
	}
	if len(found) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	return writeFile(path, b.Bytes())
}

// encode is a finding on one line.
func encode(f Finding) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(f)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// Compare tells what of want was not found, and what was found beside it. How
// often something is there counts, its order does not.
func Compare(want, got []Finding) (missing, extra []Finding) {
	missing, extra = []Finding{}, []Finding{}
	count := map[string]int{}
	for _, f := range got {
		count[key(f)]++
	}
	for _, f := range want {
		if k := key(f); count[k] > 0 {
			count[k]--
		} else {
			missing = append(missing, f)
		}
	}
	for i := len(got) - 1; i >= 0; i-- { // of several alike the last ones are extra
		if k := key(got[i]); count[k] > 0 {
			count[k]--
			extra = append(extra, got[i])
		}
	}
	slices.Reverse(extra)
	return missing, extra
}

// key is equal for equal findings: JSON sorts the names of attributes.
func key(f Finding) string {
	k, _ := encode(f) // strings and numbers always encode
	return k
}
