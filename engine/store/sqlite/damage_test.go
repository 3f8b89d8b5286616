package sqlite_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

// TestDamagedFilesAreErrors flips bytes of a store, and cuts it, and wants no
// panic and no endless loop.
func TestDamagedFilesAreErrors(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "state.db"))
	s := open(t, cfg)
	commit(t, s, shipping("1", engine.Bytes("small")), waiting("2", engine.Bytes("raw")), offering("3", "x", enginetest.Epoch, time.Minute))
	closed(t, s)
	whole, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	refused, seeds := 0, uint64(100)
	if os.Getenv("TQ_SOAK") != "" {
		seeds = 5000
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 1))
		bad := append([]byte{}, whole...)
		if seed%4 == 0 {
			bad = bad[:rng.IntN(len(bad))]
		} else {
			for range 1 + rng.IntN(20) {
				bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
			}
		}
		cfg := config(filepath.Join(t.TempDir(), "state.db"))
		if err := os.WriteFile(cfg.Path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if !useDamaged(t, cfg) {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no damage was ever noticed")
	}
	t.Logf("%d of %d were noticed", refused, seeds)
}

// useDamaged tells whether all went well.
func useDamaged(t *testing.T, cfg sqlite.Config) (well bool) {
	s, err := sqlite.Open(t.Context(), cfg)
	if err != nil {
		return false
	}
	defer s.Close()
	well = true
	note := func(err error) { well = well && err == nil }
	batches, err := s.Pending(t.Context(), "a", 10)
	note(err)
	for _, b := range batches {
		for _, f := range b.Files {
			if f.Content != nil {
				_, err := engine.Digest(f.Content)
				note(err)
			}
		}
	}
	_, err = s.Ready(t.Context(), engine.EndOfTime, 10)
	note(err)
	_, err = s.Snapshot(t.Context(), []engine.Key{pairKey})
	note(err)
	_, err = s.Begin(t.Context(), enginetest.Mail("1", "", "").Origin, "r")
	note(err)
	_, err = s.Quarantined(t.Context())
	note(err)
	note(s.Commit(t.Context(), []*engine.Outcome{shipping("9", engine.Bytes("x")), waiting("8", engine.Bytes("x"))}))
	note(s.Done(t.Context(), "a", []string{"b1", "b9"}))
	return well
}
