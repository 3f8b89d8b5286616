// Package pst reads Outlook's files of folders, .pst and .ost ([MS-PST]): those of
// 32 bits (Outlook 97 to 2002), those of 64 bits, and those with pages of 4 KiB
// which Outlook 2013 and later keep as .ost.
//
// A file has three layers. At the bottom are two B-trees of pages: of blocks (a
// block's id: where it is) and of nodes (a node's id: its blocks). A node has data,
// one block or a tree of blocks, and may have nodes of its own below. In the middle
// stands a heap in the data of a node, and in that a table, or the properties of one
// thing. At the top are folders, each with a table of folders and one of messages.
//
// Nothing is held but caches of a few megabytes: trees are walked page by page, and
// large values are opened, not read. Nothing is followed twice: a page is read for
// the range of ids that leads to it, a folder and a message once, an embedded
// message not inside itself. What a walk may cost is bounded by the size of the
// file, so that blocks that are used many times over end it.
//
// What is damaged is told, and the rest goes on. A checksum that is wrong is told
// and the contents are used as long as they hold together. Where a page of a tree
// is broken, the file is searched once for pages and blocks that prove themselves
// by their trailers; what a broken page led to is looked up among those. Folders
// and messages that nothing leads to any more come last, under Orphaned.
//
// A password protects nothing here: the file has its checksum, and readers are
// asked not to look; Protected tells that there is one.
package pst

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/coding"
)

// Magic is how a file begins.
const Magic = "!BDN"

// ErrFormat says that the file is none of Outlook's, or that something in it is
// broken beyond reading.
var ErrFormat = errors.New("broken Outlook file")

// errSpent ends a walk that costs more than any honest file of its size.
var errSpent = fmt.Errorf("reading costs more than a file of this size warrants: %w", engine.ErrLimit)

// Nodes that every file has ([MS-PST] 2.4.1).
const (
	nidStore = 0x21
	nidNames = 0x61
	nidRoot  = 0x122
)

// Kinds of nodes: the low five bits of an id ([MS-PST] 2.2.2.1).
const (
	kindHeap       = 0x00
	kindFolder     = 0x02
	kindMessage    = 0x04
	kindAttachment = 0x05
	kindFolders    = 0x0d
	kindContents   = 0x0e
)

// kindOf is the kind of an id.
func kindOf(nid uint32) uint32 { return nid & 0x1f }

// Properties of the store.
const (
	propPassword = 0x67ff
	propCodepage = 0x66c3
)

// File is an open file. It may be used by several goroutines.
type File struct {
	// Protected says that the file has a password; it is read nevertheless.
	Protected bool
	// Name is the display name of the store.
	Name string
	// Version is the version of the format: 14 and 15 are of 32 bits, 21 and 23 of
	// 64 bits, 36 and more have pages of 4 KiB, or say that they may be encrypted
	// by Windows.
	Version int

	r        io.ReaderAt
	size     int64
	layout   layout
	method   coding.Method
	nodes    tree
	blocks   tree
	names    []outlook.Named // by id-0x8000
	codepage int

	inflaters sync.Pool // of io.Reader that are zlib.Resetter

	mu       sync.Mutex // guards what follows
	pages    cache[pageKey, loadedPage]
	loaded   cache[uint64, *block]
	found    [2]*found // of the blocks, of the nodes
	spent    int64
	troubles troubles
}

// Open reads the header, the names of properties and the properties of the store.
// What is wrong with the latter two is told in Troubles.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: size}
	f.pages.max, f.loaded.max = 1<<20, 4<<20
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	f.settleMethod()
	f.readStore()
	f.readNames()
	return f, nil
}

// Troubles says what was wrong with the file so far and could be worked around.
// Troubles of a message stand with the message.
func (f *File) Troubles() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.troubles.all()
}

func (f *File) tell(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.troubles.tell(format, args...)
}

// budget is what reading may cost: every record, every cell and every 512 bytes of a
// block that is read is 1. Of honest files the densest, thousands of recipients with
// short names, spend one for each 5 bytes; where blocks are compressed, one for each 2.
func (f *File) budget() int64 {
	n := 1<<20 + f.size
	if f.layout.footer == large.footer {
		n *= 4
	}
	return n
}

func (f *File) spend(n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spent += int64(n)
	if f.spent > f.budget() {
		return errSpent
	}
	return nil
}

func (f *File) readHeader() error {
	h := make([]byte, 576)
	n, err := f.r.ReadAt(h, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read header: %w", err)
	}
	if n < 512 || string(h[:4]) != Magic {
		return fmt.Errorf("%w: no header", ErrFormat)
	}
	f.Version = int(binary.LittleEndian.Uint16(h[10:]))
	f.settleLayout(h)
	if n < 564 && f.layout.wide {
		return fmt.Errorf("%w: the header ends after %d bytes", ErrFormat, n)
	}
	f.method = coding.Method(h[f.layout.method])
	f.checkHeader(h)
	return nil
}

// settleLayout takes the layout that the version names, unless no tree begins where
// it says, and one does by another: version 37 is written with pages of either size,
// by an Outlook that knows of Windows Information Protection ([MS-PST] 2.2.2.6), and a
// version may be damaged.
func (f *File) settleLayout(h []byte) {
	named := layoutOf(f.Version)
	for _, l := range []layout{named, unicode, large, ansi} {
		f.use(l, h)
		if f.nodes.looksRight() || f.blocks.looksRight() {
			return
		}
	}
	f.use(named, h)
}

func (f *File) use(l layout, h []byte) {
	f.layout = l
	f.nodes = tree{f: f, kind: pageNodes, name: "nodes", root: l.ref(h[l.roots:])}
	f.blocks = tree{f: f, kind: pageBlocks, name: "blocks", root: l.ref(h[l.roots+2*l.word:])}
}

// settleMethod takes the coding that the header names, unless nothing can be read by
// it that must be there, and can by another.
func (f *File) settleMethod() {
	told := f.method
	for _, m := range []coding.Method{told, coding.None, coding.Permute, coding.Cyclic} {
		f.method = m
		f.loaded = cache[uint64, *block]{max: f.loaded.max}
		if f.readsHeaps() {
			if m != told {
				f.tell("the header names coding %d, and the blocks are of coding %d", told, m)
			}
			return
		}
	}
	f.method = told
}

// readsHeaps says whether one of the nodes that every file has can be read.
func (f *File) readsHeaps() bool {
	for _, nid := range []uint32{nidStore, nidNames, nidRoot} {
		n, err := f.node(nid)
		if err != nil {
			continue
		}
		if _, err := (&reading{f: f, troubles: &troubles{}}).heap(n, heapProperties); err == nil {
			return true
		}
	}
	return false
}

func (f *File) checkHeader(h []byte) {
	if !slices.Contains([]int{14, 15, 21, 23, 36, 37}, f.Version) {
		f.tell("version %d of the format is not known", f.Version)
	}
	if coding.Sum(h[8:479]) != binary.LittleEndian.Uint32(h[4:]) {
		f.tell("the checksum of the header is wrong")
	}
	if f.layout.wide && coding.Sum(h[8:524]) != binary.LittleEndian.Uint32(h[524:]) {
		f.tell("the second checksum of the header is wrong")
	}
	end := int64(f.layout.number(h[f.layout.end:]))
	if end > f.size {
		f.tell("the file is cut: %d bytes of %d", f.size, end)
	}
}

// readStore reads what the store says of itself.
func (f *File) readStore() {
	var t troubles
	defer f.adopt("the store", &t)
	n, err := f.node(nidStore)
	if err != nil {
		t.tell("%v", err)
		return
	}
	r := &reading{f: f, troubles: &t, held: maxHeld}
	bag, err := r.properties(n)
	if err != nil {
		t.tell("%v", err)
	}
	password, _ := bag.Int(propPassword)
	f.Protected = password != 0 && password != -1 // an .ost has -1 and no password
	f.codepage = firstCodepage(bag, outlook.PropMessageCodepage, propCodepage, outlook.PropInternetCodepage)
	f.Name = displayName(bag, f.codepage)
}

// adopt tells troubles of a thing that is no message as those of the file.
func (f *File) adopt(what string, t *troubles) {
	for _, s := range t.all() {
		f.tell("%s: %s", what, s)
	}
}
