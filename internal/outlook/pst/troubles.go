package pst

import (
	"fmt"
	"slices"
)

// maxTroubles is how many troubles of one thing are told in words.
const maxTroubles = 50

// troubles are told once each, and counted when there are too many.
type troubles struct {
	list []string
	more int
}

func (t *troubles) tell(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	switch {
	case slices.Contains(t.list, s):
	case len(t.list) < maxTroubles:
		t.list = append(t.list, s)
	default:
		t.more++
	}
}

func (t *troubles) all() []string {
	list := slices.Clone(t.list)
	if t.more > 0 {
		list = append(list, fmt.Sprintf("and %d more", t.more))
	}
	return list
}
