package meter

import (
	"fmt"
	"strconv"
	"strings"
)

// Error says why a module is refused and where.
type Error struct {
	Offset int // the byte in the file
	Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("at byte 0x%x: %s", e.Offset, e.Reason)
}

// grouped writes a number with a comma between thousands.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
