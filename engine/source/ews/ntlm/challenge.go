package ntlm

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// Names of the pairs by which a server describes itself (MS-NLMP 2.2.2.1).
const (
	avEnd             = 0
	AvServer          = 1 // its name in NetBIOS
	AvDomain          = 2 // that of its domain
	AvDNSServer       = 3
	AvDNSDomain       = 4
	AvFlags           = 6
	AvTimestamp       = 7
	AvTargetName      = 9
	AvChannelBindings = 10

	avFlagMIC = 2
)

// Pair is one of them. Names are in UTF-16, little end first.
type Pair struct {
	ID    uint16
	Value []byte
}

// Text is the value as a name.
func (p Pair) Text() string {
	var units []uint16
	for b := p.Value; len(b) > 1; b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	return string(utf16.Decode(units))
}

// Challenge is what a server asks.
type Challenge struct {
	Flags  uint32
	Server [8]byte // its challenge
	Info   []Pair  // how it describes itself, without the end
}

// timestamp is the server's time as it was sent; nil when it was not.
func (c Challenge) timestamp() []byte {
	for _, p := range c.Info {
		if p.ID == AvTimestamp && len(p.Value) == 8 {
			return p.Value
		}
	}
	return nil
}

// ParseChallenge reads a CHALLENGE (MS-NLMP 2.2.1.2). What it returns refers to
// b. The error wraps ErrChallenge.
func ParseChallenge(b []byte) (Challenge, error) {
	var c Challenge
	switch {
	case len(b) < 32 || string(b[:8]) != signature || binary.LittleEndian.Uint32(b[8:]) != 2:
		return c, fmt.Errorf("%w: it is none", ErrChallenge)
	case len(b) > maxChallenge:
		return c, fmt.Errorf("%w: it has %d bytes", ErrChallenge, len(b))
	}
	c.Flags = binary.LittleEndian.Uint32(b[20:])
	copy(c.Server[:], b[24:32])
	if c.Flags&flagUnicode == 0 {
		return c, fmt.Errorf("%w: the server does not speak Unicode", ErrChallenge)
	}
	if len(b) < 48 {
		return c, nil // as before Windows NT 4 SP 4
	}
	size, at := int(binary.LittleEndian.Uint16(b[40:])), int64(binary.LittleEndian.Uint32(b[44:]))
	if size == 0 {
		return c, nil
	}
	if at+int64(size) > int64(len(b)) {
		return c, fmt.Errorf("%w: its description lies outside of it", ErrChallenge)
	}
	var err error
	c.Info, err = parsePairs(b[at : at+int64(size)])
	return c, err
}

func parsePairs(b []byte) (pairs []Pair, _ error) {
	for len(b) >= 4 {
		id, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if id == avEnd {
			return pairs, nil
		}
		if size > len(b)-4 {
			break
		}
		pairs = append(pairs, Pair{id, b[4 : 4+size]})
		b = b[4+size:]
	}
	return nil, fmt.Errorf("%w: its description ends early", ErrChallenge)
}

func appendPairs(b []byte, pairs []Pair) []byte {
	for _, p := range append(pairs, Pair{ID: avEnd}) {
		b = binary.LittleEndian.AppendUint16(b, p.ID)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(p.Value)))
		b = append(b, p.Value...)
	}
	return b
}
