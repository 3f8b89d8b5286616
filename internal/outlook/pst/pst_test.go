package pst_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/coding"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

func open(t testing.TB, whole []byte) *pst.File {
	t.Helper()
	f, err := pst.Open(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wanted is what a reader must show of folders.
func wanted(path string, all []psttest.Folder) (want []shown, folders []string) {
	for _, d := range all {
		at := path + "/" + d.Name
		folders = append(folders, at)
		if d.Messages != nil {
			for m := range d.Messages {
				want = append(want, wantedMessage(at, m))
			}
		}
		inner, below := wanted(at, d.Folders)
		want, folders = append(want, inner...), append(folders, below...)
	}
	return want, folders
}

func wantedMessage(folder string, m psttest.Message) shown {
	text := func(id uint16) string {
		s, _ := m.Properties[id].(string)
		return s
	}
	s := shown{
		Folder: folder, Subject: text(outlook.PropSubject), Sender: text(outlook.PropSenderName),
		SenderEmail: text(outlook.PropSenderAddress), Body: plain(text(outlook.PropBody)), Recipients: len(m.Recipients),
	}
	s.Subject = strings.TrimPrefix(s.Subject, "\x01\x05")
	for _, a := range m.Attachments {
		if a.Message != nil {
			s.Messages = append(s.Messages, wantedMessage("", *a.Message))
			continue
		}
		d, _ := digest(bytes.NewReader(append(slices.Clip(a.Data), a.Object...)))
		s.Files = append(s.Files, d)
	}
	return s
}

func TestEverythingIsReadFromEveryKindOfFile(t *testing.T) {
	want, folders := wanted(psttest.Subtree, sampleFolders(400, 60))
	folders = slices.Insert(folders, 0, "", psttest.Subtree)
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			f := open(t, sample(v))
			got, paths := showAll(t, f)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(folders, paths); diff != "" {
				t.Error(diff)
			}
			if f.Name != "Post" || f.Protected {
				t.Errorf("store %q, protected %t", f.Name, f.Protected)
			}
		})
	}
}

// first is the first message of a file.
func first(t testing.TB, f *pst.File) *outlook.Message {
	t.Helper()
	var m *outlook.Message
	err := f.Walk(t.Context(), func(e pst.Entry) error {
		if m == nil {
			m = e.Message
		}
		return e.Err
	})
	if err != nil || m == nil {
		t.Fatalf("%v, %v", m, err)
	}
	return m
}

// one is a file with one message.
func one(kind psttest.Kind, m psttest.Message) psttest.Spec {
	return psttest.Spec{Kind: kind, Name: "Post", Folders: []psttest.Folder{{Name: "Inbox", Messages: psttest.Messages(m)}}}
}

func TestPropertiesOfEveryType(t *testing.T) {
	moment := time.Date(2021, 3, 4, 5, 6, 7, 123456700, time.UTC)
	long := fillOf(200_000, 9)
	for _, kind := range []psttest.Kind{psttest.Unicode, psttest.ANSI, psttest.Large} {
		m := first(t, open(t, psttest.Build(one(kind, with(mail("Types", ""), psttest.Properties{
			0x6001: int16(-2), 0x6002: 70_000, 0x6003: int64(-5_000_000_000), 0x6004: true, 0x6005: moment,
			0x6006: []byte("bytes"), 0x6007: long, 0x6008: "grüße", 0x6009: 1.5, 0x600a: []string{"a", "bc"},
			0x600b: psttest.Raw{Type: 0x48, Bytes: []byte("0123456789abcdef")}, 0x600c: []byte{},
			0x600d: fillOf(5000, 10),
		})))))
		p := m.Properties
		for id, want := range map[uint16]int64{0x6001: -2, 0x6002: 70_000, 0x6003: -5_000_000_000, 0x6004: 1} {
			if got, ok := p.Int(id); !ok || got != want {
				t.Errorf("%#x: %d, %t", id, got, ok)
			}
		}
		if got := p.Time(0x6005); !got.Equal(moment) {
			t.Errorf("time %v", got)
		}
		if got := m.Text(p, 0x6008); got != "grüße" {
			t.Errorf("text %q", got)
		}
		for id, want := range map[uint16][]byte{0x6006: []byte("bytes"), 0x6007: long, 0x600b: []byte("0123456789abcdef"), 0x600c: {}, 0x600d: fillOf(5000, 10)} {
			got, err := io.ReadAll(p[id].Reader())
			if err != nil || !bytes.Equal(got, want) || p[id].Size != int64(len(want)) {
				t.Errorf("%#x: %d bytes of %d, %v", id, len(got), p[id].Size, err)
			}
		}
		if p[0x6007].Open == nil || p[0x600d].Open != nil {
			t.Error("a large value is held, or a small one is not")
		}
		if v := p[0x600a]; v.Type&outlook.Multiple == 0 || v.Bytes[0] != 2 {
			t.Errorf("several texts: %v", v)
		}
	}
}

func TestNamedPropertiesHaveTheirNames(t *testing.T) {
	set, public := [16]byte{1, 2, 3}, [16]byte{0x29, 0x03, 0x02, 8: 0xc0, 15: 0x46}
	spec := one(psttest.Unicode, with(mail("Named", ""), psttest.Properties{0x8000: "text", 0x8001: 7, 0x8002: "public", 0x8777: 8}))
	spec.Names = []psttest.Name{{Set: set, Name: "X-Header"}, {Set: set, ID: 0x8503}, {Set: public, Name: "Keywords"}}
	m := first(t, open(t, psttest.Build(spec)))
	if len(m.Named) != 3 {
		t.Fatalf("%d names", len(m.Named))
	}
	if n := m.Named[2]; n.Name != "Keywords" || n.Set != public || n.Text(0) != "public" {
		t.Errorf("%+v", n)
	}
	if n := m.Named[0]; n.Name != "X-Header" || n.Set != set || n.Text(0) != "text" {
		t.Errorf("%+v", n)
	}
	if n := m.Named[1]; n.Name != "" || n.ID != 0x8503 || n.Bytes[0] != 7 {
		t.Errorf("%+v", n)
	}
	if _, ok := m.Properties.Int(0x8777); !ok {
		t.Error("a property without a name is lost")
	}
}

func TestTextsOfEightBitsHaveACodePage(t *testing.T) {
	cyrillic := psttest.String8("\xcf\xf0\xe8\xe2\xe5\xf2") // Привет in windows-1251
	for _, c := range []struct {
		name  string
		store int32
		more  psttest.Properties
		want  string
	}{
		{"of the message", 1253, psttest.Properties{outlook.PropMessageCodepage: 1251, outlook.PropInternetCodepage: 1252}, "Привет"},
		{"of the internet", 0, psttest.Properties{outlook.PropInternetCodepage: 1251}, "Привет"},
		{"of the store", 1251, nil, "Привет"},
		{"UTF-16 is none of eight bits", 1251, psttest.Properties{outlook.PropMessageCodepage: 1200}, "Привет"},
		{"none", 0, nil, "Ïðèâåò"},
	} {
		spec := one(psttest.ANSI, with(with(mail("", ""), psttest.Properties{outlook.PropSubject: cyrillic}), c.more))
		spec.Codepage = c.store
		m := first(t, open(t, psttest.Build(spec)))
		if got := m.Text(m.Properties, outlook.PropSubject); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestSubjectsLoseTheMarkOfTheirPrefix(t *testing.T) {
	for _, kind := range []psttest.Kind{psttest.Unicode, psttest.ANSI} {
		for in, want := range map[string]string{"\x01\x05RE: x": "RE: x", "\x01\x01x": "x", "plain": "plain", "": "", "\x01": "\x01"} {
			m := first(t, open(t, psttest.Build(one(kind, mail(in, "")))))
			if got := m.Text(m.Properties, outlook.PropSubject); got != want {
				t.Errorf("%q: %q", in, got)
			}
		}
	}
}

func TestPasswordIsToldAndProtectsNothing(t *testing.T) {
	for password, want := range map[uint32]bool{0: false, 0xdeadbeef: true, 0xffffffff: false} {
		spec := one(psttest.Unicode, mail("Open", "to all"))
		spec.Password = password
		f := open(t, psttest.Build(spec))
		if got, _ := showAll(t, f); f.Protected != want || len(got) != 1 {
			t.Errorf("%#x: protected %t, %d messages", password, f.Protected, len(got))
		}
	}
}

func TestMessagesThatNoFolderListsComeLast(t *testing.T) {
	spec := one(psttest.Unicode, mail("Listed", ""))
	spec.Orphans = []psttest.Message{mail("Lost", "")}
	f := open(t, psttest.Build(spec))
	var got []string
	err := f.Walk(t.Context(), func(e pst.Entry) error {
		got = append(got, e.Folder[0]+": "+e.Message.Text(e.Message.Properties, outlook.PropSubject))
		return e.Err
	})
	if want := []string{psttest.Subtree + ": Listed", pst.Orphaned + ": Lost"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if len(f.Troubles()) != 1 {
		t.Errorf("troubles: %q", f.Troubles())
	}
}

// walked is where a walk meets the messages, by subject.
func walked(t testing.TB, f *pst.File) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := f.Walk(t.Context(), func(e pst.Entry) error {
		if e.Message != nil {
			got[e.Message.Text(e.Message.Properties, outlook.PropSubject)] = strings.Join(e.Folder, "/")
		}
		return e.Err
	})
	if err != nil {
		t.Error(err)
	}
	return got
}

func TestFoldersThatNoFolderListsComeLast(t *testing.T) {
	f := open(t, psttest.Build(psttest.Spec{Folders: []psttest.Folder{
		{Name: "Hidden", Unlisted: true, Messages: numbered(1), Folders: []psttest.Folder{{Name: "Below", Messages: numbered2(1)}}},
	}}))
	want := map[string]string{"Number 00000": pst.Orphaned + "/Hidden", "Other Number 00000": pst.Orphaned + "/Hidden/Below"}
	if diff := cmp.Diff(want, walked(t, f)); diff != "" {
		t.Error(diff)
	}
}

// TestLostFoldersInACircleAreVisitedOnce: each says that it is in the other.
func TestLostFoldersInACircleAreVisitedOnce(t *testing.T) {
	f := open(t, psttest.Build(psttest.Spec{Circle: true, Folders: []psttest.Folder{
		{Name: "Outer", Unlisted: true, Inside: true, Messages: numbered(1), Folders: []psttest.Folder{{Name: "Inner", Messages: numbered2(1)}}},
	}}))
	want := map[string]string{"Number 00000": pst.Orphaned + "/Outer", "Other Number 00000": pst.Orphaned + "/Outer/Inner"}
	if diff := cmp.Diff(want, walked(t, f)); diff != "" {
		t.Error(diff)
	}
}

// TestWhatIsTooMuchToHoldIsOpened has 9 MB of properties, of which 4 MiB are held.
func TestWhatIsTooMuchToHoldIsOpened(t *testing.T) {
	m := mail("Much", "")
	for i := range uint16(3000) {
		m.Properties[0x4000+i] = bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 1500)
	}
	p := first(t, open(t, psttest.Build(one(psttest.Unicode, m)))).Properties
	held := 0
	for i := range uint16(3000) {
		v := p[0x4000+i]
		held += len(v.Bytes)
		got, err := io.ReadAll(v.Reader())
		if err != nil || !bytes.Equal(got, m.Properties[0x4000+i].([]byte)) {
			t.Fatalf("%#x: %d bytes, %v", 0x4000+i, len(got), err)
		}
	}
	if held > 4<<20 {
		t.Errorf("%d bytes are held", held)
	}
}

// TestAfterMuchThatIsHeldNumbersAreHeld has an embedded message after 4.5 MB of small files.
func TestAfterMuchThatIsHeldNumbersAreHeld(t *testing.T) {
	m := mail("Much", "")
	for i := range uint64(1500) {
		m.Attachments = append(m.Attachments, file("a.bin", fillOf(3000, i)))
	}
	m.Attachments = append(m.Attachments, embedded(mail("Inner", "")))
	got := show(t, "", first(t, open(t, psttest.Build(one(psttest.Unicode, m)))))
	if diff := cmp.Diff(wantedMessage("", m), got); diff != "" {
		t.Error(diff)
	}
}

func TestAHeaderThatIsOffIsTold(t *testing.T) {
	for _, c := range []struct {
		name string
		kind psttest.Kind
		edit func([]byte)
		want string
	}{
		{"checksum", psttest.Unicode, func(b []byte) { b[4]++ }, "checksum of the header"},
		{"second checksum", psttest.Unicode, func(b []byte) { b[524]++ }, "second checksum of the header"},
		{"coding that is none", psttest.ANSI, func(b []byte) { b[461] = 7 }, "coding 7"},
		{"coding of others", psttest.Unicode, func(b []byte) { b[513] = 0 }, "coding 0"},
		{"version", psttest.Unicode, func(b []byte) { b[10] = 22 }, "version 22"},
		{"version of other pages", psttest.Unicode, func(b []byte) { b[10] = 36 }, "checksum of the header"},
		{"version of other words", psttest.ANSI, func(b []byte) { b[10] = 23 }, "checksum of the header"},
		{"version of no wide words", psttest.Large, func(b []byte) { b[10] = 3 }, "version 3"},
		{"roots", psttest.Unicode, func(b []byte) { clear(b[216:248]) }, "searched the file"},
		{"length", psttest.ANSI, func(b []byte) { b[171] = 1 }, "the file is cut"},
	} {
		spec := one(c.kind, mail("Seen", ""))
		spec.Method = byte(coding.Permute)
		whole := psttest.Build(spec)
		c.edit(whole)
		f := open(t, whole)
		if got := walked(t, f); got["Seen"] == "" {
			t.Errorf("%s: %q", c.name, got)
		}
		if got := strings.Join(f.Troubles(), "; "); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestAttachmentsThatNoTableListsAreThere(t *testing.T) {
	hidden := file("hidden.bin", []byte("hidden"))
	hidden.Unlisted = true
	m := first(t, open(t, psttest.Build(one(psttest.Unicode, mail("Two", "", file("seen.bin", []byte("seen")), hidden)))))
	if len(m.Attachments) != 2 || len(m.Troubles) != 1 {
		t.Errorf("%d attachments, %q", len(m.Attachments), m.Troubles)
	}
}

func TestMessageInsideItselfIsRefused(t *testing.T) {
	m := first(t, open(t, psttest.Build(one(psttest.Unicode, mail("Circle", "", psttest.Attachment{Circle: true})))))
	if _, err := m.Attachments[0].Message(); !errors.Is(err, pst.ErrFormat) {
		t.Errorf("%v", err)
	}
}

func TestMessagesInsideEachOtherAreFollowedEightDeep(t *testing.T) {
	inner := mail("Level 20", "")
	for i := 19; i >= 0; i-- {
		inner = mail(fmt.Sprintf("Level %d", i), "", embedded(inner))
	}
	m := first(t, open(t, psttest.Build(one(psttest.Unicode, inner))))
	depth := 0
	for {
		next, err := m.Attachments[0].Message()
		if err != nil {
			if !errors.Is(err, engine.ErrLimit) {
				t.Error(err)
			}
			break
		}
		m, depth = next, depth+1
	}
	if depth != 8 {
		t.Errorf("%d deep", depth)
	}
}

func TestWalkEndsWithTheErrorOfItsVisitor(t *testing.T) {
	f := open(t, psttest.Build(psttest.Spec{Folders: []psttest.Folder{{Name: "Inbox", Messages: numbered(9)}}}))
	stop, n := errors.New("stop"), 0
	err := f.Walk(t.Context(), func(pst.Entry) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d visits, %v", n, err)
	}
}

func TestOtherFilesAreNone(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte(strings.Repeat("text", 500)), "only the mark": []byte(pst.Magic), "cut header": psttest.Build(psttest.Spec{})[:540],
	} {
		if _, err := pst.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, pst.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVersionsOfTheFormat: 37 is written with pages of either size.
func TestVersionsOfTheFormat(t *testing.T) {
	for _, c := range []struct {
		kind    psttest.Kind
		version int
	}{{psttest.ANSI, 14}, {psttest.ANSI, 15}, {psttest.Unicode, 21}, {psttest.Unicode, 23}, {psttest.Large, 36}, {psttest.Unicode, 37}, {psttest.Large, 37}} {
		spec := one(c.kind, mail("Seen", ""))
		spec.Version = c.version
		f := open(t, psttest.Build(spec))
		if got, _ := showAll(t, f); len(got) != 1 || f.Version != c.version {
			t.Errorf("version %d: %d messages, told as %d", c.version, len(got), f.Version)
		}
	}
}

// TestAMessageOfAnotherFileComesBack writes what was read, and reads it again, into a
// mail of the same bytes.
func TestAMessageOfAnotherFileComesBack(t *testing.T) {
	whole := psttest.Build(psttest.Spec{Name: "Post", Folders: sampleFolders(9, 1), Names: []psttest.Name{{Set: [16]byte{7}, Name: "X-Name"}}})
	for _, kind := range []psttest.Kind{psttest.Unicode, psttest.ANSI, psttest.Large} {
		err := open(t, whole).Walk(t.Context(), func(e pst.Entry) error {
			e.Message.Named = append(e.Message.Named, outlook.Named{Set: [16]byte{8}, ID: 9, Value: outlook.Value{Type: outlook.Integer32, Bytes: []byte{1, 2, 3, 4}}})
			spec := psttest.Spec{Kind: kind}
			again, err := psttest.Of(&spec, e.Message)
			if err != nil {
				return err
			}
			spec.Folders = []psttest.Folder{{Name: "Again", Messages: psttest.Messages(again)}}
			m := first(t, open(t, psttest.Build(spec)))
			if want, got := written(t, e.Message), written(t, m); want != got {
				t.Errorf("kind %d: %s", kind, cmp.Diff(want, got))
			}
			if len(m.Named) != 1 || m.Named[0].ID != 9 || m.Named[0].Bytes[3] != 4 {
				t.Errorf("kind %d: names %+v", kind, m.Named)
			}
			return e.Err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func written(t testing.TB, m *outlook.Message) string {
	t.Helper()
	var b strings.Builder
	if _, err := outlook.Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
