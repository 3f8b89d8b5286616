//go:build !linux

package worker

import "time"

// confine takes nothing where the system has no way that Go can reach.
func confine(int64) []string { return nil }

var started = time.Now()

// processorTime is the time of the wall clock where the system has no other.
func processorTime() time.Duration { return time.Since(started) }
