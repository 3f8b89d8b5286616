//go:build unix

package pdf_test

import (
	"syscall"
	"time"
)

// spent is the time that processors have worked for this process: other than the
// clock, it does not count what the rest of a busy machine does.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
