package pst_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

// survey is what a walk through a damaged file came to.
type survey struct {
	whole map[string]shown // messages of which nothing is told, by subject
	all   int              // messages, in whatever state
	told  []string
	err   error
}

// look reads everything that a file still has. All of it must end, and nothing may
// be told that is not told as an error or a trouble.
func look(t testing.TB, whole []byte) survey {
	t.Helper()
	return lookAt(t, bytes.NewReader(whole), int64(len(whole)))
}

// witness remembers what was read: no walk looks at tables of settings.
type witness struct {
	r  io.ReaderAt
	at map[int64]bool
}

func (w *witness) ReadAt(p []byte, at int64) (int, error) {
	w.at[at] = true
	return w.r.ReadAt(p, at)
}

func lookAt(t testing.TB, r io.ReaderAt, size int64) survey {
	t.Helper()
	s := survey{whole: map[string]shown{}}
	f, err := pst.Open(r, size)
	if err != nil {
		s.err = err
		s.told = append(s.told, err.Error())
		return s
	}
	s.err = f.Walk(t.Context(), func(e pst.Entry) error {
		if e.Err != nil {
			s.told = append(s.told, e.Err.Error())
		}
		if e.Message == nil {
			return nil
		}
		s.all++
		before := len(s.told)
		got := s.message(e.Message)
		if e.Err == nil && len(s.told) == before {
			s.whole[got.Subject] = got
		}
		return nil
	})
	if s.err != nil {
		s.told = append(s.told, s.err.Error())
	}
	s.told = append(s.told, f.Troubles()...)
	return s
}

// message reads one to its depths.
func (s *survey) message(m *outlook.Message) shown {
	s.told = append(s.told, m.Troubles...)
	p := m.Properties
	got := shown{
		Subject: m.Text(p, outlook.PropSubject), Sender: m.Text(p, outlook.PropSenderName),
		SenderEmail: m.Text(p, outlook.PropSenderAddress), Recipients: len(m.Recipients),
	}
	if v, ok := p[outlook.PropBody]; ok {
		if _, err := io.Copy(io.Discard, v.Reader()); err != nil {
			s.told = append(s.told, err.Error())
		}
		got.Body = plain(m.Text(p, outlook.PropBody))
	}
	for _, a := range m.Attachments {
		if a.Message != nil {
			inner, err := a.Message()
			if err != nil {
				s.told = append(s.told, err.Error())
				continue
			}
			got.Messages = append(got.Messages, s.message(inner))
			continue
		}
		d, err := digest(a.Properties[outlook.PropAttachData].Reader())
		if err != nil {
			s.told = append(s.told, err.Error())
		}
		got.Files = append(got.Files, d)
	}
	return got
}

// damaged is what can happen to a piece.
var damaged = []struct {
	name string
	do   func(whole []byte, kind psttest.Kind, p psttest.Piece)
}{
	{"zeroed", func(whole []byte, _ psttest.Kind, p psttest.Piece) { clear(whole[p.At:][:p.Size]) }},
	{"begins wrong", func(whole []byte, _ psttest.Kind, p psttest.Piece) { flip(whole[p.At:][:min(p.Data, 4)]) }},
	{"flipped within", func(whole []byte, _ psttest.Kind, p psttest.Piece) { flip(whole[p.At+int64(p.Data/2):][:1]) }},
	{"end flipped", func(whole []byte, _ psttest.Kind, p psttest.Piece) { flip(whole[p.At+int64(p.Size)-12:][:12]) }},
	{"all ones", func(whole []byte, _ psttest.Kind, p psttest.Piece) { flipTo(whole[p.At:][:p.Data]) }},
	{"leads to itself", toItself},
}

func flip(b []byte) {
	for i := range b {
		b[i] ^= 0xff
	}
}

func flipTo(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}

// toItself makes everything that a piece leads to the piece itself, and seals it.
func toItself(whole []byte, kind psttest.Kind, p psttest.Piece) {
	b, word := whole[p.At:][:p.Data], 8
	if kind == psttest.ANSI {
		word = 4
	}
	put := func(b []byte, n uint64) {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], n)
		copy(b[:word], w[:])
	}
	switch {
	case p.Kind == psttest.List && b[0] == 1:
		for at := 8; at+word <= len(b); at += word {
			put(b[at:], p.ID)
		}
	case p.Kind == psttest.List:
		head, step := word, (3-int(b[1]))*word
		for at := head; at+step <= len(b); at += step {
			for i := word; i < step; i += word {
				put(b[at+i:], p.ID)
			}
		}
	case p.Level > 0:
		for at := 0; at+3*word <= len(b) && !allZero(b[at:at+3*word]); at += 3 * word {
			put(b[at+word:], p.ID)
			put(b[at+2*word:], uint64(p.At))
		}
	case p.Kind == psttest.BlockPage:
		put(b[word:], uint64(p.At))
	default:
		return
	}
	psttest.Seal(whole, kind, p)
}

func allZero(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

// smallSample has one of most things in few pieces.
func smallSample(kind psttest.Kind) psttest.Spec {
	crowd := mail("Crowd", "to many")
	for i := range 70 {
		crowd.Recipients = append(crowd.Recipients, recipient(fmt.Sprintf("P%02d", i), 1))
	}
	return psttest.Spec{Kind: kind, Method: 1, Name: "Post", Entries: 2, Folders: []psttest.Folder{
		{Name: "Inbox", Messages: psttest.Messages(
			mail("Small", "body", file("a.txt", []byte("small"))),
			mail("Large", strings.Repeat("long body ", 500), file("b.bin", fillOf(33_000, 1)), file("c.bin", fillOf(9_000, 2))),
			mail("Carrier", "", embedded(mail("Inner", "phish", file("evil.doc", fillOf(5000, 3))))),
			crowd,
		), Folders: []psttest.Folder{{Name: "Below", Messages: numbered(12)}}},
		{Name: "Archive", Messages: numbered2(9)},
	}}
}

// TestDamageLosesOnlyWhatHangsOnIt damages every page and every block in turn, in
// every way. Pages of the tree of blocks, and those of the tree of nodes that only lead
// to others, cost nothing; a leaf of nodes costs what it has; a block costs one message
// at most. Damage to what is read is told; a page of blocks that is made to lead to
// itself may have led to what is not.
func TestDamageLosesOnlyWhatHangsOnIt(t *testing.T) {
	for _, kind := range []psttest.Kind{psttest.Unicode, psttest.ANSI, psttest.Large} {
		spec := smallSample(kind)
		if os.Getenv("TQ_SOAK") != "" {
			spec.Folders = sampleFolders(40, 60)
		}
		whole, pieces := psttest.Pieces(spec)
		seen := &witness{r: bytes.NewReader(whole), at: map[int64]bool{}}
		sound := lookAt(t, seen, int64(len(whole)))
		if sound.err != nil || len(sound.told) > 0 || len(sound.whole) != sound.all {
			t.Fatalf("%+v", sound.told)
		}
		for n, p := range pieces {
			for i, d := range damaged {
				if os.Getenv("TQ_SOAK") == "" && kind != psttest.Unicode && i%3 != n%3 {
					continue
				}
				broken := bytes.Clone(whole)
				d.do(broken, kind, p)
				if bytes.Equal(broken, whole) {
					continue
				}
				name := fmt.Sprintf("kind %d, piece %d at %#x of level %d, %s", kind, p.Kind, p.At, p.Level, d.name)
				got := look(t, broken)
				if got.err != nil {
					t.Errorf("%s: %v", name, got.err)
				}
				lost, changed := compare(sound, got)
				if changed != "" {
					t.Errorf("%s: %s, and nothing is told", name, changed)
				}
				if most := mayLose(p, kind); lost > most {
					t.Errorf("%s: %d messages are lost, %d may be; told: %q", name, lost, most, got.told)
				}
				if len(got.told) == 0 && seen.at[p.At] && (p.Kind != psttest.BlockPage || d.name != "leads to itself") {
					t.Errorf("%s: nothing is told", name)
				}
			}
		}
		t.Logf("kind %d: %d pieces of %d bytes", kind, len(pieces), len(whole))
	}
}

// mayLose is how many messages may be lost with a piece.
func mayLose(p psttest.Piece, kind psttest.Kind) int {
	switch {
	case p.Kind == psttest.BlockPage, p.Kind == psttest.NodePage && p.Level > 0:
		return 0
	case p.Kind == psttest.NodePage && kind == psttest.ANSI:
		return 496 / 16
	case p.Kind == psttest.NodePage && kind == psttest.Large:
		return 4056 / 32
	case p.Kind == psttest.NodePage:
		return 488 / 32
	}
	return 1
}

// compare counts messages that are not whole any more, and says which one changed
// without a word.
func compare(sound, got survey) (lost int, changed string) {
	for subject, want := range sound.whole {
		m, ok := got.whole[subject]
		switch {
		case !ok:
			lost++
		case !reflect.DeepEqual(m, want) && len(got.told) == 0:
			return lost, subject + " changed"
		}
	}
	return lost, ""
}

// TestTruncationLosesTheEnd cuts a file at many places.
func TestTruncationLosesTheEnd(t *testing.T) {
	step := 4099
	if os.Getenv("TQ_SOAK") != "" {
		step = 61
	}
	for _, kind := range []psttest.Kind{psttest.Unicode, psttest.ANSI, psttest.Large} {
		whole := psttest.Build(smallSample(kind))
		for n := 0; n < len(whole); n += step {
			if got := look(t, whole[:n]); len(got.told) == 0 {
				t.Errorf("kind %d, %d of %d bytes: nothing is told", kind, n, len(whole))
			}
		}
	}
}

// TestWhatIsLeftIsFoundWithoutTrees has neither tree: all blocks are found by their
// footers, and all nodes by the leaves.
func TestWhatIsLeftIsFoundWithoutTrees(t *testing.T) {
	for _, kind := range []psttest.Kind{psttest.Unicode, psttest.ANSI, psttest.Large} {
		whole, pieces := psttest.Pieces(smallSample(kind))
		sound := look(t, whole)
		for _, p := range pieces {
			if p.Kind == psttest.BlockPage || p.Kind == psttest.NodePage && p.Level > 0 {
				clear(whole[p.At:][:p.Size])
			}
		}
		got := look(t, whole)
		if lost, _ := compare(sound, got); lost > 0 || got.err != nil {
			t.Errorf("kind %d: %d of %d lost, %v, %q", kind, lost, sound.all, got.err, got.told)
		}
	}
}

// TestAMessageWithoutPropertiesKeepsTheRest damages the block with the subject.
func TestAMessageWithoutPropertiesKeepsTheRest(t *testing.T) {
	whole, pieces := psttest.Pieces(one(psttest.ANSI, mail("The one subject", "", file("kept.txt", []byte("kept")))))
	for _, p := range pieces {
		if bytes.Contains(whole[p.At:][:p.Data], []byte("The one subject")) {
			clear(whole[p.At:][:p.Size])
			break // the other place is the table of the folder
		}
	}
	n := 0
	err := open(t, whole).Walk(t.Context(), func(e pst.Entry) error {
		n++
		if e.Err == nil || len(e.Message.Recipients) != 2 || len(e.Message.Attachments) != 1 {
			t.Errorf("%v: %+v", e.Err, e.Message)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
}

// TestAFolderThatLostItsNameHasItFromItsTable damages the properties of each folder.
func TestAFolderThatLostItsNameHasItFromItsTable(t *testing.T) {
	whole, pieces := psttest.Pieces(psttest.Spec{Folders: []psttest.Folder{{Name: "Inbox", Messages: numbered(1)}}})
	named := 0
	for _, p := range pieces {
		if !bytes.Contains(whole[p.At:][:p.Data], []byte("I\x00n\x00b\x00o\x00x")) {
			continue
		}
		broken := bytes.Clone(whole)
		clear(broken[p.At:][:p.Size])
		if got := open(t, broken); slices.Contains(paths(t, got), psttest.Subtree+"/Inbox") {
			named++
		}
	}
	if named != 1 {
		t.Errorf("%d of the two places of the name are enough", named)
	}
}

func paths(t testing.TB, f *pst.File) (all []string) {
	t.Helper()
	err := f.Folders(t.Context(), func(d pst.Folder) error {
		all = append(all, strings.Join(d.Path, "/"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
