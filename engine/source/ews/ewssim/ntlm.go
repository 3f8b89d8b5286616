package ewssim

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4" //nolint:gosec // MS-NLMP has it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/binary"
	"hash"
	"strings"
	"time"
	"unicode/utf16"

	//lint:ignore SA1019 MS-NLMP 3.3.2: the key of a password is its MD4
	"golang.org/x/crypto/md4"
)

// Flags of MS-NLMP 2.2.2.5.
const (
	flagUnicode     = 1 << 0
	flagOEM         = 1 << 1
	flagTarget      = 1 << 2
	flagSign        = 1 << 4
	flagSeal        = 1 << 5
	flagNTLM        = 1 << 9
	flagAlwaysSign  = 1 << 15
	flagDomain      = 1 << 16
	flagExtended    = 1 << 19
	flagTargetInfo  = 1 << 23
	flagVersion     = 1 << 25
	flag128         = 1 << 29
	flagKeyExchange = 1 << 30
	flag56          = 1 << 31
)

// Attributes of target information, 2.2.2.1.
const (
	avEnd      = 0
	avComputer = 1
	avDomain   = 2
	avDNSName  = 3
	avDNSDom   = 4
	avFlags    = 6
	avTime     = 7
	avBinding  = 10
)

const signature = "NTLMSSP\x00"

// messageType of an NTLM message; 0 when it is none.
func messageType(raw []byte) uint32 {
	if len(raw) < 12 || string(raw[:8]) != signature {
		return 0
	}
	return binary.LittleEndian.Uint32(raw[8:])
}

// readNegotiate reads the flags of message 1 (2.2.1.1); its names say nothing here.
// Some clients ask for extended session security and do not say that it is NTLM's.
func readNegotiate(raw []byte) (flags uint32, ok bool) {
	if len(raw) < 16 || len(raw) > 4096 {
		return 0, false
	}
	flags = binary.LittleEndian.Uint32(raw[12:])
	return flags, flags&(flagNTLM|flagExtended) != 0 && flags&(flagUnicode|flagOEM) != 0
}

// writeChallenge writes message 2 (2.2.1.2).
func writeChallenge(asked uint32, nonce []byte, domain string, stamp []byte) []byte {
	flags := uint32(flagTarget | flagNTLM | flagDomain | flagTargetInfo | flagAlwaysSign | flagVersion)
	flags |= asked & (flagUnicode | flagExtended | flagSign | flagSeal | flag56 | flag128 | flagKeyExchange)
	target := utf16le(domain)
	if asked&flagUnicode == 0 {
		flags |= flagOEM
		target = []byte(domain)
	}
	info := targetInfo(domain, stamp)
	const head = 56
	out := make([]byte, head, head+len(target)+len(info))
	copy(out, signature)
	binary.LittleEndian.PutUint32(out[8:], 2)
	putField(out[12:], len(target), head)
	binary.LittleEndian.PutUint32(out[20:], flags)
	copy(out[24:32], nonce)
	putField(out[40:], len(info), head+len(target))
	copy(out[48:], []byte{10, 0, 0x63, 0x45, 0, 0, 0, 15}) // Windows Server 2019
	return append(append(out, target...), info...)
}

func putField(out []byte, size, offset int) {
	binary.LittleEndian.PutUint16(out, uint16(size))
	binary.LittleEndian.PutUint16(out[2:], uint16(size))
	binary.LittleEndian.PutUint32(out[4:], uint32(offset))
}

func targetInfo(domain string, stamp []byte) []byte {
	dns := strings.ToLower(domain) + ".example"
	var out []byte
	add := func(id int, value []byte) {
		out = binary.LittleEndian.AppendUint16(out, uint16(id))
		out = binary.LittleEndian.AppendUint16(out, uint16(len(value)))
		out = append(out, value...)
	}
	add(avDomain, utf16le(domain))
	add(avComputer, utf16le("EXCH01"))
	add(avDNSDom, utf16le(dns))
	add(avDNSName, utf16le("exch01."+dns))
	add(avTime, stamp)
	add(avEnd, nil)
	return out
}

// fileTime is a time as Windows has it: 100 ns since 1601.
func fileTime(t time.Time) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(t.UnixNano()/100)+116444736000000000)
}

func utf16le(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// authenticate is message 3 (2.2.1.3).
type authenticate struct {
	lm, nt       []byte
	domain, user string
	sessionKey   []byte
	flags        uint32
	mic          []byte // nil when there is no room for one
}

func readAuthenticate(raw []byte) (*authenticate, bool) {
	if len(raw) < 64 || len(raw) > 16<<10 {
		return nil, false
	}
	m := &authenticate{flags: binary.LittleEndian.Uint32(raw[60:])}
	first := len(raw) // where the values begin
	var fields [6][]byte
	for i := range fields {
		size, at := int(binary.LittleEndian.Uint16(raw[12+8*i:])), int(binary.LittleEndian.Uint32(raw[16+8*i:]))
		if size == 0 {
			continue
		}
		if at < 64 || at > len(raw) || size > len(raw)-at {
			return nil, false
		}
		fields[i], first = raw[at:at+size], min(first, at)
	}
	m.lm, m.nt, m.sessionKey = fields[0], fields[1], fields[5]
	m.domain, m.user = m.text(fields[2]), m.text(fields[3])
	if first >= 88 && len(raw) >= 88 {
		m.mic = raw[72:88]
	}
	return m, true
}

func (m *authenticate) text(raw []byte) string {
	if m.flags&flagUnicode == 0 {
		return string(raw)
	}
	var units []uint16
	for ; len(raw) >= 2; raw = raw[2:] {
		units = append(units, binary.LittleEndian.Uint16(raw))
	}
	return string(utf16.Decode(units))
}

// response is the client's part of an NTLMv2 response (2.2.2.7).
type response struct {
	proof []byte // NTProofStr
	temp  []byte // what it proves
	time  []byte
	pairs map[uint16][]byte
}

func readResponse(nt []byte) (*response, bool) {
	if len(nt) < 16+28+4 || nt[16] != 1 || nt[17] != 1 {
		return nil, false
	}
	r := &response{proof: nt[:16], temp: nt[16:], time: nt[24:32], pairs: map[uint16][]byte{}}
	for info := nt[44:]; len(info) >= 4; {
		id, size := binary.LittleEndian.Uint16(info), int(binary.LittleEndian.Uint16(info[2:]))
		if id == avEnd {
			return r, true
		}
		if size > len(info)-4 {
			return nil, false
		}
		r.pairs[id] = info[4 : 4+size]
		info = info[4+size:]
	}
	return nil, false
}

// verify reads message 3, and tells who that is; else why it is nobody. The lock
// of c is held.
func (s *Server) verify(c *conn, raw []byte) (user *account, why string) {
	if c.challenge == nil {
		return nil, "message 3 without a challenge"
	}
	m, ok := readAuthenticate(raw)
	if !ok {
		return nil, "malformed"
	}
	if user = s.ntlmUser(m); user == nil {
		return nil, "unknown user"
	}
	if len(m.nt) == 24 || len(m.nt) == 0 {
		return nil, "NTLMv1 or LM"
	}
	r, ok := readResponse(m.nt)
	if !ok {
		return nil, "malformed"
	}
	key := ntowfv2(m.user, user.password, m.domain)
	if !hmac.Equal(r.proof, hmacMD5(key, c.nonce, r.temp)) {
		return nil, "wrong password"
	}
	if why = s.checkMIC(c, m, r, key, raw); why == "" {
		why = s.checkBinding(r.pairs[avBinding])
	}
	if why != "" {
		return nil, why
	}
	return user, ""
}

func (s *Server) ntlmUser(m *authenticate) *account {
	switch {
	case m.user == "":
		return nil
	case m.domain == "" || strings.Contains(m.user, "@"):
		return s.accounts.named(m.user)
	}
	return s.accounts.named(m.domain + `\` + m.user)
}

// checkMIC verifies the code over all three messages when the client says that
// there is one, and wants one since the challenge had a time (3.1.5.1.2).
func (s *Server) checkMIC(c *conn, m *authenticate, r *response, key, raw []byte) (why string) {
	flags := r.pairs[avFlags]
	said := len(flags) == 4 && binary.LittleEndian.Uint32(flags)&2 != 0
	switch {
	case !said && s.cfg.OldClients:
		return ""
	case !said:
		return "no MIC"
	case m.mic == nil:
		return "malformed"
	case !s.cfg.OldClients && (!bytes.Equal(r.time, c.stamp) || !bytes.Equal(r.pairs[avTime], c.stamp)):
		return "not the time of the challenge"
	}
	blank := bytes.Clone(raw)
	clear(blank[72:88])
	if !hmac.Equal(m.mic, hmacMD5(m.exported(hmacMD5(key, r.proof)), c.negotiate, c.challenge, blank)) {
		return "wrong MIC"
	}
	return ""
}

// exported is the session key: that of the base, or another that is locked by it.
func (m *authenticate) exported(base []byte) []byte {
	if m.flags&flagKeyExchange == 0 || len(m.sessionKey) != 16 {
		return base
	}
	cipher, err := rc4.NewCipher(base)
	if err != nil {
		return base
	}
	key := make([]byte, 16)
	cipher.XORKeyStream(key, m.sessionKey)
	return key
}

// checkBinding compares what the client says of the channel with what it is.
func (s *Server) checkBinding(sent []byte) (why string) {
	none := len(bytes.Trim(sent, "\x00")) == 0
	switch {
	case s.cfg.Protection == "" || s.cfg.Protection == "off" || s.binding == nil:
		return ""
	case none && s.cfg.Protection == "allow":
		return ""
	case none:
		return "no channel binding"
	case !hmac.Equal(sent, s.binding):
		return "wrong channel binding"
	}
	return ""
}

// ntowfv2 is the key of a password (3.3.2).
func ntowfv2(user, password, domain string) []byte {
	h := md4.New()
	h.Write(utf16le(password))
	return hmacMD5(h.Sum(nil), utf16le(strings.ToUpper(user)+domain))
}

func hmacMD5(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(md5.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// channelBinding is the MD5 of the structure that holds tls-server-end-point
// (RFC 5929 4.1) of a certificate; nil of none.
func channelBinding(der []byte) []byte {
	if len(der) == 0 {
		return nil
	}
	h := endPointHash(der)
	h.Write(der)
	point := append([]byte("tls-server-end-point:"), h.Sum(nil)...)
	all := make([]byte, 16, 20+len(point)) // addresses of both sides: none
	all = binary.LittleEndian.AppendUint32(all, uint32(len(point)))
	sum := md5.Sum(append(all, point...))
	return sum[:]
}

// endPointHash is that of the certificate's signature, but SHA-256 for MD5 and
// SHA-1, and for what names none.
func endPointHash(der []byte) hash.Hash {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return sha256.New()
	}
	switch cert.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		return sha512.New384()
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		return sha512.New()
	}
	return sha256.New()
}
