package pst_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
)

// tiny is a file of few blocks with one of most things, not coded.
func tiny(kind psttest.Kind) psttest.Spec {
	return psttest.Spec{Kind: kind, Name: "Post", Entries: 2, Compress: kind == psttest.Large, Folders: []psttest.Folder{
		{Name: "Inbox", Messages: psttest.Messages(
			with(mail("\x01\x05RE: Small", "body", file("a.txt", []byte("small"))), psttest.Properties{0x8000: "named", 0x6001: []string{"a", "b"}}),
			mail("Carrier", "", embedded(mail("Inner", "phish", file("evil.doc", fillOf(17_000, 3)))), psttest.Attachment{Object: []byte("object")}),
		)},
		{Name: "Archive", Messages: numbered(2)},
	}}
}

// soon fails when reading takes longer than any input of its size may.
func soon(t testing.TB, whole []byte) {
	t.Helper()
	start := time.Now()
	look(t, whole)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("%d bytes take %v", len(whole), took)
	}
}

func FuzzOpen(f *testing.F) {
	for _, kind := range []psttest.Kind{psttest.Unicode, psttest.ANSI, psttest.Large} {
		for method := range byte(3) {
			s := tiny(kind)
			s.Method = method
			f.Add(psttest.Build(s))
		}
	}
	f.Fuzz(func(t *testing.T, whole []byte) { soon(t, whole) })
}

// FuzzSealed changes bytes of pages and blocks and makes their checksums right again,
// so that what is inside is read. An edit is five bytes: where, and what.
func FuzzSealed(f *testing.F) {
	for kind := range byte(3) {
		f.Add(kind, []byte{})
		f.Add(kind, []byte{0, 0, 0, 9, 0xff, 0, 0, 7, 1, 2})
	}
	var files [3][]byte
	var parts [3][]psttest.Piece
	for kind := range files {
		files[kind], parts[kind] = psttest.Pieces(tiny(psttest.Kind(kind)))
	}
	f.Fuzz(func(t *testing.T, kind byte, edits []byte) {
		k := psttest.Kind(kind % 3)
		whole, pieces := bytes.Clone(files[k]), parts[k]
		var total int
		for _, p := range pieces {
			total += p.Data
		}
		for ; len(edits) >= 5; edits = edits[5:] {
			at := int(binary.BigEndian.Uint32(edits)) % total
			for _, p := range pieces {
				if at < p.Data {
					whole[p.At+int64(at)] = edits[4]
					break
				}
				at -= p.Data
			}
		}
		for _, p := range pieces {
			psttest.Seal(whole, k, p)
		}
		soon(t, whole)
	})
}
