package ntlm_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ntlm"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wide is a name as NTLM carries it.
func wide(s string) []byte {
	var b []byte
	for _, r := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(r))
	}
	return b
}

// TestTheVectorsOfTheSpecification computes what MS-NLMP 4.2.4 tells.
func TestTheVectorsOfTheSpecification(t *testing.T) {
	c := ntlm.Challenge{Server: [8]byte(unhex(t, "0123456789abcdef")), Info: []ntlm.Pair{{ID: ntlm.AvDomain, Value: wide("Domain")}, {ID: ntlm.AvServer, Value: wide("Server")}}}
	key := ntlm.OwnerKey("User", "Domain", "Password")
	nt, lm, session := ntlm.Respond(key, c, make([]byte, 8), [8]byte(unhex(t, "aaaaaaaaaaaaaaaa")))
	got := map[string]string{
		"NTOWFv2":                        hex.EncodeToString(key),
		"NTProofStr":                     hex.EncodeToString(nt[:16]),
		"temp":                           hex.EncodeToString(nt[16:]),
		"LMv2":                           hex.EncodeToString(lm),
		"session base key":               hex.EncodeToString(session),
		"encrypted session key of 55...": hex.EncodeToString(ntlm.Encrypt(session, bytes.Repeat([]byte{0x55}, 16))),
	}
	want := map[string]string{
		"NTOWFv2":                        "0c868a403bfd7a93a3001ef22ef02e3f",
		"NTProofStr":                     "68cd0ab851e51c96aabc927bebef6a1c",
		"temp":                           "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000",
		"LMv2":                           "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa",
		"session base key":               "8de40ccadbc14a82f15cb0ad0de95ca3",
		"encrypted session key of 55...": "c5dad2544fc9799094ce1ce90bc9d03e",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// challenge is a CHALLENGE as a server sends it.
func challenge(flags uint32, pairs ...ntlm.Pair) []byte {
	info := ntlm.AppendPairs(nil, pairs)
	target := wide("CONTOSO")
	b := binary.LittleEndian.AppendUint32([]byte("NTLMSSP\x00"), 2)
	field := func(size, at int) {
		b = binary.LittleEndian.AppendUint16(b, uint16(size))
		b = binary.LittleEndian.AppendUint16(b, uint16(size))
		b = binary.LittleEndian.AppendUint32(b, uint32(at))
	}
	field(len(target), 56)
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = append(b, 1, 2, 3, 4, 5, 6, 7, 8)
	b = append(b, make([]byte, 8)...)
	field(len(info), 56+len(target))
	b = append(b, 10, 0, 0, 0, 0, 0, 0, 15)
	return append(append(b, target...), info...)
}

const usual = 0xa2898205 // what IIS chooses

var clock = ntlm.Pair{ID: ntlm.AvTimestamp, Value: []byte{1, 2, 3, 4, 5, 6, 7, 8}}

// field reads a field of an AUTHENTICATE.
func field(t *testing.T, m []byte, at int) []byte {
	t.Helper()
	size, from := int(binary.LittleEndian.Uint16(m[at:])), int(binary.LittleEndian.Uint32(m[at+4:]))
	if from+size > len(m) {
		t.Fatalf("the field at %d lies outside of the message", at)
	}
	return m[from : from+size]
}

func keyed(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	h.Write(bytes.Join(parts, nil))
	return h.Sum(nil)
}

// TestAnAnswerProvesThePassword checks an AUTHENTICATE as a server does.
func TestAnAnswerProvesThePassword(t *testing.T) {
	binding := bytes.Repeat([]byte{0xcb}, 16)
	tests := []struct {
		name         string
		user         string
		flags        uint32
		info         []ntlm.Pair
		account, dom string
		mic          bool
	}{
		{"with the server's time", `CONTOSO\phish`, usual, []ntlm.Pair{{ID: ntlm.AvDomain, Value: wide("CONTOSO")}, clock}, "phish", "CONTOSO", true},
		{"without the server's time", `CONTOSO\phish`, usual, []ntlm.Pair{{ID: ntlm.AvDomain, Value: wide("CONTOSO")}}, "phish", "CONTOSO", false},
		{"an address", "phish@contoso.example", usual, []ntlm.Pair{clock}, "phish@contoso.example", "", true},
		{"a bare name", "phish", usual, []ntlm.Pair{clock}, "phish", "", true},
		{"a name beyond ASCII", `Bücher\straße`, usual, []ntlm.Pair{clock}, "straße", "Bücher", true},
		{"a key is exchanged", `CONTOSO\phish`, usual | 0x40000010, []ntlm.Pair{clock}, "phish", "CONTOSO", true},
		{"a key is exchanged, and nothing signed", `CONTOSO\phish`, usual | 0x40000000, []ntlm.Pair{clock}, "phish", "CONTOSO", true},
		{"a server that speaks of a binding itself", `CONTOSO\phish`, usual, []ntlm.Pair{clock, {ID: ntlm.AvChannelBindings, Value: make([]byte, 16)}}, "phish", "CONTOSO", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := ntlm.Login{User: tt.user, Password: "pässword", Target: "HTTP/mail.example", Binding: binding, Now: func() time.Time { return time.Unix(0, 0) }}
			c := challenge(tt.flags, tt.info...)
			m, err := l.Authenticate(c)
			if err != nil {
				t.Fatal(err)
			}
			nt := field(t, m, 20)
			key := ntlm.OwnerKey(tt.account, tt.dom, "pässword")
			if !bytes.Equal(nt[:16], keyed(key, []byte{1, 2, 3, 4, 5, 6, 7, 8}, nt[16:])) {
				t.Error("the response does not prove the password")
			}
			if got := string(field(t, m, 36)); got != string(wide(tt.account)) {
				t.Errorf("user %q", got)
			}
			if got := string(field(t, m, 28)); got != string(wide(tt.dom)) {
				t.Errorf("domain %q", got)
			}
			session := keyed(key, nt[:16])
			if sent := field(t, m, 52); tt.flags&0x40000000 != 0 {
				plain := make([]byte, 16)
				stream, _ := rc4.NewCipher(session)
				stream.XORKeyStream(plain, sent)
				session = plain
			} else if len(sent) != 0 {
				t.Errorf("a session key of %d bytes, which nobody asked for", len(sent))
			}
			mic := bytes.Clone(m[72:88])
			copy(m[72:88], make([]byte, 16))
			want := keyed(session, ntlm.Negotiate(), c, m)
			if !tt.mic {
				want = make([]byte, 16)
			}
			if !bytes.Equal(mic, want) {
				t.Errorf("MIC %x, want %x", mic, want)
			}
			if lm := field(t, m, 12); tt.mic != bytes.Equal(lm, make([]byte, 24)) {
				t.Errorf("LM response %x", lm)
			}
			said := described(t, nt[16+28:])
			if diff := cmp.Diff(map[uint16]string{ntlm.AvChannelBindings: string(binding), ntlm.AvTargetName: string(wide("HTTP/mail.example"))}, said); diff != "" {
				t.Errorf("what we say (-want +got):\n%s", diff)
			}
		})
	}
}

// described reads our pairs in a response, each of which stands there once.
func described(t *testing.T, b []byte) map[uint16]string {
	t.Helper()
	said := map[uint16]string{}
	for {
		id, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if id == 0 {
			return said
		}
		if id == ntlm.AvChannelBindings || id == ntlm.AvTargetName {
			if _, twice := said[id]; twice {
				t.Errorf("pair %d stands there twice", id)
			}
			said[id] = string(b[4 : 4+size])
		}
		b = b[4+size:]
	}
}

func TestAWrongPasswordProvesNothing(t *testing.T) {
	m, err := ntlm.Login{User: "phish", Password: "wrong"}.Authenticate(challenge(usual, clock))
	if err != nil {
		t.Fatal(err)
	}
	nt := field(t, m, 20)
	if bytes.Equal(nt[:16], keyed(ntlm.OwnerKey("phish", "", "right"), []byte{1, 2, 3, 4, 5, 6, 7, 8}, nt[16:])) {
		t.Error("it does")
	}
}

// TestABindingHashesTheCertificateAsItIsSigned writes the structure of RFC 2744
// out by hand.
func TestABindingHashesTheCertificateAsItIsSigned(t *testing.T) {
	for _, a := range []x509.SignatureAlgorithm{x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, SignatureAlgorithm: a}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		switch a {
		case x509.ECDSAWithSHA384:
			hash = sha512.New384()
		case x509.ECDSAWithSHA512:
			hash = sha512.New()
		}
		hash.Write(der)
		data := "tls-server-end-point:" + string(hash.Sum(nil))
		want := md5.Sum([]byte(strings.Repeat("\x00", 16) + string([]byte{byte(len(data)), 0, 0, 0}) + data))
		if !bytes.Equal(ntlm.Binding(leaf), want[:]) {
			t.Errorf("%v: another binding", a)
		}
		leaf.SignatureAlgorithm = x509.SHA1WithRSA // of old servers
		weak := sha256.Sum256(der)
		data = "tls-server-end-point:" + string(weak[:])
		want = md5.Sum([]byte(strings.Repeat("\x00", 16) + string([]byte{byte(len(data)), 0, 0, 0}) + data))
		if !bytes.Equal(ntlm.Binding(leaf), want[:]) {
			t.Errorf("%v: another binding, signed with SHA-1", a)
		}
	}
}

func TestAChallengeThatIsNoneIsRefused(t *testing.T) {
	good := challenge(usual, ntlm.Pair{ID: ntlm.AvDomain, Value: wide("D")}, clock)
	for name, b := range map[string][]byte{
		"nothing": nil, "a NEGOTIATE": ntlm.Negotiate(), "cut": good[:len(good)-1], "large": append(bytes.Clone(good), make([]byte, 1<<16)...),
		"no Unicode": challenge(usual &^ 1), "without its end": good[:len(good)-4],
	} {
		if _, err := (ntlm.Login{User: "u", Password: "hunter2"}).Authenticate(b); !errors.Is(err, ntlm.ErrChallenge) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range good {
		if _, err := ntlm.ParseChallenge(good[:i]); err == nil && i >= 48 {
			t.Errorf("cut after %d bytes: no error", i)
		}
	}
	if _, err := ntlm.ParseChallenge(good[:32]); err != nil {
		t.Errorf("without a description: %v", err)
	}
}

func FuzzParseChallenge(f *testing.F) {
	f.Add(challenge(usual, ntlm.Pair{ID: ntlm.AvDomain, Value: wide("D")}, clock))
	f.Add(challenge(usual))
	f.Add(ntlm.Negotiate())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ntlm.ParseChallenge(b)
		if err != nil && !errors.Is(err, ntlm.ErrChallenge) {
			t.Fatal(err)
		}
		size := 0
		for _, p := range c.Info {
			size += 4 + len(p.Value)
			_ = p.Text()
		}
		if size > len(b) {
			t.Fatalf("%d bytes of pairs in a message of %d", size, len(b))
		}
		m, err := ntlm.Login{User: "u", Password: "p", Target: "HTTP/x", Binding: make([]byte, 16)}.Authenticate(b)
		if err == nil && len(field(t, m, 20)) < 44 {
			t.Fatal("no response")
		}
	})
}
