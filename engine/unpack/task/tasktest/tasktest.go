// Package tasktest runs readers in tests.
package tasktest

import (
	"context"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Memory is a task.Store whose contents are lost with it.
type Memory struct{}

// Create implements task.Store.
func (Memory) Create() task.Place { return &engine.Spool{} }

// Read runs a reader on an attachment of a type, with the default limits and no
// password.
func Read(ctx context.Context, kind string, content []byte, r task.Reader) (*engine.Part, []engine.Defect) {
	part := &engine.Part{Path: "2", FileType: kind, Size: len(content), Content: engine.Bytes(content)}
	limits := engine.Limits{}.WithDefaults()
	t := task.New(part, limits, task.NewKeyring(nil), limits.Budget(), Memory{})
	return part, t.Finish(r(ctx, t))
}
