package engine_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
)

// boxes opens files of type box: they hold what their test says.
type boxes map[string][]*engine.Part

func (boxes) Wants(p *engine.Part) bool { return p.FileType == "box" }

func (b boxes) Unpack(_ context.Context, p *engine.Part, _ []engine.Candidate, _ *engine.Budget) ([]engine.Defect, error) {
	p.Opened, p.Children = true, b[p.Path]
	for _, c := range p.Children {
		c.Children = b[c.Path]
	}
	return nil, nil
}

func box(path string) *engine.Part {
	return &engine.Part{Path: path, FileType: "box", Content: engine.Bytes(path)}
}

func paths(m *engine.Message) (all []string) {
	for _, f := range m.Files {
		all = append(all, f.Path)
	}
	return all
}

func TestFilesAreAttachmentsAndAllThatIsInThem(t *testing.T) {
	inner := message("inner", "text")
	inner.Attachments = []*engine.Part{box("1")}
	msg := message("outer", "text", inner)
	msg.Attachments = []*engine.Part{box("2"), box("3")}
	opener := boxes{"2": {box("2/a"), box("2/b")}, "2/a": {box("2/a/x")}, "3": {box("3/c")}}
	process(t, engine.Defaults{}, msg, engine.PhaseMessage, nil, func(c *engine.Config) { c.Unpacker = opener })
	if diff := cmp.Diff([]string{"2", "2/a", "2/a/x", "2/b", "3", "3/c"}, paths(msg)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1"}, paths(inner)); diff != "" {
		t.Errorf("an attached mail lists its attachments (-want +got):\n%s", diff)
	}
}

func TestFilesOfASkippedMailAreItsAttachments(t *testing.T) {
	msg := message("outer", "text")
	msg.Attachments = []*engine.Part{box("2")}
	skip := map[string][]engine.Action{"*": {engine.TreatAs{As: engine.Skip}}}
	process(t, engine.Defaults{}, msg, engine.PhaseMessage, skip, func(c *engine.Config) {
		c.Unpacker = boxes{"2": {box("2/a")}}
	})
	if diff := cmp.Diff([]string{"2"}, paths(msg)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
