package legacy

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/crypt"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/field"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/cfb"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// The file information block (MS-DOC 2.5).
const (
	fibMagic     = 0xa5ec
	fibVersion   = 2    // nFib
	fibLanguage  = 6    // lid
	fibFlags     = 0x0a // and where the table is
	fibKey       = 0x0e // lKey
	fibStart     = 0x18 // fcMin, of documents without pieces
	fibEnd       = 0x1c // fcMac
	fibCounts    = 0x4c // ccpText and those that follow
	fibClx       = 0x1a2
	fibPlain     = 68 // bytes that are not encrypted
	word97       = 0x00c1
	wordBlock    = 512 // bytes under one key
	flagCrypt    = 0x0100
	flagTable1   = 0x0200
	flagXOR      = 0x8000
	maxPieces    = 1 << 18
	maxFields    = 32
	maxDecoded   = 1 << 20 // bytes that are decoded at once
	pieceMark    = 2
	propertyMark = 1
	compressed   = 1 << 30
)

// wordParts are the stretches of the text, in their order, and the places in the
// block where their lengths stand (MS-DOC 2.5.4).
var wordParts = []struct {
	name string
	at   int64
}{
	{"body", fibCounts},
	{"footnotes", fibCounts + 4},
	{"headers", fibCounts + 8},
	{"comments", fibCounts + 16},
	{"endnotes", fibCounts + 20},
	{"text boxes", fibCounts + 24},
	{"header text boxes", fibCounts + 28},
}

// word reads a Word document.
func (d *document) word(folder *cfb.Folder, s *cfb.Stream) error {
	doc, err := d.bytes(s)
	if err != nil {
		return err
	}
	if at(doc, 0).u16() != fibMagic && at(doc, 0).u16() != 0xa5dc {
		return task.Troublef(engine.DefectUnreadable, "no Word document in its stream")
	}
	flags := at(doc, fibFlags).u16()
	tableName := "0Table"
	if flags&flagTable1 != 0 {
		tableName = "1Table"
	}
	table, err := d.bytes(folder.Stream(tableName))
	if err != nil {
		return err
	}
	if flags&flagCrypt != 0 {
		if err := d.decryptWord(doc, table, flags); err != nil {
			return err
		}
	}
	w := &wordText{d: d}
	if at(doc, fibVersion).u16() < word97 {
		w.plain(doc)
	} else {
		w.pieces(doc, table)
	}
	w.end()
	return nil
}

// decryptWord decrypts both streams in place; the head of the block and what
// describes the encryption are not encrypted (MS-DOC 2.2.6).
func (d *document) decryptWord(doc, table []byte, flags int) error {
	d.t.Part.Encrypted = true
	key := at(doc, fibKey).u32()
	if flags&flagXOR != 0 {
		x := &crypt.XOR{Key: uint16(key >> 16), Verifier: uint16(key), Word: true}
		if err := d.unlock(wellKnown, x, nil); err != nil {
			return err
		}
		x.Decrypt(doc[min(fibPlain, len(doc)):], fibPlain)
		x.Decrypt(table, 0)
		return nil
	}
	head := table[:min(int64(key), int64(len(table)))]
	scheme, err := crypt.ParseRC4(head)
	if err := d.unlock(wellKnown, scheme, err); err != nil {
		return err
	}
	plain := append([]byte{}, doc[:min(fibPlain, len(doc))]...)
	scheme.Decrypt(doc, 0, wordBlock, 0)
	copy(doc, plain)
	scheme.Decrypt(table, 0, wordBlock, 0)
	return nil
}

// wordText writes the text of a document and reads its fields.
type wordText struct {
	d      *document
	fields []*wordField
	last   rune
	parts  []int64 // characters up to the end of each part
	chars  int64
	part   int
}

type wordField struct {
	code, shown strings.Builder
	result      bool
}

// plain reads documents of before Word 97: one stretch of bytes.
func (w *wordText) plain(doc []byte) {
	from, to := int64(at(doc, fibStart).u32()), int64(at(doc, fibEnd).u32())
	to = min(to, int64(len(doc)))
	if from >= to {
		return
	}
	w.write(charset.CodePage(pageOf(at(doc, fibLanguage).u16()), doc[from:to]))
}

// pageOf is the code page of a language identifier, as far as it matters.
func pageOf(language int) int {
	switch language & 0x3ff {
	case 0x19, 0x22, 0x23, 0x02:
		return 1251
	case 0x05, 0x0e, 0x15, 0x18, 0x1a, 0x1b, 0x24:
		return 1250
	case 0x08:
		return 1253
	case 0x1f:
		return 1254
	case 0x0d:
		return 1255
	case 0x01:
		return 1256
	case 0x11:
		return 932
	case 0x12:
		return 949
	case 0x04:
		return 936
	}
	return 1252
}

// pieces reads the text in the order of its piece table (MS-DOC 2.4.1).
func (w *wordText) pieces(doc, table []byte) {
	end := int64(0)
	for _, p := range wordParts {
		end += int64(at(doc, p.at).u32())
		w.parts = append(w.parts, end)
	}
	plc := pieceTable(table, int64(at(doc, fibClx).u32()), int64(at(doc, fibClx+4).u32()))
	n := min((len(plc)-4)/12, maxPieces)
	if n <= 0 {
		w.d.t.Defect(engine.DefectLying, "the document has no piece table; its text is read as it lies")
		w.plain(doc)
		return
	}
	for i := 0; i < n && !w.d.t.Text.Full() && w.d.ctx.Err() == nil; i++ {
		from, to := int64(at(plc, int64(4*i)).u32()), int64(at(plc, int64(4*i+4)).u32())
		fc := at(plc, int64(4*(n+1)+8*i+2)).u32()
		if to > from {
			w.piece(doc, fc, to-from)
		}
	}
}

// pieceTable finds the table of pieces behind the properties that stand before
// it (MS-DOC 2.9.38).
func pieceTable(table []byte, off, size int64) []byte {
	if off < 0 || size <= 0 || off > int64(len(table)) {
		return nil
	}
	c := &cursor{b: table[off:min(off+size, int64(len(table)))]}
	for c.left() > 0 {
		switch c.u8() {
		case propertyMark:
			c.take(c.u16())
		case pieceMark:
			n := int64(c.u32())
			return c.b[c.at:min(int64(c.at)+n, int64(len(c.b)))]
		default:
			return nil
		}
	}
	return nil
}

// piece writes one, which is in windows-1252 or UTF-16 (MS-DOC 2.9.73). One that
// leads out of the document ends there.
func (w *wordText) piece(doc []byte, fc uint32, chars int64) {
	width, off := int64(2), int64(fc&^compressed)
	if fc&compressed != 0 {
		width, off = 1, off/2
	}
	if off >= int64(len(doc)) {
		return
	}
	b := doc[off:min(off+chars*width, int64(len(doc)))]
	for len(b) > 0 && !w.d.t.Text.Full() {
		n := min(len(b), maxDecoded)
		if width == 1 {
			w.write(charset.CodePage(1252, b[:n]))
		} else {
			w.write(wide(b[:n]))
		}
		b = b[n:]
	}
}

// write appends characters; some are marks (MS-DOC 2.4.1, 2.8.25).
func (w *wordText) write(s string) {
	var b strings.Builder
	for _, r := range s {
		w.place(&b)
		w.chars++
		if w.chars%(1<<16) == 0 && w.d.t.Text.Full() {
			return
		}
		switch r {
		case 0x13:
			w.flush(&b)
			if len(w.fields) < maxFields {
				w.fields = append(w.fields, &wordField{})
			}
			continue
		case 0x14:
			w.flush(&b)
			if n := len(w.fields); n > 0 {
				w.fields[n-1].result = true
			}
			continue
		case 0x15:
			w.flush(&b)
			w.fieldEnds()
			continue
		}
		if r = w.shown(r); r != 0 {
			b.WriteRune(r)
			w.last = r
		}
	}
	w.flush(&b)
}

// shown is what a character looks like; 0 for one that shows nothing.
func (w *wordText) shown(r rune) rune {
	switch r {
	case 0x0d, 0x0b, 0x0c, 0x0e:
		return '\n'
	case 0x07:
		if w.last == '\t' {
			return '\n' // the second of two ends the row
		}
		return '\t'
	case 0x1e:
		return '-'
	case '\t', '\n':
		return r
	}
	if r < ' ' || r == 0xad {
		return 0
	}
	return r
}

// place tells where the next character stands.
func (w *wordText) place(b *strings.Builder) {
	if w.part >= len(wordParts) || len(w.parts) == 0 {
		return
	}
	if w.chars == 0 {
		w.d.t.Text.At(wordParts[0].name)
	}
	moved := false
	for w.part+1 < len(w.parts) && w.chars >= w.parts[w.part] {
		w.part++
		moved = true
	}
	if moved {
		w.flush(b)
		w.d.t.Text.Break()
		w.d.t.Text.At(wordParts[w.part].name)
	}
}

// flush gives text to the open fields, and tells it unless it is an instruction.
func (w *wordText) flush(b *strings.Builder) {
	s := b.String()
	b.Reset()
	if s == "" {
		return
	}
	for i := len(w.fields) - 1; i >= 0; i-- {
		f := w.fields[i]
		if !f.result {
			appendTo(&f.code, s, field.MaxCode)
			return
		}
		appendTo(&f.shown, s, maxShown)
	}
	w.d.t.Text.Add(s)
}

func appendTo(b *strings.Builder, s string, max int) {
	if left := max - b.Len(); left > 0 {
		b.WriteString(s[:min(len(s), left)])
	}
}

func (w *wordText) fieldEnds() {
	n := len(w.fields)
	if n == 0 {
		return
	}
	f := w.fields[n-1]
	w.fields = w.fields[:n-1]
	field.Tell(w.d.t, &w.d.book, f.code.String(), f.shown.String())
	if quoted, ok := field.Quote(f.code.String()); ok && n > 1 && !w.fields[n-2].result {
		appendTo(&w.fields[n-2].code, quoted, field.MaxCode)
	}
}

// end tells fields that were left open.
func (w *wordText) end() {
	for len(w.fields) > 0 {
		w.fieldEnds()
	}
	w.d.t.Text.Break()
}
