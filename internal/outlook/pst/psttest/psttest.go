// Package psttest writes Outlook's files of folders ([MS-PST]), for tests of what
// reads them: of 32 and 64 bits and with large pages, coded and compressed, with
// folders, messages, recipients, attachments, and messages inside messages. Other
// programs read what it writes, so it proves a reader; it is not for use beside tests.
//
// A file is written from its beginning to its end, what leads to things after the
// things; memory holds an entry for each block and each node.
package psttest

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/coding"
)

// Kind is one of the three kinds of file.
type Kind int

// The kinds.
const (
	Unicode Kind = iota // .pst since Outlook 2003
	ANSI                // before; strings are of 8 bits
	Large               // .ost since Outlook 2013: pages of 4 KiB
)

// Spec is what a file has.
type Spec struct {
	Kind     Kind
	Version  int    // 0 is the usual one of the kind: 23, 15, 36
	Method   byte   // of coding: 0 none, 1 permute, 2 cyclic
	Compress bool   // blocks of a Large one
	Name     string // of the store
	Password uint32 // its checksum; 0 is none
	Codepage int32  // of the store; 0 is not told
	Names    []Name // of the properties from 0x8000 on
	Folders  []Folder
	Orphans  []Message // in the folder that is the first, whose table does not list them
	// Circle lists the first folder among the folders of each folder inside it.
	Circle bool
	// Copies is how many nodes beside each message lead to the same blocks.
	Copies int
	// Entries is how many blocks a list of blocks has at most, so that trees of
	// them are high with little data; 0 is as many as fit.
	Entries int
}

// Name is a named property.
type Name struct {
	Set  [16]byte
	Name string // "" when Number counts
	ID   uint32
}

// Folder is one with messages and folders inside.
type Folder struct {
	Name     string
	Folders  []Folder
	Messages iter.Seq[Message] // nil is none
	Unlisted bool              // not in the table of the folder that it is in
	Inside   bool              // says that it is in the first folder inside it
}

// Messages is a sequence of some.
func Messages(all ...Message) iter.Seq[Message] { return slices.Values(all) }

// Properties by id. A string is one of 16 bits, or of 8 in an ANSI file; String8,
// []byte, int16, int32, int64, bool, float64, time.Time, []string and Raw are what
// their names say.
type Properties map[uint16]any

// String8 is the bytes of a string in the code page of its message.
type String8 string

// Raw is a value of any type.
type Raw struct {
	Type  uint16
	Bytes []byte
}

// Message is a mail, or anything else that a folder holds.
type Message struct {
	Properties  Properties
	Recipients  []Properties
	Attachments []Attachment
}

// Attachment is a file; or an embedded message, or an object, if it has one.
type Attachment struct {
	Properties Properties
	Data       []byte
	Message    *Message
	Object     []byte
	Circle     bool // the embedded message is the one that it is in
	Unlisted   bool // not in the table of attachments
	Repeat     int  // how often the tree of blocks names the blocks of Data; 0 is once
}

// Build is a file as bytes.
func Build(s Spec) []byte {
	var b buffer
	if _, err := Write(&b, s); err != nil {
		panic(fmt.Sprintf("psttest: %v", err)) // memory does not fail; the spec is wrong
	}
	return b
}

// Piece is a page or a block of a file, for tests that damage it.
type Piece struct {
	Kind  PieceKind
	ID    uint64 // of the page or block
	At    int64
	Size  int // with what stands at its end
	Data  int // bytes that are not its trailer, footer or padding
	Level int // of a page, or of a list; 0 is a leaf
}

// PieceKind is what a piece is.
type PieceKind int

// The kinds of pieces.
const (
	NodePage  PieceKind = iota // of the tree of nodes
	BlockPage                  // of the tree of blocks
	Block                      // of data
	List                       // a block that lists others
)

// Pieces is a file, and what it is made of, in the order of places.
func Pieces(s Spec) ([]byte, []Piece) {
	var b buffer
	w := write(&b, s)
	return b, w.pieces
}

// Seal makes the checksum of a piece right again after its bytes were changed.
func Seal(whole []byte, kind Kind, p Piece) {
	f := forms[kind]
	piece := whole[p.At:][:p.Size]
	mark, sum := f.foot, coding.Sum(piece[:p.Data])
	if p.Kind == NodePage || p.Kind == BlockPage {
		mark, sum = f.trailer, coding.Sum(piece[:f.page-f.trailer])
	}
	at := 8
	if f.wide {
		at = 4
	}
	binary.LittleEndian.PutUint32(piece[p.Size-mark+at:], sum)
}

type buffer []byte

func (b *buffer) WriteAt(p []byte, at int64) (int, error) {
	if end := int(at) + len(p); end > len(*b) {
		*b = slices.Grow(*b, end-len(*b))[:end]
	}
	return copy((*b)[at:], p), nil
}

// Write writes a file, and returns how long it is.
func Write(out io.WriterAt, s Spec) (size int64, err error) {
	w := write(out, s)
	return w.at, w.err
}

func write(out io.WriterAt, s Spec) *writer {
	w := newWriter(out, s)
	w.store()
	w.names()
	w.folders()
	w.finish()
	return w
}

// Moment is when everything in a file was made, unless it says otherwise.
var Moment = time.Date(2024, 5, 17, 9, 30, 0, 0, time.UTC)
