package rar

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

var (
	signature4 = []byte("Rar!\x1a\x07\x00")
	signature5 = []byte("Rar!\x1a\x07\x01\x00")
)

const (
	maxStub    = 1 << 20 // bytes of a program before an archive
	maxHeader  = 64 << 10
	maxHeaders = 100_000
	maxComment = 64 << 10
	maxPower   = 24
)

// Types of headers in generation 5 and what is looked at in them.
const (
	type5Main    = 1
	type5File    = 2
	type5Service = 3
	type5Locked  = 4
	type5End     = 5

	flag5Extra = 1
	flag5Data  = 2

	record5Locked = 1 // of the extra area of a file
)

// lock is how a key is made of a password in generation 5.
type lock struct {
	power byte
	salt  string
}

// facts are what headers tell before anything is unpacked.
type facts struct {
	generation int
	names      bool // headers are encrypted
	volume     bool // one of several
	solid      bool // files are packed as one; also when that is not legible
	locks      []lock
	checked    bool // every lock has a value to check passwords by
	comment    string
}

// find returns where an archive begins, and its generation; 0 when there is none.
func find(r io.ReaderAt, size int64) (at int64, generation int) {
	head := make([]byte, min(size, maxStub))
	n, _ := r.ReadAt(head, 0)
	head = head[:n]
	at5, at4 := bytes.Index(head, signature5), bytes.Index(head, signature4)
	switch {
	case at5 >= 0 && (at4 < 0 || at5 < at4):
		return int64(at5), 5
	case at4 >= 0:
		return int64(at4), 4
	}
	return 0, 0
}

// survey walks over the headers, as far as they are legible.
func survey(r io.ReaderAt, size int64) facts {
	at, generation := find(r, size)
	f := facts{generation: generation, checked: true}
	switch generation {
	case 5:
		f.walk5(r, at+int64(len(signature5)))
	case 4:
		f.walk4(r, at+int64(len(signature4)))
	}
	return f
}

// walk4 looks at the main header and the first file (technote, RAR 4).
func (f *facts) walk4(r io.ReaderAt, at int64) {
	for range maxHeaders {
		var h [11]byte
		n, _ := r.ReadAt(h[:], at)
		if n < 7 {
			return
		}
		flags, size := binary.LittleEndian.Uint16(h[3:]), int64(binary.LittleEndian.Uint16(h[5:]))
		switch h[2] {
		case 0x73:
			f.volume, f.names = flags&1 != 0, flags&0x80 != 0
			f.solid = flags&8 != 0 || f.names
		case 0x74:
			if flags&4 != 0 {
				f.locks = []lock{{}}
			}
		}
		if h[2] == 0x74 || flags&0x8000 != 0 {
			size += int64(binary.LittleEndian.Uint32(h[7:]))
		}
		if f.names || len(f.locks) > 0 || size < 7 {
			return
		}
		at += size
	}
}

func (f *facts) walk5(r io.ReaderAt, at int64) {
	for range maxHeaders {
		head := make([]byte, 16)
		n, _ := r.ReadAt(head, at)
		if n < 7 {
			return
		}
		size, k := binary.Uvarint(head[4:n])
		if k <= 0 || size == 0 || size > maxHeader {
			return
		}
		body := make([]byte, size)
		start := at + 4 + int64(k)
		if n, _ := r.ReadAt(body, start); uint64(n) < size {
			return
		}
		data, more := f.header5(body, r, start+int64(size))
		if !more || data > 1<<60 {
			return
		}
		at = start + int64(size) + int64(data)
	}
}

// vints reads numbers of seven bits to a byte; bad is sticky.
type vints struct {
	b   []byte
	bad bool
}

func (v *vints) next() uint64 {
	n, k := binary.Uvarint(v.b)
	if k <= 0 {
		v.bad, v.b = true, nil
		return 0
	}
	v.b = v.b[k:]
	return n
}

func (v *vints) take(n uint64) []byte {
	if n > uint64(len(v.b)) {
		v.bad, n = true, uint64(len(v.b))
	}
	b := v.b[:n]
	v.b = v.b[n:]
	return b
}

// header5 reads one header and returns how much data follows it, and whether
// another legible header follows that.
func (f *facts) header5(body []byte, r io.ReaderAt, after int64) (data uint64, more bool) {
	v := &vints{b: body}
	kind, flags := v.next(), v.next()
	var extra uint64
	if flags&flag5Extra != 0 {
		extra = v.next()
	}
	if flags&flag5Data != 0 {
		data = v.next()
	}
	switch kind {
	case type5Main:
		flags := v.next()
		f.volume, f.solid = flags&1 != 0, flags&4 != 0
	case type5Locked:
		f.names, f.solid = true, true
		v.next()
		f.lock(v, v.next())
		return 0, false
	case type5File, type5Service:
		if extra <= uint64(len(body)) {
			f.records(&vints{b: body[uint64(len(body))-extra:]})
		}
		if kind == type5Service {
			f.service(v, data, r, after)
		}
	}
	return data, !v.bad && kind != type5End
}

// lock reads how a key is made: flags, power, salt.
func (f *facts) lock(v *vints, flags uint64) {
	power, salt := v.take(1), v.take(16)
	if v.bad {
		return
	}
	f.checked = f.checked && flags&1 != 0
	l := lock{power[0], string(salt)}
	for _, known := range f.locks {
		if known == l {
			return
		}
	}
	f.locks = append(f.locks, l)
}

// records looks for that of encryption in the extra area of a file.
func (f *facts) records(v *vints) {
	for !v.bad && len(v.b) > 0 {
		size := v.next()
		rec := &vints{b: v.take(size)}
		if !v.bad && rec.next() == record5Locked {
			rec.next()
			f.lock(rec, rec.next())
		}
	}
}

// service keeps the comment of an archive when it is not compressed.
func (f *facts) service(v *vints, data uint64, r io.ReaderAt, after int64) {
	flags, size := v.next(), v.next()
	v.next()
	if flags&2 != 0 {
		v.take(4)
	}
	if flags&4 != 0 {
		v.take(4)
	}
	method, _ := v.next()>>7&7, v.next()
	name := v.take(v.next())
	if v.bad || string(name) != "CMT" || method != 0 || data > maxComment || size > data {
		return
	}
	b := make([]byte, size)
	n, _ := r.ReadAt(b, after)
	f.comment = string(bytes.TrimRight(b[:n], "\x00"))
}

// units is the price of one password: 2^15 rounds of generation 5 are about 10
// milliseconds, and generation 4 has always 2^18 of another kind.
func (f *facts) units() (int64, error) {
	if f.generation == 4 {
		return 3000, nil
	}
	var units int64
	for _, l := range f.locks {
		if l.power > maxPower {
			return 0, task.Troublef(engine.DefectPasswordWork, "trying a password takes 2^%d rounds, more than 2^%d are not done", l.power, maxPower)
		}
		units += 1 + int64(1)<<l.power/20
	}
	if most := int64(1) << maxPower / 20; units > most {
		return 0, task.Troublef(engine.DefectPasswordWork, "one password costs %d units, more than %d are not spent on it", units, most)
	}
	return units, nil
}
