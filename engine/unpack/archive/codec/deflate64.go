package codec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errDeflate64 is a stream that no writer makes.
var errDeflate64 = errors.New("deflate64: corrupt stream")

const window64 = 64 << 10

// Deflate64 is the "enhanced deflating" of ZIP method 9: as RFC 1951, with a
// window of 64 KiB, two more distances, and a longest match of 65,538 bytes.
func Deflate64(r io.Reader) io.Reader {
	return &inflater{r: bufio.NewReader(r), window: make([]byte, window64)}
}

// inflater is a state machine: state says what comes next of the input.
type inflater struct {
	r      *bufio.Reader
	bits   uint32
	held   uint
	window []byte
	at     int   // where the next byte goes in window
	total  int64 // bytes that came out
	state  inflating
	final  bool
	left   int // of a stored block, or of a match
	dist   int
	lit    *prefixCode
	off    *prefixCode
	err    error
}

type inflating uint8

const (
	inHeader inflating = iota
	inStored
	inCodes
	inMatch
)

func (f *inflater) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && f.err == nil {
		switch f.state {
		case inHeader:
			f.err = f.header()
		case inStored:
			n += f.stored(p[n:])
		case inCodes:
			n += f.codes(p[n:])
		case inMatch:
			n += f.match(p[n:])
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, f.err
}

// take returns n bits, at most 16, the low ones first.
func (f *inflater) take(n uint) (int, error) {
	for f.held < n {
		b, err := f.r.ReadByte()
		if err != nil {
			return 0, ended(err)
		}
		f.bits |= uint32(b) << f.held
		f.held += 8
	}
	v := f.bits & (1<<n - 1)
	f.bits >>= n
	f.held -= n
	return int(v), nil
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("deflate64: %w", err)
}

// header begins a block.
func (f *inflater) header() error {
	if f.final {
		return io.EOF
	}
	h, err := f.take(3)
	if err != nil {
		return err
	}
	f.final = h&1 != 0
	switch h >> 1 {
	case 0:
		return f.beginStored()
	case 1:
		f.lit, f.off, f.state = fixedLiterals, fixedDistances, inCodes
		return nil
	case 2:
		return f.beginDynamic()
	}
	return errDeflate64
}

func (f *inflater) beginStored() error {
	f.bits, f.held = f.bits>>(f.held%8), f.held-f.held%8
	n, err := f.take(16)
	if err != nil {
		return err
	}
	not, err := f.take(16)
	if err != nil {
		return err
	}
	if n != ^not&0xffff {
		return errDeflate64
	}
	f.left, f.state = n, inStored
	return nil
}

func (f *inflater) stored(p []byte) int {
	n := 0
	for ; n < len(p) && f.left > 0; n++ {
		b, err := f.take(8)
		if err != nil {
			f.err = err
			return n
		}
		f.left--
		p[n] = f.put(byte(b))
	}
	if f.left == 0 {
		f.state = inHeader
	}
	return n
}

// codeOrder is how the lengths of the code of lengths stand (RFC 1951, 3.2.7).
var codeOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (f *inflater) beginDynamic() error {
	counts, err := f.take(14)
	if err != nil {
		return err
	}
	literals, distances, codes := counts&31+257, counts>>5&31+1, counts>>10+4
	var lengths [19]byte
	for i := range codes {
		n, err := f.take(3)
		if err != nil {
			return err
		}
		lengths[codeOrder[i]] = byte(n)
	}
	code, err := newPrefixCode(lengths[:])
	if err != nil {
		return err
	}
	all := make([]byte, literals+distances)
	if err := f.lengths(code, all); err != nil {
		return err
	}
	if all[256] == 0 {
		return errDeflate64
	}
	if f.lit, err = newPrefixCode(all[:literals]); err != nil {
		return err
	}
	f.off, err = newPrefixCode(all[literals:])
	f.state = inCodes
	return err
}

// lengths reads the lengths of codes, which are run-length coded.
func (f *inflater) lengths(code *prefixCode, all []byte) error {
	for i := 0; i < len(all); {
		sym, err := f.symbol(code)
		if err != nil {
			return err
		}
		if sym < 16 {
			all[i] = byte(sym)
			i++
			continue
		}
		run := [...]struct {
			bits uint
			base int
		}{{2, 3}, {3, 3}, {7, 11}}[sym-16]
		n, err := f.take(run.bits)
		if err != nil {
			return err
		}
		if n += run.base; i+n > len(all) || sym == 16 && i == 0 {
			return errDeflate64
		}
		for ; n > 0; n-- {
			if sym == 16 {
				all[i] = all[i-1]
			}
			i++
		}
	}
	return nil
}

// Lengths and distances of matches: base and extra bits.
var (
	matchBase  = [29]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 3}
	matchExtra = [29]uint{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 16}
	distBase   = [32]int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577, 32769, 49153}
	distExtra  = [32]uint{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14}
)

// codes decodes literals up to the next match, the end of the block or of p.
func (f *inflater) codes(p []byte) int {
	for n := 0; ; n++ {
		if n == len(p) {
			return n
		}
		sym, err := f.symbol(f.lit)
		switch {
		case err != nil:
			f.err = err
		case sym < 256:
			p[n] = f.put(byte(sym))
			continue
		case sym == 256:
			f.state = inHeader
		default:
			f.err = f.beginMatch(sym - 257)
		}
		return n
	}
}

func (f *inflater) beginMatch(sym int) error {
	if sym >= len(matchBase) {
		return errDeflate64
	}
	more, err := f.take(matchExtra[sym])
	if err != nil {
		return err
	}
	f.left = matchBase[sym] + more
	if sym, err = f.symbol(f.off); err != nil {
		return err
	}
	if more, err = f.take(distExtra[sym]); err != nil {
		return err
	}
	if f.dist = distBase[sym] + more; int64(f.dist) > f.total {
		return errDeflate64
	}
	f.state = inMatch
	return nil
}

func (f *inflater) match(p []byte) int {
	n := min(len(p), f.left)
	for i := range n {
		p[i] = f.put(f.window[(f.at-f.dist)&(window64-1)])
	}
	if f.left -= n; f.left == 0 {
		f.state = inCodes
	}
	return n
}

func (f *inflater) put(b byte) byte {
	f.window[f.at] = b
	f.at = (f.at + 1) & (window64 - 1)
	f.total++
	return b
}

// quick is the length of codes that are looked up at once.
const quick = 9

// prefixCode is a canonical Huffman code. Codes of at most quick bits stand in
// table, the others are walked to bit by bit.
type prefixCode struct {
	table   [1 << quick]uint16 // symbol<<4 | length; 0: longer
	count   [16]int
	symbols []int // by code
}

var fixedLiterals, fixedDistances = fixedCodes()

func fixedCodes() (lit, dist *prefixCode) {
	lengths := make([]byte, 288)
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	lit, _ = newPrefixCode(lengths)
	dist, _ = newPrefixCode([]byte{5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5})
	return lit, dist
}

// newPrefixCode makes the code of lengths; one with more codes than fit is
// refused, and one with fewer fails where it is used.
func newPrefixCode(lengths []byte) (*prefixCode, error) {
	c := &prefixCode{}
	for _, n := range lengths {
		c.count[n]++
	}
	c.count[0] = 0
	free := 1
	var next, first [16]int
	index := 0
	for n := 1; n < 16; n++ {
		if free = free<<1 - c.count[n]; free < 0 {
			return nil, errDeflate64
		}
		next[n] = (next[n-1] + c.count[n-1]) << 1
		first[n] = index
		index += c.count[n]
	}
	c.symbols = make([]int, index)
	for sym, n := range lengths {
		if n == 0 {
			continue
		}
		c.symbols[first[n]] = sym
		first[n]++
		c.enter(next[n], int(n), sym)
		next[n]++
	}
	return c, nil
}

// enter puts a short code into the table, whose index begins with its last bit.
func (c *prefixCode) enter(code, n, sym int) {
	if n > quick {
		return
	}
	reversed := 0
	for i := range n {
		reversed |= code >> i & 1 << (n - 1 - i)
	}
	for i := reversed; i < len(c.table); i += 1 << n {
		c.table[i] = uint16(sym<<4 | n)
	}
}

func (f *inflater) symbol(c *prefixCode) (int, error) {
	for f.held < quick {
		b, err := f.r.ReadByte()
		if err != nil {
			break // the last code may be shorter
		}
		f.bits |= uint32(b) << f.held
		f.held += 8
	}
	if e := c.table[f.bits&(1<<quick-1)]; e != 0 && uint(e&15) <= f.held {
		f.bits >>= e & 15
		f.held -= uint(e & 15)
		return int(e >> 4), nil
	}
	return f.walk(c)
}

func (f *inflater) walk(c *prefixCode) (int, error) {
	code, first, index := 0, 0, 0
	for n := 1; n < 16; n++ {
		bit, err := f.take(1)
		if err != nil {
			return 0, err
		}
		code |= bit
		if count := c.count[n]; code-count < first {
			return c.symbols[index+code-first], nil
		}
		index += c.count[n]
		first = (first + c.count[n]) << 1
		code <<= 1
	}
	return 0, errDeflate64
}
