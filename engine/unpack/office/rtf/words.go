package rtf

import (
	"io"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
)

// characters are words that stand for one.
var characters = map[string]rune{
	"par": '\n', "line": '\n', "sect": '\n', "page": '\n', "row": '\n', "nestrow": '\n', "column": '\n', "softline": '\n',
	"cell": '\t', "nestcell": '\t', "tab": '\t',
	"emdash": '\u2014', "endash": '\u2013', "emspace": '\u2003', "enspace": '\u2002', "qmspace": '\u2005', "bullet": '\u2022',
	"lquote": '\u2018', "rquote": '\u2019', "ldblquote": '\u201c', "rdblquote": '\u201d',
}

// destinations are words that say what becomes of the text of their group. What
// is not among them and has a star is left out with its group.
var destinations = map[string]target{
	"fonttbl": toFonts, "objdata": toHex, "pict": toHex,
	"fldinst": toCode, "fldrslt": toShown,
	"objclass": toShort, "template": toShort, "hlsrc": toShort, "hlinkbase": toShort, "title": toShort, "subject": toShort, "author": toShort,
	"operator": toShort, "company": toShort, "manager": toShort, "category": toShort, "keywords": toShort, "doccomm": toShort, "generator": toShort,
	"header": toText, "headerl": toText, "headerr": toText, "headerf": toText, "footer": toText, "footerl": toText, "footerr": toText, "footerf": toText,
	"footnote": toText, "annotation": toText, "shptxt": toText, "result": toText,
	"colortbl": toNothing, "stylesheet": toNothing, "listtable": toNothing, "listoverridetable": toNothing, "revtbl": toNothing, "rsidtbl": toNothing,
	"info": toNothing, "filetbl": toNothing, "sn": toNothing, "sv": toNothing, "objname": toNothing, "atnid": toNothing, "atnauthor": toNothing,
	"xe": toNothing, "tc": toNothing, "bkmkstart": toNothing, "bkmkend": toNothing, "datafield": toNothing, "objalias": toNothing, "objsect": toNothing,
	"nonshppict": toNothing, "themedata": toNothing, "colorschememapping": toNothing, "datastore": toNothing, "latentstyles": toNothing,
	"atntime": toNothing, "atnref": toNothing, "atnparent": toNothing, "atrfstart": toNothing, "atrfend": toNothing, "ud": toNothing,
}

// carriers are starred groups that hold text or more groups.
var carriers = map[string]bool{
	"shpinst": true, "shppict": true, "hl": true, "background": true, "nesttableprops": true, "do": true, "dptxbxtext": true, "ftnsep": true, "sp": true,
}

// word acts on a control word.
func (p *parser) word(name string, value int, has bool) error {
	g := p.top()
	star := g.star
	g.star = false
	if to, known := destinations[name]; known {
		p.destination(name, to)
		return nil
	}
	if r, known := characters[name]; known {
		if g.to != toHex && g.to != toNothing {
			p.rune(r)
		}
		return nil
	}
	if p.state(name, value, has) {
		return nil
	}
	switch {
	case name == "bin":
		return p.binary(value)
	case name == "field":
		p.flush()
		if len(p.fields) < maxObjects {
			p.fields = append(p.fields, &fieldText{})
			g.inField = true
		}
	case star && !carriers[name] && p.beyond == 0:
		p.flush()
		g.to = toNothing
	}
	return nil
}

// destination begins one. Beyond maxDepth there is no group to hold it; inside of
// what is left out only what can hold an attack counts.
func (p *parser) destination(name string, to target) {
	p.flush()
	g := p.top()
	if p.beyond > 0 {
		return
	}
	inInfo := g.to == toNothing && to == toShort
	if g.to == toNothing && !inInfo && to != toHex && to != toCode && to != toShown {
		return
	}
	if g.to == toHex && to == toNothing {
		g.to = toNothing
		return
	}
	switch to {
	case toShort:
		p.short.Reset()
	case toHex:
		p.hex, p.nibble = p.hex[:0], -1
	case toText:
		p.t.Text.Break()
	}
	g.to, g.name, g.owner = to, name, true
}

// state is a table: words that change the state. It is false for others.
func (p *parser) state(name string, value int, has bool) bool {
	g := p.top()
	on := !has || value != 0
	switch name {
	case "u":
		p.unicode(value)
	case "uc":
		g.skipChars = min(max(value, 0), 255)
	case "f":
		p.flush()
		if g.font = value; g.to == toFonts {
			p.font = value
		}
	case "fcharset":
		if page := pageOfCharset(value); page != 0 && len(p.fonts) < maxFonts {
			p.fonts[p.font] = page
		}
	case "cpg":
		if g.to == toFonts && len(p.fonts) < maxFonts {
			p.fonts[p.font] = value
		}
	case "plain":
		p.flush()
		g.font, g.hidden, g.deleted = -1, false, false
	case "ansicpg":
		p.page = value
	case "mac":
		p.page = 10000
	case "pc":
		p.page = 437
	case "pca":
		p.page = 850
	case "v":
		p.flush()
		g.hidden = on
	case "deleted":
		p.flush()
		g.deleted = on
	case "pngblip":
		p.blip = "png"
	case "jpegblip":
		p.blip = "jpg"
	case "objupdate":
		p.book.Add("object_update", "true")
	case "objautlink", "objlink":
		p.book.Add(remark.Class, "linked object")
	default:
		return false
	}
	return true
}

// pageOfCharset is the code page of a Windows character set; 0 for the default
// and for symbols.
func pageOfCharset(n int) int {
	return map[int]int{
		77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256,
		186: 1257, 204: 1251, 222: 874, 238: 1250, 254: 437, 255: 850,
	}[n]
}

// binary is raw data of a given length, whatever it looks like.
func (p *parser) binary(n int) error {
	if n <= 0 {
		return nil
	}
	if p.top().to == toHex && p.beyond == 0 {
		room := int64(maxHex - len(p.hex))
		chunk, err := io.ReadAll(io.LimitReader(p.in, min(int64(n), room)))
		p.hex = append(p.hex, chunk...)
		if err != nil {
			return err
		}
		n -= len(chunk)
		p.nibble = -1
	}
	_, err := p.in.Discard(n)
	return err
}
