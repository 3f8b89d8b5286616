package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task/tasktest"
	"github.com/tqmailrules/tqmailrules/engine/unpack/worker"
)

const asWorker = "unpack-worker"

// TestMain makes the test binary be a worker when a pool starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asWorker {
		err := worker.Serve(worker.Options{Memory: 256 << 20, Time: time.Second, New: func(s task.Store, _ json.RawMessage) (engine.Unpacker, error) { return naughty{s}, nil }})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// naughty does what the bytes of a part say.
type naughty struct{ store task.Store }

func (naughty) Wants(*engine.Part) bool { return true }

func (n naughty) Unpack(ctx context.Context, part *engine.Part, keys []engine.Candidate, budget *engine.Budget) ([]engine.Defect, error) {
	what, _ := engine.ReadAll(part.Content, 1<<30)
	t := task.New(part, engine.Limits{}, task.NewKeyring(keys), budget, n.store)
	var err error
	switch word, _, _ := strings.Cut(string(what[:min(len(what), 40)]), " "); word {
	case "spin":
		for i := 0; ; i++ {
			_ = i
		}
	case "eat":
		var all [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := range b {
				b[i] = byte(i)
			}
			all = append(all, b)
			runtime.KeepAlive(all)
		}
	case "crash":
		go func() { panic("out of a goroutine") }()
		time.Sleep(time.Second)
	case "exit":
		os.Exit(0)
	case "sleep":
		time.Sleep(time.Minute)
	case "files":
		_, err = os.ReadFile("/etc/passwd")
		t.Fact("read", fmt.Sprint(err != nil))
		err = os.WriteFile(os.TempDir()+"/worker-was-here", nil, 0o600)
		t.Fact("write", fmt.Sprint(err != nil))
		_, err = net.Dial("tcp", "127.0.0.1:1")
		t.Fact("dial", fmt.Sprint(errors.Is(err, os.ErrPermission)))
		t.Fact("exec", fmt.Sprint(exec.Command("/bin/true").Run() != nil))
		t.Fact("environment", strings.Join(os.Environ(), " "))
		err = nil
	default:
		_, err = t.Add("dir/whole.bin", bytes.NewReader(what), 0)
		t.AddBytes("empty", nil)
		t.Text.At("page 1")
		t.Text.Add("some text \u00fc")
		t.Link("https://example.org/x?a=b%20c", "https://other.example/")
		t.QR("https://qr.example")
		t.Unlock(ctx, 1, nil, func(p string) (bool, error) { return p == "right", nil })
	}
	return t.Finish(err), nil
}

func newPool(t testing.TB, size int) *worker.Pool {
	p := worker.New(worker.Config{
		Size: size, Wants: func(*engine.Part) bool { return true }, Wall: time.Minute, // a busy machine is slow
		Command: func() *exec.Cmd {
			cmd := exec.Command(os.Args[0], asWorker)
			cmd.Env = []string{"GOTRACEBACK=single"}
			return cmd
		},
	})
	t.Cleanup(func() { p.Close() })
	return p
}

func part(content []byte) *engine.Part {
	return &engine.Part{Path: "2", FileName: "x.bin", FileType: "bin", Size: len(content), Content: engine.Bytes(content)}
}

var keys = []engine.Candidate{
	{Password: engine.LiteralPassword("wrong"), Origin: engine.FromToken, Part: "body.text"},
	{Password: engine.LiteralPassword("right"), Origin: engine.FromPartner, Mail: "other.eml", Part: "body.text", Span: engine.Span{Start: 4, End: 9}},
}

// What a worker makes of a part is what the same unpacker makes of it here.
func TestWorkerGivesWhatTheUnpackerGives(t *testing.T) {
	pool := newPool(t, 1)
	for _, size := range []int{0, 1, 100, 3 << 20} {
		content := bytes.Repeat([]byte("abcdefghij"), size/10+1)[:size]
		here, there := part(content), part(content)
		budgetHere, budgetThere := engine.Limits{}.WithDefaults().Budget(), engine.Limits{}.WithDefaults().Budget()
		defectsHere, _ := naughty{tasktest.Memory{}}.Unpack(t.Context(), here, keys, budgetHere)
		defectsThere, err := pool.Unpack(t.Context(), there, keys, budgetThere)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range there.Children {
			got, _ := engine.ReadAll(c.Content, 1<<30)
			want, _ := engine.ReadAll(here.Children[i].Content, 1<<30)
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes: member %d differs", size, i)
			}
			c.Content, here.Children[i].Content = nil, nil
		}
		if diff := cmp.Diff(here, there); diff != "" {
			t.Errorf("%d bytes (-here +there):\n%s", size, diff)
		}
		if diff := cmp.Diff(defectsHere, defectsThere) + cmp.Diff(budgetHere, budgetThere); diff != "" {
			t.Errorf("%d bytes (-here +there):\n%s", size, diff)
		}
		if there.OpenedBy != "partner other.eml, body.text 4-9" {
			t.Errorf("opened by %q", there.OpenedBy)
		}
	}
}

// Whatever a reader does costs its attachment one defect; the next one is read.
func TestABrokenReaderCostsOneAttachment(t *testing.T) {
	pool := newPool(t, 1)
	for _, tt := range []struct{ what, code string }{
		{"spin ", engine.DefectUnpackTime},
		{"eat ", engine.DefectUnpackMemory},
		{"crash ", engine.DefectUnpackCrash},
		{"exit ", engine.DefectUnpackCrash},
	} {
		t.Run(tt.what, func(t *testing.T) {
			budget := engine.Limits{}.WithDefaults().Budget()
			start := time.Now()
			defects, err := pool.Unpack(t.Context(), part([]byte(tt.what)), keys, budget)
			if err != nil || len(defects) != 1 || defects[0].Code != tt.code || defects[0].Part != "2" {
				t.Errorf("%v, %v: want %s", defects, err, tt.code)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %s", took)
			}
			if budget.Breaks != 2 {
				t.Errorf("%d more may break", budget.Breaks)
			}
			next := part([]byte("fine"))
			if _, err := pool.Unpack(t.Context(), next, keys, budget); err != nil || len(next.Children) != 2 {
				t.Errorf("the next one: %v, %d members", err, len(next.Children))
			}
		})
	}
}

// A mail may break so many readers and no more.
func TestAMailBreaksFewReaders(t *testing.T) {
	pool := newPool(t, 1)
	budget := engine.Limits{}.WithDefaults().Budget()
	for range 3 {
		pool.Unpack(t.Context(), part([]byte("exit ")), nil, budget)
	}
	next := part([]byte("fine"))
	defects, err := pool.Unpack(t.Context(), next, nil, budget)
	if err != nil || len(defects) != 1 || !defects[0].Cap || next.Opened {
		t.Errorf("%v, %v, opened %t", defects, err, next.Opened)
	}
}

// A worker that does not answer is trouble of the environment, and so is a
// caller who does not wait.
func TestSilenceIsNoVerdict(t *testing.T) {
	pool := newPool(t, 1)
	budget := engine.Limits{}.WithDefaults().Budget()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := pool.Unpack(ctx, part([]byte("sleep ")), nil, budget); !errors.Is(err, engine.ErrTemporary) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if budget.Breaks != 3 {
		t.Errorf("it counts as a break")
	}
	if _, err := pool.Unpack(t.Context(), part([]byte("fine")), nil, budget); err != nil {
		t.Error(err)
	}
}

// A worker cannot read or write files, connect, or start programs, and does not
// know the environment of its master.
func TestWorkersAreConfined(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: needs Linux")
	}
	t.Setenv("IMAP_PASSWORD", "canary")
	pool := newPool(t, 1)
	confined, err := pool.Confined(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log("confined:", confined)
	if !slices.Contains(confined, "seccomp") || !slices.Contains(confined, "memory") {
		t.Errorf("confined %v", confined)
	}
	p := part([]byte("files "))
	if _, err := pool.Unpack(t.Context(), p, nil, engine.Limits{}.WithDefaults().Budget()); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"read": "true", "write": "true", "dial": "true", "exec": "true", "environment": "GOTRACEBACK=single"}
	if diff := cmp.Diff(want, p.Metadata); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Several ask at once; processes are reused.
func TestPoolIsSharedByWorkers(t *testing.T) {
	pool := newPool(t, 2)
	errs := make(chan error, 40)
	for i := range 40 {
		go func() {
			p := part(fmt.Appendf(nil, "mail %d", i))
			_, err := pool.Unpack(context.Background(), p, nil, engine.Limits{}.WithDefaults().Budget())
			if err == nil {
				got, _ := engine.ReadAll(p.Children[0].Content, 100)
				if string(got) != fmt.Sprintf("mail %d", i) {
					err = fmt.Errorf("mail %d got %q", i, got)
				}
			}
			errs <- err
		}()
	}
	for range 40 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkUnpack is what the way to a worker and back costs.
func BenchmarkUnpack(b *testing.B) {
	pool := newPool(b, 1)
	for _, size := range []int{1 << 10, 100 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			content := bytes.Repeat([]byte("x"), size)
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := pool.Unpack(b.Context(), part(content), nil, engine.Limits{}.WithDefaults().Budget()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
