package ooxml

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/cell"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
)

// Records of binary workbooks (MS-XLSB 2.3.2).
const (
	brtRowHdr        = 0
	brtCellRk        = 2
	brtCellError     = 3
	brtCellBool      = 4
	brtCellReal      = 5
	brtCellSt        = 6
	brtCellIsst      = 7
	brtFmlaString    = 8
	brtFmlaNum       = 9
	brtFmlaBool      = 10
	brtFmlaError     = 11
	brtSSTItem       = 19
	brtName          = 39
	brtFmt           = 44
	brtXF            = 47
	brtCellRString   = 62
	brtWbProp        = 153
	brtBundleSh      = 156
	brtBeginSupBook  = 360
	brtHLink         = 494
	brtBeginCellXFs  = 617
	brtEndCellXFs    = 618
	maxRecord        = 1 << 20 // bytes of one that are looked at
	bundleHidden     = 1
	bundleVeryHidden = 2
	supDDE           = 1
)

// binaryWorkbook reads a workbook whose parts are records instead of XML.
func (d *document) binaryWorkbook(main *zipped.Part) {
	b := &book{d: d, lines: cell.NewLines(d.t)}
	d.records(main, b.workbookRecord)
	for _, p := range d.related(main.Name, "styles") {
		b.binaryStyles(p)
	}
	for _, p := range append(d.related(main.Name, "sharedStrings"), d.zip.Named("xl/sharedStrings.bin")...) {
		more := true
		d.records(p, func(kind int, f *fields) {
			if kind == brtSSTItem && more {
				f.take(1)
				b.shared.all = append(b.shared.all, f.wide()...)
				more = b.shared.end()
			}
		})
	}
	b.readSheets(main, b.binarySheet)
	for _, p := range d.zip.Under("xl/externalLinks/") {
		d.records(p, b.externalRecord)
	}
	for _, p := range d.zip.Under("xl/") {
		b.outside(p)
	}
}

// records hands each record of a part to a function, once. A record that is
// longer than maxRecord is given as far as that.
func (d *document) records(p *zipped.Part, visit func(kind int, f *fields)) {
	if p == nil || p.Ext() != "bin" || !d.Take(p) {
		return
	}
	d.Note(p.Read(func(r io.Reader) error {
		in := bufio.NewReaderSize(r, 64<<10)
		buf := make([]byte, 0, 4096)
		for {
			kind, size, err := recordHead(in)
			if err != nil {
				return ended(err)
			}
			n := min(size, maxRecord)
			if cap(buf) < n {
				buf = make([]byte, 0, n)
			}
			if _, err := io.ReadFull(in, buf[:n]); err != nil {
				return ended(err)
			}
			visit(kind, &fields{b: buf[:n]})
			if _, err := in.Discard(size - n); err != nil {
				return ended(err)
			}
		}
	}))
}

// ended is nil where a file simply stops.
func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// recordHead reads the type, of one or two bytes, and the size, of up to four
// (MS-XLSB 2.1.4).
func recordHead(in *bufio.Reader) (kind, size int, err error) {
	b, err := in.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	kind = int(b)
	if b&0x80 != 0 {
		if b, err = in.ReadByte(); err != nil {
			return 0, 0, err
		}
		kind = kind&0x7f | int(b&0x7f)<<7
	}
	for i := range 4 {
		if b, err = in.ReadByte(); err != nil {
			return 0, 0, err
		}
		size |= int(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			break
		}
	}
	return kind, size, nil
}

// fields reads the fields of a record; behind its end everything is zero.
type fields struct{ b []byte }

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.b = nil
		return make([]byte, min(max(n, 0), 8))
	}
	b := f.b[:n]
	f.b = f.b[n:]
	return b
}

func (f *fields) u16() int    { return int(binary.LittleEndian.Uint16(f.take(2))) }
func (f *fields) u32() uint32 { return binary.LittleEndian.Uint32(f.take(4)) }
func (f *fields) f64() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(f.take(8)))
}

// wide is a string of UTF-16 behind its length; "" when it is null.
func (f *fields) wide() string {
	n := f.u32()
	if n == math.MaxUint32 || int64(n)*2 > int64(len(f.b)) {
		return ""
	}
	raw := f.take(int(n) * 2)
	units := make([]uint16, n)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}

func (b *book) workbookRecord(kind int, f *fields) {
	switch kind {
	case brtWbProp:
		b.old = f.u32()&1 != 0
	case brtBundleSh:
		state := map[uint32]string{bundleHidden: "hidden", bundleVeryHidden: "veryHidden"}[f.u32()]
		f.u32()
		id := f.wide()
		if len(b.sheets) < maxSheets {
			b.sheets = append(b.sheets, sheet{name: f.wide(), id: id, state: state})
		}
	case brtName:
		f.take(9) // flags, key, sheet
		if name := f.wide(); strings.HasPrefix(strings.ToLower(strings.TrimPrefix(name, "_xlnm.")), "auto_") {
			b.d.book.Add(remark.Auto, name)
		}
	}
}

func (b *book) binaryStyles(p *zipped.Part) {
	codes := map[int]string{}
	inside := false
	b.d.records(p, func(kind int, f *fields) {
		switch kind {
		case brtFmt:
			if id := f.u16(); len(codes) < maxFormats {
				codes[id] = f.wide()
			}
		case brtBeginCellXFs, brtEndCellXFs:
			inside = kind == brtBeginCellXFs
		case brtXF:
			f.u16()
			if id := f.u16(); inside && len(b.dates) < maxFormats {
				b.dates = append(b.dates, cell.IsDate(id, codes[id]))
			}
		}
	})
}

func (b *book) binarySheet(p *zipped.Part, name string) {
	b.lines.Sheet(name)
	row := 0
	b.d.records(p, func(kind int, f *fields) {
		switch {
		case kind == brtRowHdr:
			row = int(f.u32() & 0xffffff)
		case kind == brtHLink:
			b.binaryLink(p.Name, f)
		case b.full():
		case kind >= brtCellRk && kind <= brtFmlaError, kind == brtCellRString:
			col := int(f.u32() & 0xffffff)
			style := int(f.u32() & 0xffffff)
			b.lines.Cell(row, col, b.cellValue(kind, style, f))
		}
	})
	b.d.t.Text.Break()
}

// cellValue reads the value of a cell record (MS-XLSB 2.4, the records named
// above).
func (b *book) cellValue(kind, style int, f *fields) string {
	switch kind {
	case brtCellRk:
		return cell.Number(cell.RK(f.u32()), b.isDate(style), b.old)
	case brtCellReal, brtFmlaNum:
		return cell.Number(f.f64(), b.isDate(style), b.old)
	case brtCellBool, brtFmlaBool:
		return strings.ToUpper(strconv.FormatBool(f.take(1)[0] != 0))
	case brtCellSt, brtFmlaString:
		return f.wide()
	case brtCellRString:
		f.take(1)
		return f.wide()
	case brtCellIsst:
		return b.shared.at(int(f.u32()))
	}
	return ""
}

// binaryLink reads a BrtHLink: a range, then the relationship, the place in the
// target, the tip and what is displayed.
func (b *book) binaryLink(part string, f *fields) {
	row := int(f.u32() & 0xffffff)
	f.u32()
	col := int(f.u32() & 0xffffff)
	f.u32()
	r := b.d.rel(part, f.wide())
	if r == nil || !r.external {
		return
	}
	f.wide()
	f.wide()
	shown := f.wide()
	if shown == "" {
		shown = b.lines.Shown(row, col)
	}
	r.told = true
	b.d.book.Link(b.d.t, r.target, shown)
}

// externalRecord finds DDE links.
func (b *book) externalRecord(kind int, f *fields) {
	if kind != brtBeginSupBook {
		return
	}
	if f.u16() == supDDE {
		server := f.wide()
		b.d.book.Add(remark.Dde, server+"|"+f.wide())
	}
}
