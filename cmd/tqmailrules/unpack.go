package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/engine/unpack/worker"
)

// What a worker may use for one attachment.
const (
	workerMemory = 512 << 20
	workerTime   = 6 * time.Second
)

// workerCommand is the command by which this program starts itself to unpack
// what attackers sent. It is in no list of commands.
const workerCommand = "unpack-worker"

// unpacker is what opens attachments, and how to end it.
type unpacker interface {
	engine.Unpacker
	Close() error
}

// inProcess unpacks here: for systems that have no way to hand files to a worker,
// and for people who debug a reader.
type inProcess struct{ *unpack.Unpacker }

func (inProcess) Close() error { return nil }

// newUnpacker makes what opens attachments: a pool of processes, where there can
// be one and nobody asked for none.
func newUnpacker(limits engine.Limits, workers int, here bool) unpacker {
	if here || !worker.Available {
		return inProcess{unpack.New(unpack.Config{Limits: limits})}
	}
	args := workerArgs(limits)
	return worker.New(worker.Config{
		Size: workers, Wants: unpack.Wants, Leaf: limits.WithDefaults().Leaf,
		Command: func() *exec.Cmd {
			self, err := os.Executable()
			if err != nil {
				self = os.Args[0]
			}
			cmd := exec.Command(self)
			cmd.Args = append([]string{os.Args[0], workerCommand}, args...)
			cmd.Env = []string{"GOTRACEBACK=single"}
			return cmd
		},
	})
}

// confinement asks a worker what it has given up.
func confinement(ctx context.Context) []string {
	pool, ok := newUnpacker(engine.Limits{}, 1, false).(*worker.Pool)
	if !ok {
		return []string{}
	}
	defer pool.Close()
	confined, err := pool.Confined(ctx)
	if err != nil {
		return []string{}
	}
	return confined
}

// workerArgs hands over the limits that readers look at.
func workerArgs(l engine.Limits) []string {
	l = l.WithDefaults()
	return []string{
		fmt.Sprint("-text=", l.Text), fmt.Sprint("-links=", l.Links), fmt.Sprint("-html-depth=", l.HTMLDepth),
		fmt.Sprint("-unpacked=", l.Unpacked), fmt.Sprint("-members=", l.Members), fmt.Sprint("-password-work=", l.PasswordWork),
	}
}

// serveUnpacking is the life of a worker.
func serveUnpacking(_ context.Context, a *app, args []string) exit {
	var l engine.Limits
	fs := flag.NewFlagSet(workerCommand, flag.ContinueOnError)
	fs.SetOutput(a.err)
	fs.IntVar(&l.Text, "text", 0, "")
	fs.IntVar(&l.Links, "links", 0, "")
	fs.IntVar(&l.HTMLDepth, "html-depth", 0, "")
	fs.Int64Var(&l.Unpacked, "unpacked", 0, "")
	fs.IntVar(&l.Members, "members", 0, "")
	fs.Int64Var(&l.PasswordWork, "password-work", 0, "")
	if err := fs.Parse(args); err != nil {
		return exitAuthor
	}
	err := worker.Serve(worker.Options{
		Memory: workerMemory, Time: workerTime,
		New: func(store task.Store) engine.Unpacker { return unpack.New(unpack.Config{Limits: l, Store: store}) },
	})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		fmt.Fprintln(a.err, "tqmailrules:", err)
		return exitEnvironment
	}
	return exitOK
}
