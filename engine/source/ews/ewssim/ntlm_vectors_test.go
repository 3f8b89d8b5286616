package ewssim

import (
	"bytes"
	"crypto/rc4"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

func fromHex(s string) []byte {
	raw, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return raw
}

// The example of MS-NLMP 4.2.1 and 4.2.4: User, Password and Domain, with NTLMv2.
var (
	exampleNonce = fromHex("0123456789abcdef")
	exampleTemp  = fromHex("0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000" +
		"02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000")
	exampleChallenge = fromHex("4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000" +
		"06007017 0000000f 530065007200760065007200 02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000")
	exampleAuthenticate = fromHex("4e544c4d53535000030000001800180 06c0000005400540084000000 0c000c0048000000 0800080054000000 100010005c000000 10001000d8000000 358288e2 0501280a0000000f" +
		"44006f006d00610069006e00 5500730065007200 43004f004d0050005500540045005200" +
		"86c35097ac9cec102554764a57cccc19 aaaaaaaaaaaaaaaa" +
		"68cd0ab851e51c96aabc927bebef6a1c 0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000 02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000" +
		"c5dad2544fc9799094ce1ce90bc9d03e")
)

func TestNTLMComputesTheExampleOfItsSpecification(t *testing.T) {
	key := ntowfv2("User", "Password", "Domain")
	proof := hmacMD5(key, exampleNonce, exampleTemp)
	session := hmacMD5(key, proof)
	cipher, err := rc4.NewCipher(session)
	if err != nil {
		t.Fatal(err)
	}
	locked := make([]byte, 16)
	cipher.XORKeyStream(locked, bytes.Repeat([]byte{0x55}, 16))
	for _, row := range []struct {
		name string
		got  []byte
		want string
	}{
		{"NTOWFv2", key, "0c868a403bfd7a93a3001ef22ef02e3f"},
		{"NTProofStr", proof, "68cd0ab851e51c96aabc927bebef6a1c"},
		{"SessionBaseKey", session, "8de40ccadbc14a82f15cb0ad0de95ca3"},
		{"EncryptedRandomSessionKey", locked, "c5dad2544fc9799094ce1ce90bc9d03e"},
	} {
		if got := hex.EncodeToString(row.got); got != row.want {
			t.Errorf("%s %s, want %s", row.name, got, row.want)
		}
	}
}

func TestNTLMReadsTheExampleOfItsSpecification(t *testing.T) {
	m, ok := readAuthenticate(exampleAuthenticate)
	if !ok || m.user != "User" || m.domain != "Domain" || m.mic != nil || len(m.sessionKey) != 16 {
		t.Fatalf("%v %+v", ok, m)
	}
	r, ok := readResponse(m.nt)
	if !ok || !bytes.Equal(r.temp, exampleTemp) || string(r.pairs[avDomain]) != "D\x00o\x00m\x00a\x00i\x00n\x00" {
		t.Fatalf("%v %+v", ok, r)
	}
	if got := m.exported(fromHex("8de40ccadbc14a82f15cb0ad0de95ca3")); !bytes.Equal(got, bytes.Repeat([]byte{0x55}, 16)) {
		t.Errorf("exported key %x", got)
	}
}

// TestNTLMVerifiesTheExample logs the user of the specification in, with the
// challenge of the specification.
func TestNTLMVerifiesTheExample(t *testing.T) {
	s := New(Config{Users: map[string]string{`Domain\User`: "Password"}, OldClients: true})
	c := &conn{negotiate: []byte("unused"), challenge: exampleChallenge, nonce: exampleNonce}
	if user, why := s.verify(c, exampleAuthenticate); user == nil {
		t.Fatal(why)
	}
	strict := New(Config{Users: map[string]string{`Domain\User`: "Password"}})
	if user, why := strict.verify(c, exampleAuthenticate); user != nil || why != "no MIC" {
		t.Errorf("%v %q", user, why)
	}
	for i := range exampleAuthenticate { // every bit of names, response and challenge counts
		flipped := bytes.Clone(exampleAuthenticate)
		flipped[i] ^= 4
		user, _ := s.verify(c, flipped)
		if proven := i >= 0x48 && i < 0x5c || i >= 0x84 && i < 0xd8; proven && user != nil {
			t.Errorf("byte %d of the message may be anything", i)
		}
		s.verify(c, exampleAuthenticate[:i])
	}
}

func TestChallengeReadsBack(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	raw := writeChallenge(flagUnicode|flagNTLM|flagExtended|flag128|flagKeyExchange, exampleNonce, "CORP", fileTime(at))
	want := fromHex("4e544c4d53535000 02000000 08000800 38000000 05828962" + "0123456789abcdef 0000000000000000")
	if !bytes.Equal(raw[:40], want) {
		t.Errorf("got %x\nwant %x", raw[:40], want)
	}
	if stamp := hex.EncodeToString(fileTime(time.Unix(0, 0))); stamp != "00803ed5deb19d01" {
		t.Errorf("the epoch is %s", stamp)
	}
}
