// Command tqmailrules is a rules engine for security mailboxes: it reads mail,
// decides by rule files what each message is, extracts indicators, and ships
// events, files and indicators. `tqmailrules help` lists the commands.
//
// The command wires packages together and talks to people; nothing below it
// reads flags, the environment or the clock, or writes to standard output.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// Little lives longer than one mail, so collecting later costs some tens of
// megabytes and saves a tenth of the time; above softLimit it collects as usual.
const (
	gcPercent = 800
	softLimit = 256 << 20
)

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(softLimit)
	}
	program()
}

// grace is how long work may take to end in good order once it is interrupted.
// What is cut off then is done again by the next run.
const grace = 10 * time.Second

// program runs one command line and ends the process with its status.
func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		stop() // a second signal ends the process at once
		time.Sleep(grace)
		fmt.Fprintln(os.Stderr, "tqmailrules: interrupted, and something did not end: a pipe without a writer, say")
		os.Exit(int(exitEnvironment))
	})
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv, now: time.Now}
	os.Exit(int(a.main(ctx, os.Args[1:])))
}
