package threatq

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
)

// The kinds of notes.
const (
	noteBatch      = "batch"      // key of a batch: a batchNote
	noteEvent      = "event"      // key of an event: its id
	noteAttempt    = "attempt"    // key of an event that was about to be made
	noteImport     = "import"     // key of an event that the server parses: id of the session
	noteFile       = "file"       // SHA-256: id
	noteAttachment = "attachment" // id: SHA-256 of what was uploaded under it
	noteObject     = "object"     // type and name: id
	noteServer     = "server"     // what the server turned out to do
	noteOurs       = "ours"       // kind and key of a node: id, when we created it and a batch was taken back
)

// batchNote is what is remembered of a batch that was shipped whole.
type batchNote struct {
	Digest  string           `json:"digest"`
	Ours    map[string]int64 `json:"ours,omitempty"`   // nodes that this batch created, by nodeName: id
	Others  map[string]int64 `json:"others,omitempty"` // nodes that were there
	Refused []string         `json:"refused,omitempty"`
}

// nodeName is short, though keys hold whole URLs.
func nodeName(r engine.Ref) string {
	sum := sha256.Sum256([]byte(r.Key))
	return r.Kind + " " + hex.EncodeToString(sum[:12])
}

// scope is what notes stand under: ids of one platform mean nothing at another.
func (s *Sink) scope() string { return s.cfg.Name + " " + s.api.base }

// digestOf tells two batches of one key apart: that of a mail whose rules have
// changed is shipped again.
func digestOf(b *engine.Batch) string {
	raw, err := json.Marshal(b)
	if err != nil {
		return "" // of no batch that is remembered
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

func (s *Sink) recallBatch(ctx context.Context, key string) (batchNote, error) {
	var n batchNote
	text, ok, err := s.cfg.Memory.Recall(ctx, s.scope(), noteBatch, key)
	if err != nil || !ok {
		return n, remembering(err)
	}
	if json.Unmarshal([]byte(text), &n) != nil {
		return batchNote{}, nil
	}
	return n, nil
}

func (s *Sink) keepBatch(ctx context.Context, key string, n batchNote) error {
	raw, err := json.Marshal(n)
	if err != nil {
		return remembering(err)
	}
	return s.keep(ctx, noteBatch, key, string(raw))
}

// memoryBegan is when the memory was first asked: what came later cannot have
// been shipped by an earlier one that was lost.
func (s *Sink) memoryBegan(ctx context.Context) (time.Time, error) {
	text, ok, err := s.cfg.Memory.Recall(ctx, s.scope(), noteServer, "begun")
	if err != nil {
		return time.Time{}, remembering(err)
	}
	if began, err := time.Parse(time.RFC3339, text); ok && err == nil {
		return began, nil
	}
	now := s.cfg.Now().UTC()
	return now, s.keep(ctx, noteServer, "begun", now.Format(time.RFC3339))
}

// recallID is 0 when nothing is remembered.
func (s *Sink) recallID(ctx context.Context, kind, key string) (int64, error) {
	text, ok, err := s.cfg.Memory.Recall(ctx, s.scope(), kind, key)
	if err != nil || !ok {
		return 0, remembering(err)
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, nil
	}
	return id, nil
}

func (s *Sink) noteID(ctx context.Context, kind, key string, id int64) error {
	return s.keep(ctx, kind, key, strconv.FormatInt(id, 10))
}

func (s *Sink) keep(ctx context.Context, kind, key, value string) error {
	return remembering(s.cfg.Memory.Note(ctx, s.scope(), kind, key, value))
}

// remembering says whose error it is. A memory that fails is the environment's
// trouble, not the batch's.
func remembering(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("remember what was shipped: %w: %w", engine.ErrTemporary, err)
}

// volatile is a Memory that lives as long as the process, bounded: what is
// forgotten is asked for again.
type volatile struct{ notes map[[2]string]string }

const maxNotes = 100_000

// Recall implements Memory.
func (v *volatile) Recall(_ context.Context, _, kind, key string) (string, bool, error) {
	value, ok := v.notes[[2]string{kind, key}]
	return value, ok, nil
}

// Note implements Memory.
func (v *volatile) Note(_ context.Context, _, kind, key, value string) error {
	if len(v.notes) >= maxNotes {
		clear(v.notes)
	}
	v.notes[[2]string{kind, key}] = value
	return nil
}
