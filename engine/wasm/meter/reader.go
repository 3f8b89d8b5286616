package meter

import (
	"fmt"
	"unicode/utf8"
)

// reader reads the numbers and names of section 5.2 from a part of a file. After
// an error every read gives zero and the reader is at its end, so callers check
// err where they loop or decide, and need not elsewhere.
type reader struct {
	data []byte // of the file, up to the end of the part
	pos  int
	err  *Error
}

func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Offset: at, Reason: fmt.Sprintf(format, args...)}
	}
	r.pos = len(r.data)
}

// more reports whether there is something left to read.
func (r *reader) more() bool { return r.err == nil && r.pos < len(r.data) }

func (r *reader) byte() byte {
	if r.pos >= len(r.data) {
		r.fail(r.pos, "the file ends too soon")
		return 0
	}
	b := r.data[r.pos]
	r.pos++
	return b
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.data)-r.pos {
		r.fail(r.pos, "the file ends too soon")
		return nil
	}
	r.pos += n
	return r.data[r.pos-n : r.pos]
}

// u32 reads an unsigned number of at most five bytes (5.2.2).
func (r *reader) u32() uint32 {
	if r.pos < len(r.data) && r.data[r.pos] < 0x80 {
		r.pos++
		return uint32(r.data[r.pos-1])
	}
	return uint32(r.long(32, false))
}

// signed reads a signed number of a width in bits (5.2.2).
func (r *reader) signed(bits int) int64 { return r.long(bits, true) }

// long reads a number of at most bits/7 bytes, rounded up. The bits that the last
// byte has beyond the width must repeat the sign, or be zero without one.
func (r *reader) long(bits int, signed bool) int64 {
	at := r.pos
	value := int64(0)
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte()
		value |= int64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		if signed && b&0x40 != 0 && shift+7 < 64 {
			value |= -1 << (shift + 7)
		}
		if shift+7 > bits && !fits(int8(b<<1)>>1, bits-shift, signed) {
			break
		}
		return value
	}
	r.fail(at, "a number is longer than %d bits", bits)
	return 0
}

// fits reports whether the last byte of a number, widened from its seven bits,
// says no more than the bits that are left for it.
func fits(last int8, left int, signed bool) bool {
	if signed {
		rest := last >> (left - 1)
		return rest == 0 || rest == -1
	}
	return uint8(last)&0x7f>>left == 0
}

// name reads a length and as many bytes of UTF-8 (5.2.4).
func (r *reader) name() string {
	at := r.pos
	b := r.bytes(r.length())
	if !utf8.Valid(b) {
		r.fail(at, "a name is not UTF-8")
	}
	return string(b)
}

// length reads the length of something that stands next, in bytes.
func (r *reader) length() int {
	at := r.pos
	n := r.u32()
	if uint64(n) > uint64(len(r.data)-r.pos) {
		r.fail(at, "the next %s bytes reach beyond the end", grouped(uint64(n)))
		return 0
	}
	return int(n)
}

// count reads the length of a vector that may have up to most entries.
func (r *reader) count(most int, what string) int {
	at := r.pos
	n := r.u32()
	if uint64(n) > uint64(most) {
		r.tooMany(at, "the module has", uint64(n), what, most)
		return 0
	}
	return int(n)
}

func (r *reader) tooMany(at int, who string, n uint64, what string, most int) {
	r.fail(at, "%s %s %s; %s are allowed", who, grouped(n), what, grouped(uint64(most)))
}

// index reads an index that must be below n.
func (r *reader) index(n int, what string) uint32 {
	at := r.pos
	i := r.u32()
	if uint64(i) >= uint64(n) {
		r.fail(at, "there is no %s %s", what, grouped(uint64(i)))
		return 0
	}
	return i
}

// within says in which part of the module an error is.
func (r *reader) within(what string) {
	if r.err != nil {
		r.err.Reason = what + ": " + r.err.Reason
	}
}
