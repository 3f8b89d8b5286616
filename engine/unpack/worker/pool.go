// Package worker unpacks attachments in processes of their own, so that what
// attackers do to a reader costs one attachment and nothing else.
//
// A Pool is an engine.Unpacker. It keeps a few processes of the same binary, each
// of which runs Serve: it caps its own memory, gives up the file system, sockets
// and other programs where the system lets it (Linux: landlock and seccomp), and
// then unpacks what it is sent. Requests and responses pass through pipes; the
// bytes of the attachment and of what comes out of it through two unnamed
// temporary files that both share, so that a large member is never in memory.
//
// A worker that crashes, spins or eats memory is ended; the attachment has one
// defect for it, and the next one gets a fresh process. Time is counted as
// processor time, so that a busy machine changes no verdict; only a worker that
// does not answer for Config.Wall is an error of the environment.
package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Config of a Pool. Command is required; a zero elsewhere means the default.
type Config struct {
	// Command makes the command that runs Serve in a process of the same binary.
	Command func() *exec.Cmd
	// Setup is handed to Options.New of the worker, as JSON.
	Setup   any
	Size    int           // processes at the same time; 2
	Wall    time.Duration // after which one that does not answer is given up; 2 minutes
	Uses    int           // attachments after which a process is replaced; 500
	Wants   func(*engine.Part) bool
	TempDir string // of the shared files; "" means the system's
	Leaf    int    // bytes above which a member is kept in a file; 1 MiB
	Memory  int64  // bytes of the members of one attachment that are kept in memory; 16 MiB
}

// Pool implements engine.Unpacker. It is safe for concurrent use. Close it.
type Pool struct {
	cfg   Config
	slots chan *process // as many as cfg.Size; nil where none has been started
	once  sync.Once
}

var _ engine.Unpacker = (*Pool)(nil)

// New returns a Pool. It starts nothing until the first attachment comes.
func New(cfg Config) *Pool {
	orDefault(&cfg.Size, 2)
	orDefault(&cfg.Uses, 500)
	orDefault(&cfg.Leaf, 1<<20)
	if cfg.Memory <= 0 {
		cfg.Memory = 16 << 20
	}
	if cfg.Wall <= 0 {
		cfg.Wall = 2 * time.Minute
	}
	p := &Pool{cfg: cfg, slots: make(chan *process, cfg.Size)}
	for range cfg.Size {
		p.slots <- nil
	}
	return p
}

func orDefault(p *int, v int) {
	if *p <= 0 {
		*p = v
	}
}

// Wants implements engine.Unpacker.
func (p *Pool) Wants(part *engine.Part) bool { return p.cfg.Wants(part) }

// Close ends the processes. Nothing must be unpacked any more.
func (p *Pool) Close() error {
	p.once.Do(func() {
		for range p.cfg.Size {
			if w := <-p.slots; w != nil {
				w.end()
			}
		}
	})
	return nil
}

// Confined starts a worker and tells what it has given up, in words.
func (p *Pool) Confined(ctx context.Context) ([]string, error) {
	w, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	p.slots <- w
	return w.confined, nil
}

// take waits for a free slot and makes sure that there is a process in it.
func (p *Pool) take(ctx context.Context) (*process, error) {
	select {
	case w := <-p.slots:
		if w != nil {
			return w, nil
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w, err := p.start()
	if err != nil {
		p.slots <- nil
	}
	return w, err
}

// Unpack implements engine.Unpacker.
func (p *Pool) Unpack(ctx context.Context, part *engine.Part, keys []engine.Candidate, budget *engine.Budget) ([]engine.Defect, error) {
	if budget.Breaks <= 0 {
		return []engine.Defect{engine.LimitDefect(engine.DefectUnpackCrash, part.Path, "not opened: other attachments of this mail broke their readers")}, nil
	}
	w, err := p.take(ctx)
	if err != nil {
		return nil, fmt.Errorf("start unpack worker: %w: %w", engine.ErrTemporary, err)
	}
	defects, err := w.unpack(ctx, p.cfg, part, keys, budget)
	switch {
	case err == nil && w.uses < p.cfg.Uses:
		p.slots <- w
		return defects, nil
	case err == nil:
		w.end()
		p.slots <- nil
		return defects, nil
	}
	p.slots <- nil
	return p.broken(w, part, budget, err)
}

// starved tells by a worker's last words that it got no more memory. The collector of
// Go does not look whether it got some for itself: then it faults on its own stack,
// that of goroutine 0, where no reader runs.
func starved(last string) bool {
	return strings.Contains(last, "out of memory") || strings.Contains(last, "cannot allocate memory") ||
		strings.Contains(last, "SIGSEGV") && strings.Contains(last, "\ngoroutine 0 ") && strings.Contains(last, "runtime.gc")
}

// broken ends a worker that did not answer and says why.
func (p *Pool) broken(w *process, part *engine.Part, budget *engine.Budget, err error) ([]engine.Defect, error) {
	state := w.kill()
	var late *lateError
	if errors.As(err, &late) {
		return nil, fmt.Errorf("unpack worker: %w: %w", engine.ErrTemporary, err)
	}
	budget.Breaks--
	switch last := w.stderr.String(); {
	case state == exitTime:
		return []engine.Defect{engine.LimitDefect(engine.DefectUnpackTime, part.Path, "reading it takes too long")}, nil
	case starved(last):
		return []engine.Defect{engine.LimitDefect(engine.DefectUnpackMemory, part.Path, "reading it takes too much memory")}, nil
	}
	return []engine.Defect{{Code: engine.DefectUnpackCrash, Part: part.Path, Detail: fmt.Sprintf("the reader of %s ended unexpectedly", part.FileType)}}, nil
}

// process is one worker. It is for one goroutine.
type process struct {
	cmd           *exec.Cmd
	in, out       *os.File // our ends of the pipes
	input, output *os.File
	stderr        *tail
	confined      []string
	uses          int
}

func (p *Pool) start() (*process, error) {
	w := &process{cmd: p.cfg.Command(), stderr: &tail{}}
	var theirs [2]*os.File
	var err error
	open := func(f func() error) {
		if err == nil {
			err = f()
		}
	}
	open(func() (err error) { theirs[0], w.in, err = os.Pipe(); return err })
	open(func() (err error) { w.out, theirs[1], err = os.Pipe(); return err })
	open(func() (err error) { w.input, err = unnamed(p.cfg.TempDir); return err })
	open(func() (err error) { w.output, err = unnamed(p.cfg.TempDir); return err })
	w.cmd.Stderr = w.stderr
	w.cmd.ExtraFiles = []*os.File{theirs[0], theirs[1], w.input, w.output}
	open(w.cmd.Start)
	for _, f := range theirs {
		if f != nil {
			f.Close()
		}
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, w.greet(p.cfg.Setup)
}

func (w *process) greet(setup any) error {
	var h hello
	if err := writeFrame(w.in, setup); err != nil {
		w.kill()
		return fmt.Errorf("hand over its setup: %w: %s", err, w.stderr)
	}
	if err := readFrame(w.out, &h); err != nil {
		w.kill()
		return fmt.Errorf("no word from it: %w: %s", err, w.stderr)
	}
	w.confined = h.Confined
	return nil
}

func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "tqmailrules-")
	if err == nil {
		os.Remove(f.Name()) // the open file keeps the bytes; nothing is left behind by a crash
	}
	return f, err
}

// lateError is that of a worker which does not answer, or of a caller who does
// not wait any more.
type lateError struct{ error }

func (e *lateError) Unwrap() error { return e.error }

// unpack sends an attachment and takes what became of it. After an error the
// process is of no use.
func (w *process) unpack(ctx context.Context, cfg Config, part *engine.Part, keys []engine.Candidate, budget *engine.Budget) ([]engine.Defect, error) {
	if err := w.load(part.Content); err != nil {
		return nil, &lateError{err}
	}
	req := request{Part: toWire(part, true), Keys: wireKeys(keys), Budget: *budget}
	req.Part.Members = nil
	var res response
	if err := w.exchange(ctx, cfg.Wall, req, &res); err != nil {
		return nil, err
	}
	w.uses++
	if res.Retire {
		w.uses = cfg.Uses
	}
	store := &keeper{from: w.output, dir: cfg.TempDir, leaf: int64(cfg.Leaf), memory: cfg.Memory}
	members, err := store.parts(res.Part.Members)
	if err != nil {
		return nil, &lateError{err}
	}
	content := part.Content
	*part = res.Part.Part
	part.Content, part.Children = content, members
	*budget = res.Budget
	return res.Defects, nil
}

// load copies the bytes of an attachment to where the worker reads them.
func (w *process) load(b engine.Blob) error {
	r, err := b.Open()
	if err != nil {
		return fmt.Errorf("read content: %w", err)
	}
	defer r.Close()
	if err := errors.Join(w.input.Truncate(0), seek(w.input)); err != nil {
		return err
	}
	_, err = io.Copy(w.input, r)
	return err
}

func seek(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// exchange waits for the answer, for ctx or for the wall clock.
func (w *process) exchange(ctx context.Context, wall time.Duration, req request, res *response) error {
	answered := make(chan error, 1) // the goroutine may outlive the wait
	go func() {
		if err := writeFrame(w.in, req); err != nil {
			answered <- err
			return
		}
		answered <- readFrame(w.out, res)
	}()
	timer := time.NewTimer(wall)
	defer timer.Stop()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		w.stop()
		<-answered
		return &lateError{ctx.Err()}
	case <-timer.C:
		w.stop()
		<-answered
		return &lateError{fmt.Errorf("no answer for %s", wall)}
	}
}

// stop makes pending reads and writes return.
func (w *process) stop() { w.cmd.Process.Kill() }

// end lets the worker finish by itself.
func (w *process) end() {
	w.in.Close()
	w.cmd.Wait()
	w.close()
}

// kill ends the worker and returns the status with which it ended.
func (w *process) kill() int {
	w.in.Close()
	timer := time.AfterFunc(5*time.Second, w.stop) // it may be writing its last words
	w.cmd.Wait()
	timer.Stop()
	w.close()
	return w.cmd.ProcessState.ExitCode()
}

func (w *process) close() {
	for _, f := range []*os.File{w.in, w.out, w.input, w.output} {
		if f != nil {
			f.Close()
		}
	}
}

// tail keeps the first bytes that a worker complains.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p[:min(len(p), max(0, 16<<10-t.b.Len()))])
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// keeper takes contents out of a worker's output file before that is reused:
// small ones into memory while there is some left, the others into one unnamed
// file.
type keeper struct {
	from   *os.File
	dir    string
	leaf   int64
	memory int64
	large  *os.File
	size   int64
}

func (k *keeper) parts(members []wirePart) ([]*engine.Part, error) {
	var all []*engine.Part
	for i := range members {
		m := &members[i]
		p := m.Part
		blob, err := k.content(m.At, int64(p.Size))
		if err != nil {
			return nil, err
		}
		p.Content = blob
		if p.Children, err = k.parts(m.Members); err != nil {
			return nil, err
		}
		all = append(all, &p)
	}
	return all, nil
}

func (k *keeper) content(at, size int64) (engine.Blob, error) {
	if size <= k.leaf && size <= k.memory {
		k.memory -= size
		b := make([]byte, max(0, size))
		_, err := k.from.ReadAt(b, at)
		if err == io.EOF && size == 0 {
			err = nil
		}
		return engine.Bytes(b), err
	}
	if k.large == nil {
		var err error
		if k.large, err = unnamed(k.dir); err != nil {
			return nil, err
		}
	}
	if _, err := k.from.Seek(at, io.SeekStart); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(k.large, k.from, size); err != nil {
		return nil, err
	}
	r := region{k.large, k.size, size}
	k.size += size
	return r, nil
}
