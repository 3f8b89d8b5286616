package ewssim_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	//lint:ignore SA1019 NTLM has it
	"golang.org/x/crypto/md4"

	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

func TestWhoLogsIn(t *testing.T) {
	users := map[string]string{`CORP\soc`: "one", "zoe@corp.example": "two", "bare": "three", `A\twin`: "four", `B\twin`: "five"}
	boxes := map[string]string{"abuse@corp.example": `CORP\soc`, "zoe@corp.example": "zoe@corp.example"}
	s := ewssim.New(ewssim.Config{Users: users, Mailboxes: boxes})
	c := dial(t, s)
	for _, row := range []struct {
		user, password string
		want           int
	}{
		{`CORP\soc`, "one", 200},
		{`corp\SOC`, "one", 200},
		{`corp.example\soc`, "one", 200},
		{"soc@corp.example", "one", 200},
		{"soc", "one", 200},
		{"abuse@corp.example", "one", 200},
		{"soc@corporation.example", "one", 401},
		{`OTHER\soc`, "one", 401},
		{`CORP\soc`, "two", 401},
		{`CORP\soc`, "", 401},
		{"zoe@corp.example", "two", 200},
		{`CORP\zoe`, "two", 200},
		{"zoe", "two", 200},
		{"bare", "three", 200},
		{`ANY\bare`, "three", 200},
		{`B\twin`, "five", 200},
		{"twin", "five", 401},
		{"twin", "four", 401},
		{"nobody", "one", 401},
	} {
		c.user, c.password = row.user, row.password
		if got := c.ask(getFolder(knownOf("inbox", "x@y.example"))); got.status != row.want {
			t.Errorf("%s with %q: %d, want %d", row.user, row.password, got.status, row.want)
		}
	}
}

func TestOffers(t *testing.T) {
	s := ewssim.New(ewssim.Config{Users: map[string]string{"soc": "s3cret"}, Schemes: []string{"Negotiate", "NTLM", "Bearer"}, Tokens: map[string]string{"t0ken": "soc"}})
	c := dial(t, s)
	c.user = ""
	r := c.ask("")
	if got := r.head.Values("WWW-Authenticate"); r.status != 401 || len(got) != 3 || got[0] != "Negotiate" || got[1] != "NTLM" || !strings.HasPrefix(got[2], "Bearer ") {
		t.Errorf("%d %q", r.status, got)
	}
	for token, want := range map[string]int{"Bearer t0ken": 200, "bearer t0ken": 200, "Bearer other": 401, "Bearer": 401, "Basic c29jOnMzY3JldA==": 401, "NTLM": 401, "NTLM %%%": 401, "NTLM AAAA": 401, "Kerberos x": 401} {
		get, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
		get.Header.Set("Authorization", token)
		if got := c.send(get); got.status != want {
			t.Errorf("%s: %d, want %d", token, got.status, want)
		}
	}
	counts := s.Counts()
	if counts["refused: scheme is not offered"] != 2 || counts["refused: unknown token"] != 2 || counts["refused: malformed"] != 3 {
		t.Errorf("%v", counts)
	}
}

// ntlm is a client of its own: message 1 and 3 as MS-NLMP has them, with whatever is
// wrong with them in a row of the test.
type ntlm struct {
	user, domain, password string
	oem                    bool
	noMIC                  bool   // none, and none is said
	badMIC                 bool   // one of something else
	ownTime                bool   // not that of the challenge
	binding                []byte // nil: no such attribute
	version1               bool
	exchange               bool // of session keys
}

func units(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

func sum(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(md5.New, key)
	mac.Write(bytes.Join(parts, nil))
	return mac.Sum(nil)
}

func (n ntlm) flags() uint32 {
	flags := uint32(0x00088207 | 1<<4 | 1<<29) // unicode, OEM, target, NTLM, always sign, extended security; sign; 128
	if n.oem {
		flags &^= 1
	}
	if n.exchange {
		flags |= 1 << 30
	}
	return flags
}

func (n ntlm) negotiate() []byte {
	m := append([]byte("NTLMSSP\x00\x01\x00\x00\x00"), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(m[12:], n.flags())
	return append(m, make([]byte, 16)...)
}

func (n ntlm) authenticate(first, second []byte) []byte {
	infoAt := binary.LittleEndian.Uint32(second[44:])
	info := second[infoAt : infoAt+uint32(binary.LittleEndian.Uint16(second[40:]))]
	stamp := bytes.Clone(info[bytes.Index(info, []byte{7, 0, 8, 0})+4:][:8])
	pairs := bytes.Clone(info[:len(info)-4])
	if !n.noMIC {
		pairs = append(pairs, 6, 0, 4, 0, 2, 0, 0, 0)
	}
	if n.binding != nil {
		pairs = append(append(pairs, 10, 0, 16, 0), n.binding...)
	}
	if n.ownTime {
		stamp[2]++
	}
	temp := slices.Concat([]byte{1, 1, 0, 0, 0, 0, 0, 0}, stamp, []byte("clientch"), make([]byte, 4), pairs, make([]byte, 8))
	h := md4.New()
	h.Write(units(n.password))
	key := sum(h.Sum(nil), units(strings.ToUpper(n.user)+n.domain))
	proof := sum(key, second[24:32], temp)
	nt := append(proof, temp...)
	if n.version1 {
		nt = nt[:24]
	}
	return n.finish(first, second, nt, sum(key, proof))
}

func (n ntlm) finish(first, second, nt, session []byte) []byte {
	text := units
	if n.oem {
		text = func(s string) []byte { return []byte(s) }
	}
	var locked []byte
	if n.exchange {
		locked = bytes.Repeat([]byte{7}, 16)
		session = unlocked(session, locked)
	}
	m := make([]byte, 88)
	copy(m, "NTLMSSP\x00\x03")
	for i, field := range [][]byte{make([]byte, 24), nt, text(n.domain), text(n.user), text("PC"), locked} {
		at := 12 + 8*i
		binary.LittleEndian.PutUint16(m[at:], uint16(len(field)))
		binary.LittleEndian.PutUint16(m[at+2:], uint16(len(field)))
		binary.LittleEndian.PutUint32(m[at+4:], uint32(len(m)))
		m = append(m, field...)
	}
	binary.LittleEndian.PutUint32(m[60:], n.flags())
	if !n.noMIC {
		mic := sum(session, first, second, m)
		if n.badMIC {
			mic[0]++
		}
		copy(m[72:], mic)
	}
	return m
}

// unlocked is RC4, written out: a client of its own shares no code.
func unlocked(key, in []byte) []byte {
	var box [256]byte
	for i := range box {
		box[i] = byte(i)
	}
	j := 0
	for i := range box {
		j = (j + int(box[i]) + int(key[i%len(key)])) % 256
		box[i], box[j] = box[j], box[i]
	}
	out := make([]byte, len(in))
	i, j := 0, 0
	for k := range in {
		i = (i + 1) % 256
		j = (j + int(box[i])) % 256
		box[i], box[j] = box[j], box[i]
		out[k] = in[k] ^ box[(int(box[i])+int(box[j]))%256]
	}
	return out
}

// legs sends a message on the client's one connection.
func legs(t *testing.T, c *http.Client, url, scheme string, message []byte, body string) (status int, challenge []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	if message != nil {
		r.Header.Set("Authorization", scheme+" "+base64.StdEncoding.EncodeToString(message))
	}
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	var drained bytes.Buffer
	_, _ = drained.ReadFrom(a.Body)
	_, token, _ := strings.Cut(a.Header.Get("WWW-Authenticate"), " ")
	challenge, _ = base64.StdEncoding.DecodeString(token)
	return a.StatusCode, challenge
}

func oneConnection(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxConnsPerHost: 1, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestNTLMLogins(t *testing.T) {
	cert, der := certificate(t)
	hashed := sha256.Sum256(der)
	point := append([]byte("tls-server-end-point:"), hashed[:]...)
	bound := md5.Sum(append(append(make([]byte, 16), byte(len(point)), 0, 0, 0), point...))
	good := ntlm{user: "soc", domain: "CORP", password: "s3cret"}
	with := func(change func(*ntlm)) ntlm {
		n := good
		change(&n)
		return n
	}
	for _, row := range []struct {
		name       string
		protection string
		old        bool
		client     ntlm
		why        string // refused; "" is not
	}{
		{"good", "", false, good, ""},
		{"name in other case", "", false, with(func(n *ntlm) { n.user = "SoC" }), ""},
		{"principal name", "", false, with(func(n *ntlm) { n.user, n.domain = "soc@corp.example", "" }), ""},
		{"no domain", "", false, with(func(n *ntlm) { n.domain = "" }), ""},
		{"in an old charset", "", false, with(func(n *ntlm) { n.oem = true }), ""},
		{"session key", "", false, with(func(n *ntlm) { n.exchange = true }), ""},
		{"wrong password", "", false, with(func(n *ntlm) { n.password = "secret" }), "wrong password"},
		{"nobody", "", false, with(func(n *ntlm) { n.user = "" }), "unknown user"},
		{"somebody else", "", false, with(func(n *ntlm) { n.domain = "OTHER" }), "unknown user"},
		{"NTLMv1", "", true, with(func(n *ntlm) { n.version1 = true }), "NTLMv1 or LM"},
		{"no MIC", "", false, with(func(n *ntlm) { n.noMIC = true }), "no MIC"},
		{"no MIC, and none is wanted", "", true, with(func(n *ntlm) { n.noMIC = true }), ""},
		{"wrong MIC", "", false, with(func(n *ntlm) { n.badMIC = true }), "wrong MIC"},
		{"wrong MIC, though none is wanted", "", true, with(func(n *ntlm) { n.badMIC = true }), "wrong MIC"},
		{"own time", "", false, with(func(n *ntlm) { n.ownTime = true }), "not the time of the challenge"},
		{"own time of an old client", "", true, with(func(n *ntlm) { n.ownTime = true }), ""},
		{"binding", "require", false, with(func(n *ntlm) { n.binding = bound[:] }), ""},
		{"binding is required", "require", false, good, "no channel binding"},
		{"binding of nothing", "require", false, with(func(n *ntlm) { n.binding = make([]byte, 16) }), "no channel binding"},
		{"binding to another", "require", false, with(func(n *ntlm) { n.binding = bytes.Repeat([]byte{1}, 16) }), "wrong channel binding"},
		{"binding is allowed", "allow", false, with(func(n *ntlm) { n.binding = bound[:] }), ""},
		{"binding is not needed", "allow", false, good, ""},
		{"wrong binding, where it is not needed", "allow", false, with(func(n *ntlm) { n.binding = bytes.Repeat([]byte{1}, 16) }), "wrong channel binding"},
		{"wrong binding, where it is off", "off", false, with(func(n *ntlm) { n.binding = bytes.Repeat([]byte{1}, 16) }), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := loaded(t, ewssim.Config{Protection: row.protection, Certificate: der, OldClients: row.old, Schemes: []string{"NTLM", "Negotiate"}})
			url, c := serve(t, s, &cert), oneConnection(t)
			for _, scheme := range []string{"NTLM", "Negotiate"} {
				first := row.client.negotiate()
				status, second := legs(t, c, url, scheme, first, "")
				if status != 401 || !bytes.HasPrefix(second, []byte("NTLMSSP\x00\x02")) {
					t.Fatalf("challenge: %d %q", status, second)
				}
				status, _ = legs(t, c, url, scheme, row.client.authenticate(first, second), "")
				if (status == 401) != (row.why != "") || s.Counts()["refused: "+row.why] == 0 && row.why != "" {
					t.Errorf("status %d, want %q: %v", status, row.why, s.Counts())
				}
				if status, _ = legs(t, c, url, scheme, nil, ""); (status == 401) != (row.why != "") {
					t.Errorf("status %d on the same connection", status)
				}
			}
			if n := s.Counts()["connections"]; n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestNTLMHoldsForItsConnection logs in on one connection and asks on another.
func TestNTLMHoldsForItsConnection(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	url := serve(t, s, nil)
	client := ntlm{user: "soc", domain: "CORP", password: "s3cret"}
	one, other := oneConnection(t), oneConnection(t)
	first := client.negotiate()
	_, second := legs(t, one, url, "NTLM", first, strings.Repeat("x", 2<<20)) // a body in the first leg, as some send it
	third := client.authenticate(first, second)
	if status, _ := legs(t, other, url, "NTLM", third, ""); status != 401 {
		t.Errorf("status %d for the third message on another connection", status)
	}
	if status, _ := legs(t, one, url, "NTLM", third, ""); status == 401 {
		t.Errorf("status %d: %v", status, s.Counts())
	}
	if status, _ := legs(t, one, url, "NTLM", nil, ""); status == 401 {
		t.Errorf("status %d", status)
	}
	if status, _ := legs(t, other, url, "NTLM", nil, ""); status != 401 {
		t.Errorf("status %d on another connection", status)
	}
	if status, _ := legs(t, one, url, "NTLM", third, ""); status != 401 {
		t.Errorf("status %d for the third message again", status)
	}
	if s.Counts()["connections"] != 2 {
		t.Errorf("%v", s.Counts())
	}
}

func TestNTLMNeedsItsConnections(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	plain := httptest.NewServer(s) // without ConnContext
	defer plain.Close()
	if status, _ := legs(t, oneConnection(t), plain.URL+"/EWS/Exchange.asmx", "NTLM", ntlm{}.negotiate(), ""); status != 401 || s.Counts()["refused: NTLM without ConnContext"] != 1 {
		t.Errorf("%d %v", status, s.Counts())
	}
}

// TestCurlLogsIn has a client in which NTLM was written anew.
func TestCurlLogsIn(t *testing.T) {
	t.Parallel()
	program := enginetest.Peer(t, "curl", "curl")
	cert, der := certificate(t)
	for _, row := range []struct{ flag, user, want string }{
		{"--ntlm", `CORP\soc:s3cret`, "200"},
		{"--ntlm", `corp\SOC:s3cret`, "200"},
		{"--ntlm", "soc:s3cret", "200"},
		{"--ntlm", `CORP\soc:wrong`, "401"},
		{"--basic", "soc@corp.example:s3cret", "200"},
		{"--anyauth", `CORP\soc:s3cret`, "200"},
	} {
		s := loaded(t, ewssim.Config{OldClients: true, Protection: "allow", Certificate: der})
		run := exec.CommandContext(t.Context(), program, "--silent", "--insecure", "--http1.1", row.flag, "--user", row.user, "--output", os.DevNull, "--write-out", "%{http_code}", serve(t, s, &cert))
		if out, err := run.Output(); err != nil || string(out) != row.want {
			t.Errorf("%s %s: %v %s, want %s: %v", row.flag, row.user, err, out, row.want, s.Counts())
		}
	}
}

// TestExchangelibLogsIn looks at the inbox only, or must not even see that. In the
// first row it is told to wait, and reads how long; in the last row the client has to find scheme and version by itself.
func TestExchangelibLogsIn(t *testing.T) {
	t.Parallel()
	cert, der := certificate(t)
	_, other := certificate(t)
	rows := []struct {
		name, auth, user, password string
		cfg                        ewssim.Config
		cert                       *tls.Certificate
		build                      []int
		version, why               string // what it sees, or why it is refused
	}{
		{"busy", "basic", "soc", "s3cret", ewssim.Config{}, nil, []int{15, 1, 2507, 6}, "15.1.2507.6 Exchange2016", ""},
		{"Basic over TLS", "basic", `corp.example\soc`, "s3cret", ewssim.Config{Certificate: der}, &cert, []int{15, 2, 1544, 4}, "15.1.2507.6 Exchange2016", ""},
		{"NTLM over TLS, binding not asked for", "ntlm", "soc@corp.example", "s3cret", ewssim.Config{Certificate: der}, &cert, []int{15, 1, 2507, 6}, "15.1.2507.6 Exchange2016", ""},
		{"NTLM over TLS, binding allowed", "ntlm", `CORP\soc`, "s3cret", ewssim.Config{Certificate: der, Protection: "allow"}, &cert, []int{15, 1, 2507, 6}, "15.1.2507.6 Exchange2016", ""},
		{"NTLM over HTTP", "ntlm", "soc", "s3cret", ewssim.Config{Version: "Exchange2013"}, nil, []int{15, 0, 775, 38}, "15.0.775.38 Exchange2013", ""},
		{"wrong password", "ntlm", `CORP\soc`, "wrong", ewssim.Config{}, &cert, []int{15, 1, 2507, 6}, "", "wrong password"},
		{"another certificate on the way", "ntlm", `CORP\soc`, "s3cret", ewssim.Config{Certificate: other, Protection: "require"}, &cert, []int{15, 1, 2507, 6}, "", "wrong channel binding"},
		{"all by itself", "auto", "soc@corp.example", "s3cret", ewssim.Config{Version: "Exchange2010_SP2", Schemes: []string{"Basic"}}, nil, nil, "14.2.390.3 Exchange2010_SP2", ""},
	}
	var servers []*ewssim.Server
	var wishes []map[string]any
	for _, row := range rows {
		s := loaded(t, row.cfg)
		servers = append(servers, s)
		wishes = append(wishes, map[string]any{"url": serve(t, s, row.cert), "user": row.user, "password": row.password, "email": "soc@corp.example", "auth": row.auth, "build": row.build, "brief": true, "patient": row.name == "busy"})
	}
	if err := servers[0].Fault(ewssim.Fault{What: "ErrorServerBusy-fault", BackOff: 700}); err != nil {
		t.Fatal(err)
	}
	for i, got := range askExchangelib(t, wishes...) {
		row, counts := rows[i], servers[i].Counts()
		if took, _ := got["took"].(float64); i == 0 && (took < 0.7 || counts["faults"] != 1) {
			t.Errorf("it took %v seconds with a fault of 700 ms: %v", took, counts)
		}
		if in := row.why == ""; in != (got["version"] == row.version) || in == (got["unauthorized"] != nil) || !in && counts["refused: "+row.why] == 0 {
			t.Errorf("%s: %v %v", row.name, got, counts)
		}
	}
}
