package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// The files that a master hands to a worker, in the order of exec.Cmd.ExtraFiles.
const (
	fdRequests = 3 + iota
	fdResponses
	fdInput
	fdOutput
)

// exitTime is how a worker ends that has used its processor time up.
const exitTime = 124

// Options are what a worker is told by its master.
type Options struct {
	Memory int64         // bytes of data it may have
	Time   time.Duration // of processor time for one attachment
	// New makes the unpacker that does the work, with a store for what comes out
	// of containers.
	New func(store task.Store, setup json.RawMessage) (engine.Unpacker, error)
}

// Serve is the life of a worker process: it confines itself, then unpacks what
// it is sent until its master hangs up. It returns an error when it was not
// started by a Pool.
func Serve(o Options) error {
	in, out := os.NewFile(fdRequests, "requests"), os.NewFile(fdResponses, "responses")
	input, output := os.NewFile(fdInput, "input"), os.NewFile(fdOutput, "output")
	if _, err := input.Stat(); err != nil {
		return errors.New("unpack worker: not started by tqmailrules")
	}
	runtime.GOMAXPROCS(1)
	debug.SetMemoryLimit(o.Memory / 2)
	var setup json.RawMessage
	if err := readFrame(in, &setup); err != nil {
		return err
	}
	u, err := o.New(&regions{f: output}, setup)
	if err != nil {
		return err
	}
	if err := writeFrame(out, hello{confine(o.Memory)}); err != nil {
		return err
	}
	for {
		var req request
		if err := readFrame(in, &req); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := serve(u, req, input, output, out, o.Time); err != nil {
			return err
		}
	}
}

func serve(u engine.Unpacker, req request, input, output *os.File, out io.Writer, limit time.Duration) error {
	if err := output.Truncate(0); err != nil {
		return err
	}
	part := req.Part.Part
	part.Content = region{input, 0, int64(part.Size)}
	stop := watch(limit)
	defects, err := u.Unpack(context.Background(), &part, candidatesOf(req.Keys), &req.Budget)
	stop()
	if err != nil {
		return err
	}
	return writeFrame(out, response{Part: toWire(&part, true), Defects: defects, Budget: req.Budget, Retire: heavy()})
}

// heavy tells whether the process has grown so much that a fresh one is better.
func heavy() bool {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys-m.HeapReleased > 96<<20
}

// watch ends the process when it has used more processor time than limit since
// now: whatever it is doing then, it cannot be stopped in any other way.
func watch(limit time.Duration) (stop func()) {
	began, done := processorTime(), make(chan struct{})
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if processorTime()-began > limit {
					fmt.Fprintln(os.Stderr, "processor time used up")
					os.Exit(exitTime)
				}
			}
		}
	}()
	return func() { close(done) }
}

// region is a blob in a file that is shared with the master.
type region struct {
	f        *os.File
	off, len int64
}

func (r region) Open() (io.ReadCloser, error) {
	return section{io.NewSectionReader(r.f, r.off, r.len)}, nil
}
func (r region) Size() int64   { return r.len }
func (r region) offset() int64 { return r.off }

type section struct{ *io.SectionReader }

func (section) Close() error { return nil }

// regions is a store at the end of the output file.
type regions struct{ f *os.File }

func (s *regions) Create() task.Place { return &place{f: s.f, off: -1} }

type place struct {
	f        *os.File
	off, len int64
}

func (p *place) Write(b []byte) (int, error) {
	if p.off < 0 {
		p.off = p.end()
	}
	n, err := p.f.WriteAt(b, p.off+p.len)
	p.len += int64(n)
	return n, err
}

func (p *place) end() int64 {
	info, err := p.f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

func (p *place) Blob() engine.Blob { return region{p.f, max(0, p.off), p.len} }
