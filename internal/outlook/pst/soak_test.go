package pst_test

import (
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

// laden are mails with attachments, of these bytes in all.
func laden(bytes int) iter.Seq[psttest.Message] {
	small, large := fillOf(3000, 1), fillOf(90_000, 2)
	return func(yield func(psttest.Message) bool) {
		for i := 0; bytes > 0; i++ {
			m := mail(fmt.Sprintf("Laden %06d", i), fmt.Sprintf("body of %d\r\n", i), file("small.bin", small))
			if i%3 == 0 {
				m.Attachments = append(m.Attachments, file("large.bin", large))
				bytes -= len(large)
			}
			if bytes -= len(small) + 4000; !yield(m) {
				return
			}
		}
	}
}

// writeLaden writes a file of about so many bytes.
func writeLaden(t testing.TB, path string, bytes int) {
	t.Helper()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	folders := []psttest.Folder{{Name: "Inbox", Messages: laden(bytes / 2)}, {Name: "Archive", Messages: laden(bytes / 2)}}
	if _, err := psttest.Write(out, psttest.Spec{Name: "Post", Method: 1, Folders: folders}); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// readWhole walks through a file and reads all attachments.
func readWhole(t testing.TB, path string) (messages int, bytes int64) {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := pst.Open(in, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	err = f.Walk(t.Context(), func(e pst.Entry) error {
		if e.Err != nil || len(e.Message.Troubles) > 0 {
			t.Fatalf("%v, %+v", e.Err, e.Message)
		}
		messages++
		for _, a := range e.Message.Attachments {
			n, err := io.Copy(io.Discard, a.Properties[outlook.PropAttachData].Reader())
			if bytes += n; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(f.Troubles()) > 0 {
		t.Fatalf("%v, %q", err, f.Troubles())
	}
	return messages, bytes
}

// TestLargeFileIsReadInLittleMemory walks 32 MiB, or 1 GiB with TQ_SOAK, in a process
// of its own, which stays under 200 MB.
func TestLargeFileIsReadInLittleMemory(t *testing.T) {
	if path := os.Getenv("PST_WALK"); path != "" {
		start := time.Now()
		messages, bytes := readWhole(t, path)
		peak := peakMemory(t)
		t.Logf("%d messages, %d bytes of attachments, %v, peak of %d MB", messages, bytes, time.Since(start), peak/1000)
		if peak >= 200_000 {
			t.Errorf("a peak of %d kB", peak)
		}
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("skipped: the peak of memory is asked of Linux")
	}
	size := 32 << 20
	if os.Getenv("TQ_SOAK") != "" {
		size = 1 << 30
	}
	path := filepath.Join(t.TempDir(), "large.pst")
	writeLaden(t, path, size)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestLargeFileIsReadInLittleMemory$", "-test.v")
	cmd.Env = append(os.Environ(), "PST_WALK="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%d bytes\n%s", info.Size(), out)
}

// peakMemory is the most that the process held so far, in kB.
func peakMemory(t testing.TB) (kB int64) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}

// BenchmarkWalk reads all messages and attachments of 32 MiB; BenchmarkReadpst is
// what readpst takes for the same file.
func BenchmarkWalk(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.pst")
	writeLaden(b, path, 32<<20)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(info.Size())
		n := 0
		for b.Loop() {
			n, _ = readWhole(b, path)
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	})
	b.Run("readpst", func(b *testing.B) {
		readpst, err := exec.LookPath("readpst")
		if err != nil {
			b.Skip("skipped: needs readpst (apt-get install pst-utils)")
		}
		b.SetBytes(info.Size())
		n, _ := readWhole(b, path)
		for b.Loop() {
			run(b, readpst, "-q", "-j", "0", "-D", "-o", b.TempDir(), path)
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	})
}
