//go:build unix

package main

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestASecondInterruptEndsAReaderThatBlocks holds standard input open and
// interrupts until the process is gone, which must not take the time of grace.
func TestASecondInterruptEndsAReaderThatBlocks(t *testing.T) {
	c := exec.Command(os.Args[0], "dry-run", "--rules", "../../examples/rules/desk", "-")
	c.Env = append(os.Environ(), asProgram+"=1")
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1) // one: the end is told once
	go func() { gone <- c.Wait() }()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(grace / 2)
	for {
		select {
		case <-gone:
			return
		case <-again.C:
			c.Process.Signal(os.Interrupt)
		case <-late:
			c.Process.Kill()
			t.Fatal("still there after many interrupts")
		}
	}
}
