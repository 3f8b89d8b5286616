package main

import (
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// document is a file as UTF-8.
type document struct {
	text   string
	skip   int   // bytes of a byte order mark before it
	places []int // of each byte of text, in the file, when that is UTF-16; and of the end
}

// place tells where a byte of the text stands in the file.
func (d *document) place(i int) int {
	if d.places != nil {
		return d.places[i]
	}
	return d.skip + i
}

// decode reads UTF-16 when a byte order mark says so, and else takes the file to be
// UTF-8, or something of which only ASCII matters.
func decode(file []byte) document {
	switch {
	case len(file) >= 2 && file[0] == 0xff && file[1] == 0xfe:
		return decode16(file, 0, 1)
	case len(file) >= 2 && file[0] == 0xfe && file[1] == 0xff:
		return decode16(file, 1, 0)
	case len(file) >= 3 && string(file[:3]) == "\ufeff":
		return document{text: asText(file[3:]), skip: 3}
	}
	return document{text: asText(file)}
}

func asText(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// decode16 reads UTF-16 whose pairs of bytes have the low byte at low.
func decode16(file []byte, low, high int) document {
	unit := func(i int) rune { return rune(file[i+low]) | rune(file[i+high])<<8 }
	text := make([]byte, 0, len(file)/2)
	places := make([]int, 0, len(file)/2+1)
	for i := 2; i+1 < len(file); {
		r, size := unit(i), 2
		if utf16.IsSurrogate(r) && i+3 < len(file) {
			if pair := utf16.DecodeRune(r, unit(i+2)); pair != utf8.RuneError {
				r, size = pair, 4
			}
		}
		text = utf8.AppendRune(text, r)
		for len(places) < len(text) {
			places = append(places, i)
		}
		i += size
	}
	return document{text: asText(text), places: append(places, len(file)&^1)}
}
