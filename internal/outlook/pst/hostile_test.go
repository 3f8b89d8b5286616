package pst_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

// TestTenThousandFoldersInsideEachOther: all are visited; their paths stay short.
func TestTenThousandFoldersInsideEachOther(t *testing.T) {
	const depth = 10_000
	folder := psttest.Folder{Name: "Bottom", Messages: psttest.Messages(mail("At the bottom", ""))}
	for i := depth - 1; i > 0; i-- {
		folder = psttest.Folder{Name: fmt.Sprintf("F%d", i), Folders: []psttest.Folder{folder}}
	}
	f := open(t, psttest.Build(psttest.Spec{Folders: []psttest.Folder{folder}}))
	n := 0
	err := f.Folders(t.Context(), func(d pst.Folder) error {
		n++
		return d.Err
	})
	if err != nil || n != depth+2 {
		t.Errorf("%d folders, %v", n, err)
	}
	var path []string
	err = f.Walk(t.Context(), func(e pst.Entry) error {
		path = e.Folder
		return e.Err
	})
	if err != nil || len(path) != 100 || path[1] != "F1" || path[98] != "…" || path[99] != "Bottom" {
		t.Errorf("path %q, %v", path, err)
	}
}

// TestFoldersInACircleEnd makes a folder list the folder that it is in.
func TestFoldersInACircleEnd(t *testing.T) {
	spec := psttest.Spec{Folders: []psttest.Folder{{Name: "Outer", Folders: []psttest.Folder{{Name: "Inner", Messages: psttest.Messages(mail("Seen", ""))}}}}}
	spec.Circle = true
	f := open(t, psttest.Build(spec))
	n := 0
	if err := f.Walk(t.Context(), func(e pst.Entry) error { n++; return e.Err }); err != nil || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
	if got := strings.Join(f.Troubles(), "; "); !strings.Contains(got, "several folders") {
		t.Errorf("troubles: %s", got)
	}
}

// TestSharedBlocksEndAStream: a tree of blocks that names one block many times is a
// bomb; its stream ends when it was the size of the file.
func TestSharedBlocksEndAStream(t *testing.T) {
	for _, kind := range []psttest.Kind{psttest.Unicode, psttest.ANSI, psttest.Large} {
		spec := one(kind, mail("Bomb", "", psttest.Attachment{Repeat: 500, Data: fillOf(200_000, 5)}))
		whole := psttest.Build(spec)
		m := first(t, open(t, whole))
		data := m.Attachments[0].Properties[outlook.PropAttachData]
		n, err := io.Copy(io.Discard, data.Reader())
		if n > int64(len(whole)) || !errors.Is(err, engine.ErrLimit) {
			t.Errorf("kind %d: %d bytes of a file of %d, %v", kind, n, len(whole), err)
		}
		if data.Size < 500*200_000 {
			t.Errorf("kind %d: the bomb is one of %d bytes", kind, data.Size)
		}
	}
}

// TestWorkIsBoundedByTheSize gives thousands of nodes one message of many recipients,
// which costs nothing in the file; the walk ends by its budget, soon.
func TestWorkIsBoundedByTheSize(t *testing.T) {
	crowd := mail("Crowd", "")
	for i := range 3000 {
		crowd.Recipients = append(crowd.Recipients, recipient(fmt.Sprintf("P%04d", i%10), 1))
	}
	spec := one(psttest.Unicode, crowd)
	spec.Copies = 5000
	whole := psttest.Build(spec)
	start, n := time.Now(), 0
	err := open(t, whole).Walk(t.Context(), func(pst.Entry) error { n++; return nil })
	if !errors.Is(err, engine.ErrLimit) {
		t.Errorf("%d messages, %v", n, err)
	}
	t.Logf("%d bytes, %d messages, %v", len(whole), n, time.Since(start))
}

func TestNamesOfFoldersAreCut(t *testing.T) {
	for _, n := range []int{300, 3000, 300_000} {
		f := open(t, psttest.Build(psttest.Spec{Folders: []psttest.Folder{{Name: strings.Repeat("n", n), Messages: numbered(1)}}}))
		if got := walked(t, f)["Number 00000"]; got != psttest.Subtree+"/"+strings.Repeat("n", 255) {
			t.Errorf("a name of %d: %q", n, got)
		}
	}
}

// TestATreeThatLeadsIntoTheOther: the pages of the other tree are read as what they
// are.
func TestATreeThatLeadsIntoTheOther(t *testing.T) {
	whole, pieces := psttest.Pieces(smallSample(psttest.Unicode))
	sound := look(t, whole)
	var root, blocks psttest.Piece
	for _, p := range pieces {
		switch {
		case p.Kind == psttest.NodePage && p.Level == 1:
			root = p
		case p.Kind == psttest.BlockPage && p.Level == 0:
			blocks = p
		}
	}
	entry := whole[root.At+24:]
	binary.LittleEndian.PutUint64(entry[8:], blocks.ID)
	binary.LittleEndian.PutUint64(entry[16:], uint64(blocks.At))
	psttest.Seal(whole, psttest.Unicode, root)
	got := look(t, whole)
	told := strings.Join(got.told, "; ")
	if lost, _ := compare(sound, got); lost > 0 || !strings.Contains(told, "tree of nodes") || strings.Contains(told, "tree of blocks") {
		t.Errorf("%d messages are lost; told: %s", lost, told)
	}
}
