// Package ntlm is the client's side of NTLMv2 (MS-NLMP): what it says first
// (NEGOTIATE), how it reads the server's CHALLENGE, and the AUTHENTICATE message
// that answers it, with a MIC, the binding to the TLS channel (RFC 5929) and the
// name of the service where the server can check them. It knows nothing of HTTP.
//
// The older responses (LM, NTLMv1) are never sent, whatever a server asks for.
// No message of this package holds a password, and no error does.
package ntlm

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	//lint:ignore SA1019 MS-NLMP 3.3.2: the key of a password is its MD4
	"golang.org/x/crypto/md4"
)

// Flags of NEGOTIATE, CHALLENGE and AUTHENTICATE (MS-NLMP 2.2.2.5).
const (
	flagUnicode    = 0x00000001
	flagTarget     = 0x00000004
	flagSign       = 0x00000010
	flagNTLM       = 0x00000200
	flagAlwaysSign = 0x00008000
	flagExtended   = 0x00080000
	flagTargetInfo = 0x00800000
	flagVersion    = 0x02000000
	flag128        = 0x20000000
	flagKeyExch    = 0x40000000
	flag56         = 0x80000000

	asked = flagUnicode | flagTarget | flagNTLM | flagAlwaysSign | flagExtended | flagVersion | flag128 | flag56
)

const (
	signature    = "NTLMSSP\x00"
	maxChallenge = 16 << 10 // bytes; real ones have some hundred. A response to it fits its 16-bit length
	maxNames     = 8 << 10  // bytes of user, domain and service
	headSize     = 88       // of AUTHENTICATE, with version and MIC
	micAt        = 72
)

// ErrChallenge marks a CHALLENGE that cannot be read or answered.
var ErrChallenge = errors.New("the NTLM challenge cannot be answered")

// version is that of Windows 10 and revision 15 of NTLMSSP; servers only log it.
var version = []byte{10, 0, 0x63, 0x45, 0, 0, 0, 15}

// Negotiate is the first message. It names neither user nor machine.
func Negotiate() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(signature), 1)
	b = binary.LittleEndian.AppendUint32(b, asked)
	b = append(b, make([]byte, 16)...) // no domain, no workstation
	return append(b, version...)
}

// Login is who logs in, and to what.
type Login struct {
	User     string // DOMAIN\user, user@domain, or user alone
	Password string
	Target   string // the service, "HTTP/mail.example"; "" says nothing about it
	Binding  []byte // to the TLS channel, as made by Binding; nil without TLS

	Random io.Reader        // nil: the system's
	Now    func() time.Time // nil: the system's; only where the server tells no time
}

// Names splits the user as Windows does: what stands before a backslash is the
// domain; an address is a user of no domain.
func (l Login) Names() (user, domain string) {
	if domain, user, found := strings.Cut(l.User, `\`); found {
		return user, domain
	}
	return l.User, ""
}

// Authenticate answers the challenge that the server gave to Negotiate. The
// error wraps ErrChallenge, or is that of Random.
func (l Login) Authenticate(challenge []byte) ([]byte, error) {
	c, err := ParseChallenge(challenge)
	if err != nil {
		return nil, err
	}
	var random [8 + 16]byte // the client's challenge, and a session key
	from := l.Random
	if from == nil {
		from = rand.Reader
	}
	if _, err := io.ReadFull(from, random[:]); err != nil {
		return nil, fmt.Errorf("random numbers for NTLM: %w", err)
	}
	user, domain := l.Names()
	if len(user)+len(domain)+len(l.Target) > maxNames {
		return nil, errors.New("the user name is too long for NTLM")
	}
	r := respond(ownerKey(user, domain, l.Password), c, l.addTo(c), l.filetime(c), [8]byte(random[:8]))
	m := message{
		lm: r.lm, nt: r.nt, domain: utf16le(domain), user: utf16le(user),
		flags: c.Flags&(asked|flagTargetInfo) | flagUnicode | flagNTLM,
	}
	exported := r.sessionKey
	if c.Flags&flagKeyExch != 0 {
		exported = random[8:]
		m.key = encrypt(r.sessionKey, exported)
		m.flags |= flagKeyExch | flagSign // a key is exchanged only for what is signed (3.1.5.1.2)
	}
	b := m.bytes()
	if c.timestamp() != nil {
		copy(b[micAt:], sum(exported, Negotiate(), challenge, b))
	}
	return b, nil
}

// filetime is the server's time, or ours.
func (l Login) filetime(c Challenge) []byte {
	if at := c.timestamp(); at != nil {
		return at
	}
	now := time.Now
	if l.Now != nil {
		now = l.Now
	}
	const epoch = 116444736000000000 // 1970 in hundreds of nanoseconds since 1601
	return binary.LittleEndian.AppendUint64(nil, uint64(now().UnixNano()/100+epoch))
}

// addTo is the server's description of itself with what we add to it. The MIC is
// announced where the server gave its time (MS-NLMP 3.1.5.1.2).
func (l Login) addTo(c Challenge) []byte {
	var pairs []Pair
	flags := uint32(0)
	for _, p := range c.Info {
		switch {
		case p.ID == AvFlags && len(p.Value) == 4:
			flags = binary.LittleEndian.Uint32(p.Value)
		case p.ID == AvChannelBindings, p.ID == AvTargetName: // ours to say
		default:
			pairs = append(pairs, p)
		}
	}
	if c.timestamp() != nil {
		flags |= avFlagMIC
	}
	if flags != 0 {
		pairs = append(pairs, Pair{AvFlags, binary.LittleEndian.AppendUint32(nil, flags)})
	}
	if l.Binding != nil {
		pairs = append(pairs, Pair{AvChannelBindings, l.Binding})
	}
	if l.Target != "" {
		pairs = append(pairs, Pair{AvTargetName, utf16le(l.Target)})
	}
	return appendPairs(nil, pairs)
}

// response is what proves the password.
type response struct{ nt, lm, sessionKey []byte }

// respond computes the NTLMv2 response (MS-NLMP 3.3.2). key is NTOWFv2.
func respond(key []byte, c Challenge, info, filetime []byte, ours [8]byte) response {
	temp := append([]byte{1, 1, 0, 0, 0, 0, 0, 0}, filetime...)
	temp = append(append(temp, ours[:]...), 0, 0, 0, 0)
	temp = append(append(temp, info...), 0, 0, 0, 0)
	proof := sum(key, c.Server[:], temp)
	lm := make([]byte, 24) // nothing, where the server gave its time
	if c.timestamp() == nil {
		lm = append(sum(key, c.Server[:], ours[:]), ours[:]...)
	}
	return response{nt: append(proof, temp...), lm: lm, sessionKey: sum(key, proof)}
}

// ownerKey is NTOWFv2: what the password is to NTLMv2.
func ownerKey(user, domain, password string) []byte {
	h := md4.New()
	h.Write(utf16le(password))
	return sum(h.Sum(nil), utf16le(upper(user)+domain))
}

// upper is the mapping of single letters that Windows uses: ß stays as it is.
func upper(s string) string { return strings.Map(unicode.ToUpper, s) }

func sum(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func encrypt(key, plain []byte) []byte {
	c, err := rc4.NewCipher(key)
	if err != nil {
		panic("ntlm: " + err.Error()) // of a key of a wrong size; ours have 16 bytes
	}
	out := make([]byte, len(plain))
	c.XORKeyStream(out, plain)
	return out
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// message is an AUTHENTICATE (MS-NLMP 2.2.1.3).
type message struct {
	lm, nt, domain, user, key []byte
	flags                     uint32
}

// bytes leaves the MIC zero.
func (m message) bytes() []byte {
	head := binary.LittleEndian.AppendUint32([]byte(signature), 3)
	var payload bytes.Buffer
	for _, field := range [][]byte{m.lm, m.nt, m.domain, m.user, nil, m.key} { // no workstation
		head = binary.LittleEndian.AppendUint16(head, uint16(len(field)))
		head = binary.LittleEndian.AppendUint16(head, uint16(len(field)))
		head = binary.LittleEndian.AppendUint32(head, uint32(headSize+payload.Len()))
		payload.Write(field)
	}
	head = binary.LittleEndian.AppendUint32(head, m.flags|flagVersion)
	head = append(append(head, version...), make([]byte, 16)...)
	return append(head, payload.Bytes()...)
}
