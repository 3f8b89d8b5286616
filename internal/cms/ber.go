package cms

// Tags as they stand in the first byte.
const (
	tagOctets   = 0x04
	tagOID      = 0x06
	tagSequence = 0x30
	explicit0   = 0xa0

	constructed = 0x20
)

// maxNesting is how deep elements stand inside each other.
const maxNesting = 24

// element is one value in BER (X.690).
type element struct {
	tag       byte
	body, raw []byte // body is without the end mark of an indefinite length
}

// next reads one element. Tags above 30 are none that CMS has.
func next(b []byte, depth int) (e element, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f || depth > maxNesting {
		return e, nil, false
	}
	e.tag = b[0]
	if b[1] == 0x80 {
		return indefinite(b, depth)
	}
	n, size, ok := length(b[1:])
	if !ok || n > len(b)-1-size {
		return e, nil, false
	}
	head := 1 + size
	e.body, e.raw = b[head:head+n], b[:head+n]
	return e, b[head+n:], true
}

// length reads a definite length and tells how many bytes it took.
func length(b []byte) (n, size int, ok bool) {
	if b[0] < 0x80 {
		return int(b[0]), 1, true
	}
	size = int(b[0]&0x7f) + 1
	if size > 5 || size > len(b) {
		return 0, 0, false
	}
	for _, c := range b[1:size] {
		n = n<<8 | int(c)
	}
	return n, size, n >= 0
}

// indefinite reads an element that ends with two zero bytes.
func indefinite(b []byte, depth int) (e element, rest []byte, ok bool) {
	if b[0]&constructed == 0 {
		return e, nil, false
	}
	at := 2
	for {
		if len(b)-at < 2 {
			return e, nil, false
		}
		if b[at] == 0 && b[at+1] == 0 {
			return element{b[0], b[2:at], b[:at+2]}, b[at+2:], true
		}
		_, after, ok := next(b[at:], depth+1)
		if !ok {
			return e, nil, false
		}
		at = len(b) - len(after)
	}
}

// children reads the elements of a value; there must be at least n.
func children(b []byte, n int) (all []element, ok bool) {
	for len(b) > 0 && len(all) < 16 {
		e, rest, ok := next(b, 0)
		if !ok {
			break
		}
		all, b = append(all, e), rest
	}
	return all, len(all) >= n
}

// octets is the value of a string, in one piece or in several.
func octets(e element, depth int) []byte {
	if e.tag == tagOctets {
		return e.body
	}
	if e.tag != tagOctets|constructed || depth > maxNesting {
		return nil
	}
	var all []byte
	for b := e.body; len(b) > 0; {
		piece, rest, ok := next(b, 0)
		if !ok {
			break
		}
		all, b = append(all, octets(piece, depth+1)...), rest
	}
	return all
}
