package legacy

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/cell"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/crypt"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/internal/cfb"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// Records (MS-XLS 2.3).
const (
	recFormula    = 0x0006
	recEOF        = 0x000a
	recHeader     = 0x0014
	recFooter     = 0x0015
	recName       = 0x0018
	recDate1904   = 0x0022
	recExternName = 0x0023
	recFilePass   = 0x002f
	recContinue   = 0x003c
	recCodePage   = 0x0042
	recBoundSheet = 0x0085
	recMulRK      = 0x00bd
	recRString    = 0x00d6
	recXF         = 0x00e0
	recSST        = 0x00fc
	recLabelSST   = 0x00fd
	recSupBook    = 0x01ae
	recTXO        = 0x01b6
	recHLink      = 0x01b8
	recNumber     = 0x0203
	recLabel      = 0x0204
	recBoolErr    = 0x0205
	recString     = 0x0207
	recRK         = 0x027e
	recFormat     = 0x041e
	recBOF        = 0x0809
	recBOF2       = 0x0009 // of the versions before BIFF5
	recBOF3       = 0x0209
	recBOF4       = 0x0409

	biff8       = 0x0600
	sheetBlock  = 1024 // bytes under one key
	maxSheets   = 1000
	maxShared   = 16 << 20
	maxStrings  = 1 << 20
	maxFormats  = 1 << 16
	kindMacro   = 1 // of a sheet in BoundSheet8
	maxContinue = 4096
)

// plainRecords are never encrypted (MS-XLS 2.2.10).
var plainRecords = map[int]bool{
	recBOF: true, recFilePass: true, 0x0193: true /* UsrExcl */, 0x0195: true /* FileLock */, 0x00e1: true, /* InterfaceHdr */
	0x0196: true /* RRDInfo */, 0x0138: true, /* RRDHead */
}

// sheets is a workbook that is read.
type sheets struct {
	d       *document
	lines   *cell.Lines
	b       []byte
	version int
	page    int
	old     bool // dates count from 1904
	shared  []string
	held    int // bytes of them
	codes   map[int]string
	dates   []bool // by the index of a cell's format
	bounds  []bound
	name    string
	macros  bool // the sheet is one of macros
	pending *pendingText
	names   []string
	supDDE  string
	written int // bytes that expressions have taken
}

// bound is an entry of the list of sheets.
type bound struct {
	off  uint32
	name string
	kind int
}

// pendingText is a formula whose text stands in the record that follows.
type pendingText struct{ row, col int }

// workbook reads a workbook. Its records are decrypted first.
func (d *document) workbook(_ *cfb.Folder, s *cfb.Stream) error {
	b, err := d.bytes(s)
	if err != nil {
		return err
	}
	w := &sheets{d: d, lines: cell.NewLines(d.t), b: b, page: 1252, codes: map[int]string{}}
	if err := w.decrypt(); err != nil {
		return err
	}
	w.read()
	d.t.Text.Break()
	return nil
}

// record is one, with those that continue it.
type record struct {
	kind, at int // at is the offset of its body
	body     []byte
	more     [][]byte // bodies of the Continue records that follow
}

// next reads the record at an offset and returns that of the one behind it; ok is
// false at the end.
func next(b []byte, off int) (r record, end int, ok bool) {
	if off+4 > len(b) {
		return r, off, false
	}
	n := int(binary.LittleEndian.Uint16(b[off+2:]))
	r = record{kind: int(binary.LittleEndian.Uint16(b[off:])), at: off + 4}
	end = min(off+4+n, len(b))
	r.body = b[r.at:end]
	return r, end, true
}

// decrypt opens the workbook if its first substream says that it is locked.
func (w *sheets) decrypt() error {
	for off, n := 0, 0; n < 64; n++ {
		r, end, ok := next(w.b, off)
		if !ok || r.kind == recEOF {
			return nil
		}
		if r.kind == recFilePass {
			w.d.t.Part.Encrypted = true
			return w.unlock(r.body)
		}
		off = end
	}
	return nil
}

// unlock reads a FilePass record (MS-XLS 2.4.117), whose first field is the
// method, unless it is one of BIFF5 and there is none but XOR.
func (w *sheets) unlock(body []byte) error {
	c := &cursor{b: body}
	if len(body) == 4 {
		return w.unlockXOR(c)
	}
	if c.u16() == 0 {
		return w.unlockXOR(c)
	}
	scheme, err := crypt.ParseRC4(body[min(2, len(body)):])
	if err := w.d.unlock(wellKnown, scheme, err); err != nil {
		return err
	}
	w.each(func(r record, skip int) {
		scheme.Decrypt(r.body[skip:], int64(r.at+skip), sheetBlock, 0)
	})
	return nil
}

func (w *sheets) unlockXOR(c *cursor) error {
	x := &crypt.XOR{Key: uint16(c.u16()), Verifier: uint16(c.u16())}
	if err := w.d.unlock(wellKnown, x, nil); err != nil {
		return err
	}
	w.each(func(r record, skip int) {
		x.Decrypt(r.body[skip:], int64(r.at+len(r.body)+skip))
	})
	return nil
}

// each visits the records that are encrypted; the first skip bytes of a body are
// not.
func (w *sheets) each(visit func(r record, skip int)) {
	for off := 0; ; {
		r, end, ok := next(w.b, off)
		if !ok {
			return
		}
		skip := 0
		if r.kind == recBoundSheet {
			skip = min(4, len(r.body))
		}
		if !plainRecords[r.kind] {
			visit(r, skip)
		}
		off = end
	}
}

// read visits all records in the order of the stream: the globals come first,
// then the sheets.
func (w *sheets) read() {
	for off := 0; w.d.ctx.Err() == nil && !w.lines.Full() && !w.d.t.Text.Full(); {
		r, end, ok := next(w.b, off)
		if !ok {
			return
		}
		for len(r.more) < maxContinue {
			more, after, ok := next(w.b, end)
			if !ok || more.kind != recContinue {
				break
			}
			r.more = append(r.more, more.body)
			end = after
		}
		w.record(r)
		off = end
	}
}

// record is a table: what each means.
func (w *sheets) record(r record) {
	c := &cursor{b: r.body}
	switch r.kind {
	case recBOF, recBOF2, recBOF3, recBOF4:
		w.begin(r, c)
	case recCodePage:
		w.page = codePage(c.u16())
	case recDate1904:
		w.old = c.u16() != 0
	case recBoundSheet:
		w.bound(c)
	case recSST:
		w.sst(r)
	case recFormat:
		if id := c.u16(); len(w.codes) < maxFormats {
			w.codes[id] = w.text(c, 2)
		}
	case recXF:
		c.u16()
		if id := c.u16(); len(w.dates) < maxFormats {
			w.dates = append(w.dates, cell.IsDate(id, w.codes[id]))
		}
	case recHeader, recFooter:
		w.d.t.Text.Break()
		w.d.t.Text.At(w.name + ", header")
		w.d.t.Text.Line(cell.HeaderText(w.text(c, 2)))
	case recHLink:
		w.link(c)
	case recTXO:
		w.box(r)
	case recSupBook:
		w.supBook(c)
	case recExternName:
		w.externName(c)
	case recName:
		w.definedName(c)
	default:
		w.cell(r.kind, c)
	}
}

func codePage(n int) int {
	switch n {
	case 367:
		return 1252
	case 1200, 32769, 0:
		return 1252
	case 32768:
		return 10000
	}
	return n
}

// begin starts a substream: the globals, or a sheet, which the list names.
func (w *sheets) begin(r record, c *cursor) {
	version := c.u16()
	if w.version == 0 {
		if w.version = version; r.kind != recBOF {
			w.version = 0x0400
		}
	}
	w.name, w.macros = "Sheet", false
	for _, b := range w.bounds {
		if int64(b.off) == int64(r.at-4) {
			w.name, w.macros = b.name, b.kind == kindMacro
		}
	}
	w.lines.Sheet(w.name)
}

// text reads a string behind its length of so many bytes; since BIFF8 it says
// itself how wide its characters are (MS-XLS 2.5.293, 2.5.294).
func (w *sheets) text(c *cursor, lengthBytes int) string {
	n := c.u8()
	if lengthBytes == 2 {
		n |= c.u8() << 8
	}
	if w.version < biff8 {
		return charset.CodePage(w.page, c.take(min(n, c.left())))
	}
	return c.unicode(n)
}

// unicode reads n characters behind their flags, without what formats them.
func (c *cursor) unicode(n int) string {
	flags := c.u8()
	if flags&8 != 0 {
		c.u16()
	}
	if flags&4 != 0 {
		c.u32()
	}
	if flags&1 != 0 {
		return wide(c.take(min(2*n, c.left())))
	}
	return narrowText(c.take(min(n, c.left())))
}

func (w *sheets) bound(c *cursor) {
	b := bound{off: c.u32()}
	state := c.u8() & 3
	b.kind = c.u8()
	b.name = w.text(c, 1)
	if b.kind == kindMacro {
		w.d.t.Part.HasMacros = true
		w.d.book.Add("macro_sheets", b.name)
	}
	if state != 0 {
		w.d.book.Add(remark.Sheets, b.name+" ("+[...]string{"", "hidden", "veryHidden", "hidden"}[state]+")")
	}
	if len(w.bounds) < maxSheets {
		w.bounds = append(w.bounds, b)
	}
}

// cell reads the records that are cells.
func (w *sheets) cell(kind int, c *cursor) {
	if kind == recString {
		if p := w.pending; p != nil {
			w.lines.Cell(p.row, p.col, w.text(c, 2))
		}
		w.pending = nil
		return
	}
	if !isCell(kind) {
		return
	}
	row, col, format := c.u16(), c.u16(), c.u16()
	date := format < len(w.dates) && w.dates[format]
	switch kind {
	case recLabelSST:
		if i := int64(c.u32()); i < int64(len(w.shared)) {
			w.lines.Cell(row, col, w.shared[i])
		}
	case recLabel, recRString:
		w.lines.Cell(row, col, w.text(c, 2))
	case recNumber:
		w.lines.Cell(row, col, cell.Number(c.f64(), date, w.old))
	case recRK:
		w.lines.Cell(row, col, cell.Number(cell.RK(c.u32()), date, w.old))
	case recMulRK:
		w.mulRK(row, col, format, c)
	case recBoolErr:
		if v := c.u8(); c.u8() == 0 {
			w.lines.Cell(row, col, strings.ToUpper(strconv.FormatBool(v != 0)))
		}
	case recFormula:
		w.formula(row, col, date, c)
	}
}

func isCell(kind int) bool {
	switch kind {
	case recLabelSST, recLabel, recRString, recNumber, recRK, recMulRK, recBoolErr, recFormula:
		return true
	}
	return false
}

func (c *cursor) f64() float64 { return math.Float64frombits(binary.LittleEndian.Uint64(c.take(8))) }

// mulRK is a row of numbers; the first format was read already.
func (w *sheets) mulRK(row, col, format int, c *cursor) {
	for c.left() >= 4 {
		date := format < len(w.dates) && w.dates[format]
		w.lines.Cell(row, col, cell.Number(cell.RK(c.u32()), date, w.old))
		format = c.u16()
		col++
	}
}

// formula reads the value that was computed (MS-XLS 2.4.127), then what of the
// formula itself matters.
func (w *sheets) formula(row, col int, date bool, c *cursor) {
	value := c.take(8)
	w.pending = nil
	shown := ""
	switch {
	case value[6] != 0xff || value[7] != 0xff:
		shown = cell.Number(math.Float64frombits(binary.LittleEndian.Uint64(value)), date, w.old)
	case value[0] == 0:
		w.pending = &pendingText{row, col}
	case value[0] == 1:
		shown = strings.ToUpper(strconv.FormatBool(value[2] != 0))
	}
	c.u16() // flags
	if w.version >= biff8 || w.version == 0x0500 {
		c.u32()
	}
	size := c.u16()
	text := w.expression(c.take(min(size, c.left())))
	told := cell.Formula(w.d.t, &w.d.book, text)
	if w.macros && told == "" {
		told = text
	}
	if told != "" {
		shown = strings.TrimSpace(shown + " =" + told)
	}
	w.lines.Cell(row, col, shown)
}

// sst reads the shared strings; they run on through Continue records, each of
// which says anew how wide characters are (MS-XLS 2.4.265).
func (w *sheets) sst(r record) {
	s := &joined{blocks: append([][]byte{r.body}, r.more...)}
	s.u32()
	n := s.u32()
	for range min(n, maxStrings) {
		text, ok := s.text()
		if !ok || w.held > maxShared {
			return
		}
		w.held += len(text)
		w.shared = append(w.shared, text)
	}
}

// joined reads through records that continue each other.
type joined struct {
	blocks [][]byte
	end    bool
}

// fill drops blocks that are read.
func (s *joined) fill() bool {
	for len(s.blocks) > 0 && len(s.blocks[0]) == 0 {
		s.blocks = s.blocks[1:]
	}
	s.end = len(s.blocks) == 0
	return !s.end
}

func (s *joined) u8() byte {
	if !s.fill() {
		return 0
	}
	b := s.blocks[0][0]
	s.blocks[0] = s.blocks[0][1:]
	return b
}

func (s *joined) u16() int { return int(s.u8()) | int(s.u8())<<8 }

func (s *joined) u32() uint32 { return uint32(s.u16()) | uint32(s.u16())<<16 }

func (s *joined) skip(n int64) {
	for n > 0 && s.fill() {
		k := min(n, int64(len(s.blocks[0])))
		s.blocks[0] = s.blocks[0][k:]
		n -= k
	}
}

// text reads an XLUnicodeRichExtendedString (MS-XLS 2.5.293).
func (s *joined) text() (string, bool) {
	n, flags := s.u16(), s.u8()
	runs, extra := 0, uint32(0)
	if flags&8 != 0 {
		runs = s.u16()
	}
	if flags&4 != 0 {
		extra = s.u32()
	}
	var b strings.Builder
	isWide := flags&1 != 0
	for n > 0 {
		if len(s.blocks) > 0 && len(s.blocks[0]) == 0 { // a new record begins with flags of its own
			if !s.fill() {
				return "", false
			}
			isWide = s.u8()&1 != 0
		}
		if !s.fill() {
			return "", false
		}
		n -= s.chars(&b, n, isWide)
	}
	s.skip(int64(runs)*4 + int64(extra))
	return b.String(), !s.end || n == 0
}

// chars reads as many as the block holds, at most n, at least one.
func (s *joined) chars(b *strings.Builder, n int, isWide bool) int {
	block := s.blocks[0]
	if !isWide {
		n = min(n, len(block))
		b.WriteString(narrowText(block[:n]))
		s.blocks[0] = block[n:]
		return n
	}
	n = min(n, len(block)/2)
	if n == 0 { // half a character
		s.blocks[0] = nil
		return 1
	}
	b.WriteString(wide(block[:2*n]))
	s.blocks[0] = block[2*n:]
	return n
}

// box reads a text box or a comment: its text is in the record that continues it
// (MS-XLS 2.4.329).
func (w *sheets) box(r record) {
	n := at(r.body, 10).u16()
	if n == 0 || len(r.more) == 0 {
		return
	}
	var text string
	for _, m := range r.more {
		c := &cursor{b: m}
		flags := c.u8()
		if n <= 0 {
			break
		}
		if flags&1 != 0 {
			k := min(2*n, c.left())
			text += wide(c.take(k))
			n -= k / 2
		} else {
			k := min(n, c.left())
			text += narrowText(c.take(k))
			n -= k
		}
	}
	w.d.t.Text.Break()
	w.d.t.Text.At(w.name + ", shapes")
	w.d.t.Text.Line(strings.ReplaceAll(text, "\r", "\n"))
	w.lines.Again()
}

// Identifiers of monikers (MS-OSHARED 2.3.7.2).
const (
	monikerURL  = "\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b"
	monikerFile = "\x03\x03\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
)

// link reads a hyperlink: a range of cells, then a Hyperlink object (MS-XLS
// 2.4.140, MS-OSHARED 2.3.7.1).
func (w *sheets) link(c *cursor) {
	row, _, col, _ := c.u16(), c.u16(), c.u16(), c.u16()
	c.take(16)
	c.u32()
	flags := c.u32()
	shown := ""
	if flags&0x10 != 0 {
		shown = c.wideSized()
	}
	if flags&0x80 != 0 {
		c.wideSized() // the frame
	}
	target := ""
	if flags&1 != 0 {
		target = c.moniker(flags&0x100 != 0)
	}
	if shown == "" {
		shown = w.lines.Shown(row, col)
	}
	w.d.t.Link(target, shown)
	if target != "" && !strings.Contains(target, "://") {
		w.d.book.Add(remark.External, target)
	}
}

// wideSized is UTF-16 behind the count of its characters, which counts a zero at
// the end.
func (c *cursor) wideSized() string {
	n := int(min(c.u32(), maxContinue))
	return strings.TrimRight(wide(c.take(min(2*n, c.left()))), "\x00")
}

func (c *cursor) moniker(saved bool) string {
	if saved {
		return c.wideSized()
	}
	switch string(c.take(16)) {
	case monikerURL:
		n := int(min(c.u32(), maxContinue*2))
		text, _, _ := strings.Cut(wide(c.take(min(n, c.left()))), "\x00")
		return text
	case monikerFile:
		c.u16()
		n := int(min(c.u32(), maxContinue))
		return strings.TrimRight(charset.Decode(c.take(min(n, c.left()))), "\x00")
	}
	return ""
}

// supBook reads a link to another workbook or program (MS-XLS 2.4.271).
func (w *sheets) supBook(c *cursor) {
	c.u16()
	n := c.u16()
	if n < 1 || n > 255 {
		return
	}
	path := c.unicode(n)
	w.supDDE = ""
	switch {
	case strings.Contains(path, "\x03"): // server and topic
		w.supDDE = strings.ReplaceAll(path, "\x03", "|")
		w.d.book.Add(remark.Dde, w.supDDE)
	default:
		target := strings.TrimPrefix(path, "\x01")
		target = strings.TrimPrefix(target, "\x05")
		if len(target) > 1 {
			w.d.book.Outside(w.d.t, strings.Map(pathRune, target))
		}
	}
}

// pathRune turns the codes of a path (MS-XLS 2.5.277) into what they mean.
func pathRune(r rune) rune {
	switch {
	case r == 3:
		return '/'
	case r < ' ':
		return -1
	}
	return r
}

// externName reads the item of a DDE link.
func (w *sheets) externName(c *cursor) {
	if w.supDDE == "" {
		return
	}
	c.u16()
	c.u32()
	w.d.book.Add(remark.Dde, w.supDDE+"!"+w.text(c, 1))
}

// definedName reads names: those under which macros run by themselves.
func (w *sheets) definedName(c *cursor) {
	flags := c.u16()
	c.u8()
	n := c.u8()
	c.u16()
	c.u16()
	c.u16()
	c.u32()
	var name string
	if w.version >= biff8 {
		name = c.unicode(n)
	} else {
		name = charset.CodePage(w.page, c.take(min(n, c.left())))
	}

	if flags&0x20 != 0 && name != "" {
		name = builtin(name[0])
	}
	if len(w.names) < maxFormats {
		w.names = append(w.names, name)
	}
	if strings.HasPrefix(strings.ToLower(name), "auto_") {
		w.d.book.Add(remark.Auto, name)
	}
}

// builtin names the built-in names that matter (MS-XLS 2.4.150).
func builtin(code byte) string {
	switch code {
	case 1:
		return "Auto_Open"
	case 2:
		return "Auto_Close"
	case 10:
		return "Auto_Activate"
	case 11:
		return "Auto_Deactivate"
	}
	return fmt.Sprintf("_%d", code)
}
