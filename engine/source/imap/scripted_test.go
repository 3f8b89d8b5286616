package imap_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/source/imap"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// scripted is a server of three mails that says what a test wants. Its mails
// have the UIDs 1, 2, 3.
type scripted struct {
	greeting string // "* OK ready" when empty
	caps     string // IMAP4rev1 when empty
	// say answers a line of the client instead of the server; false leaves it to
	// the server. It may write without end: the connection ends with the test.
	say func(w *bufio.Writer, tag, line string) bool
}

var errHangUp = errors.New("hang up") // a panic of say

func (s *scripted) start(t testing.TB) imap.Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go s.serve(conn)
		}
	}()
	return imap.Config{Addr: l.Addr().String(), Security: imap.Plain, User: "phish", Password: "hunter2-secret", Timeout: 300 * time.Millisecond, Limits: engine.Limits{Message: 100_000}}
}

func (s *scripted) serve(conn net.Conn) {
	defer conn.Close()
	defer func() {
		if p := recover(); p != nil && p != errHangUp { //nolint:errorlint // panics are compared
			panic(p)
		}
	}()
	r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
	greeting := s.greeting
	if greeting == "" {
		greeting = "* OK ready"
	}
	io.WriteString(w, greeting+"\r\n")
	for w.Flush() == nil {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		tag, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if s.say == nil || !s.say(w, tag, rest) {
			s.answer(w, tag, rest)
		}
	}
}

func (s *scripted) answer(w *bufio.Writer, tag, line string) {
	verb := strings.ToUpper(strings.Fields(line + " -")[0])
	switch {
	case verb == "CAPABILITY":
		caps := s.caps
		if caps == "" {
			caps = "IMAP4rev1"
		}
		fmt.Fprintf(w, "* CAPABILITY %s\r\n", caps)
	case verb == "SELECT" || verb == "EXAMINE":
		fmt.Fprint(w, "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] \r\n* OK [UIDNEXT 4] \r\n* OK [PERMANENTFLAGS (\\Seen \\*)] \r\n")
	case strings.HasPrefix(line, "UID SEARCH"):
		fmt.Fprint(w, "* SEARCH 1 2 3\r\n")
	case strings.Contains(line, "FETCH") && strings.Contains(line, "RFC822.SIZE"):
		for _, uid := range asked(line) {
			fmt.Fprintf(w, "* %d FETCH (UID %d FLAGS () INTERNALDATE \"02-Mar-2026 10:00:00 +0000\" RFC822.SIZE %d)\r\n", uid, uid, len(raw(fmt.Sprint(uid))))
		}
	case strings.Contains(line, "FETCH"):
		for _, uid := range asked(line) {
			body(w, uid)
		}
	}
	fmt.Fprintf(w, "%s OK done\r\n", tag)
}

// body is a good answer.
func body(w *bufio.Writer, uid int) {
	b := raw(fmt.Sprint(uid))
	fmt.Fprintf(w, "* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", uid, uid, len(b), b)
}

// asked reads the set of a UID FETCH, of 1, 2 and 3.
func asked(line string) []int {
	fields := strings.Fields(line)
	set := fields[1]
	if strings.EqualFold(fields[0], "UID") {
		set = fields[2]
	}
	var all []int
	for _, part := range strings.Split(set, ",") {
		from, to, ranged := strings.Cut(part, ":")
		first, _ := strconv.Atoi(from)
		last, _ := strconv.Atoi(to)
		if !ranged {
			last = first
		}
		for i := first; i <= min(last, 3); i++ {
			all = append(all, i)
		}
	}
	return all
}

// bodies makes say for a FETCH of bodies; others are answered well.
func bodies(f func(w *bufio.Writer, tag string, uids []int)) func(*bufio.Writer, string, string) bool {
	return func(w *bufio.Writer, tag, line string) bool {
		if !strings.Contains(line, "BODY.PEEK[]") {
			return false
		}
		f(w, tag, asked(line))
		return true
	}
}

// second makes say that answers for mail 2 as f says, and hangs up if f says so.
func second(f func(w *bufio.Writer)) func(*bufio.Writer, string, string) bool {
	return bodies(func(w *bufio.Writer, tag string, uids []int) {
		for _, uid := range uids {
			if uid == 2 {
				f(w)
			} else {
				body(w, uid)
			}
		}
		fmt.Fprintf(w, "%s OK done\r\n", tag)
	})
}

func says(text string) func(*bufio.Writer) {
	return func(w *bufio.Writer) { io.WriteString(w, text) }
}

// instead makes say for commands that begin like prefix.
func instead(prefix string, answer string) func(*bufio.Writer, string, string) bool {
	return func(w *bufio.Writer, tag, line string) bool {
		if !strings.HasPrefix(line, prefix) {
			return false
		}
		io.WriteString(w, strings.ReplaceAll(answer, "%T", tag))
		return true
	}
}

// silent makes say that does not answer commands that begin like prefix.
func silent(prefix string) func(*bufio.Writer, string, string) bool {
	return func(w *bufio.Writer, _, line string) bool {
		if strings.HasPrefix(line, prefix) {
			w.Flush()
			time.Sleep(5 * time.Second)
			panic(errHangUp)
		}
		return false
	}
}

// endless writes text until the connection is closed.
func endless(text string) func(*bufio.Writer) {
	return func(w *bufio.Writer) {
		for {
			if _, err := io.WriteString(w, text); err != nil {
				panic(errHangUp)
			}
		}
	}
}

// read drains a source, trying again as the engine's loop does.
func read(t testing.TB, s *imap.Source) (good, bad []string, last error) {
	t.Helper()
	tries := 0
	for {
		d, err := s.Next(t.Context())
		switch {
		case err == io.EOF:
			return good, bad, nil
		case err != nil && (!errors.Is(err, engine.ErrTemporary) || tries == 5):
			return good, bad, err
		case err != nil:
			tries++
			continue
		}
		tries = 0
		if slices.ContainsFunc(d.Defects, func(d engine.Defect) bool { return d.Code == engine.DefectEntry }) {
			bad = append(bad, d.Origin.Name)
		} else {
			good = append(good, d.Origin.Name)
		}
	}
}

func TestAServerThatAnswersWronglyCostsAtMostTheMail(t *testing.T) {
	t.Parallel()
	seen := false
	tests := []struct {
		name string
		say  func(w *bufio.Writer, tag, line string) bool
		bad  []string // delivered as defects; the others come as they are
		gone []string // do not come
	}{
		{"no literal where one must be", second(says("* 2 FETCH (UID 2 BODY[] xyz)\r\n")), []string{"INBOX/2"}, nil},
		{"rubbish", second(says("\x00\xff\x17 )( {\r\n")), []string{"INBOX/2"}, nil},
		{"no bytes", second(says("* 2 FETCH (UID 2 BODY[] NIL)\r\n")), []string{"INBOX/2"}, nil},
		{"no body", second(says("* 2 FETCH (UID 2)\r\n")), []string{"INBOX/2"}, nil},
		{"nothing", second(says("")), []string{"INBOX/2"}, nil},
		{"a literal that says less than it is", second(says("* 2 FETCH (UID 2 BODY[] {3}\r\nSubject: x\r\n)\r\n")), []string{"INBOX/2"}, nil},
		{"a literal of a negative size", second(says("* 2 FETCH (UID 2 BODY[] {-3}\r\nxyz)\r\n")), []string{"INBOX/2"}, nil},
		{"a literal of no number", second(says("* 2 FETCH (UID 2 BODY[] {99999999999999999999999999}\r\nxyz)\r\n")), []string{"INBOX/2"}, nil},
		{"a large literal that is no body", second(says("* 2 FETCH (UID 2 ENVELOPE ({99999999}\r\nxyz)\r\n")), []string{"INBOX/2"}, nil},
		{"a quoted body", second(says("* 2 FETCH (UID 2 BODY[] \"Subject: quoted\")\r\n")), nil, nil},
		{"an empty body", second(says("* 2 FETCH (UID 2 BODY[] {0}\r\n)\r\n")), nil, nil},
		{"the UID after the body", second(says("* 2 FETCH (BODY[] {12}\r\nSubject: x\r\n UID 2)\r\n")), nil, nil},
		{"flags of the mail before its body", second(func(w *bufio.Writer) {
			if !seen {
				io.WriteString(w, "* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n")
			}
			seen = true
			body(w, 2)
		}), nil, nil},
		{"the body twice", second(func(w *bufio.Writer) { body(w, 2); body(w, 2) }), nil, nil},
		{"the body of another mail", second(says("* 9 FETCH (UID 9 BODY[] {1}\r\nx)\r\n")), []string{"INBOX/2"}, nil},
		{"refusal", func(w *bufio.Writer, tag, line string) bool {
			if !strings.Contains(line, "BODY.PEEK[]") || !slices.Contains(asked(line), 2) {
				return false
			}
			fmt.Fprintf(w, "%s NO some messages could not be fetched\r\n", tag)
			return true
		}, []string{"INBOX/2"}, nil},
		{"refusal of the last", func(w *bufio.Writer, tag, line string) bool {
			if !strings.Contains(line, "BODY.PEEK[]") || !slices.Contains(asked(line), 2) {
				return false
			}
			fmt.Fprintf(w, "%s NO [SERVERBUG] Internal error\r\n", tag)
			return true
		}, []string{"INBOX/2"}, nil},
		{"bodies out of order", bodies(func(w *bufio.Writer, tag string, uids []int) {
			slices.Reverse(uids)
			for _, uid := range uids {
				body(w, uid)
			}
			fmt.Fprintf(w, "%s OK done\r\n", tag)
		}), nil, nil},
		{"an expunge in between", second(func(w *bufio.Writer) { io.WriteString(w, "* 3 EXPUNGE\r\n* 2 EXISTS\r\n"); body(w, 2) }), nil, nil},
		{"a date that is none", func(w *bufio.Writer, tag, line string) bool {
			if !strings.Contains(line, "RFC822.SIZE") || !slices.Contains(asked(line), 2) {
				return false
			}
			fmt.Fprintf(w, "* 2 FETCH (UID 2 FLAGS () INTERNALDATE \"yesterday\" RFC822.SIZE 10)\r\n%s OK done\r\n", tag)
			return true
		}, nil, nil},
		{"a body in the list", func(w *bufio.Writer, tag, line string) bool {
			if !strings.Contains(line, "RFC822.SIZE") || len(asked(line)) == 1 {
				return false
			}
			fmt.Fprintf(w, "* 2 FETCH (UID 2 BODY[] {3}\r\nabc)\r\n%s OK done\r\n", tag)
			return true
		}, nil, nil},
		{"a mail that is listed and gone", func(w *bufio.Writer, tag, line string) bool {
			switch {
			case strings.Contains(line, "BODY.PEEK[]"):
				for _, uid := range asked(line) {
					if uid != 2 {
						body(w, uid)
					}
				}
			case strings.HasPrefix(line, "UID SEARCH UID"):
				io.WriteString(w, "* SEARCH\r\n")
			default:
				return false
			}
			fmt.Fprintf(w, "%s OK done\r\n", tag)
			return true
		}, nil, []string{"INBOX/2"}},
		{"mails that are not there", instead("UID SEARCH UNSEEN", "* SEARCH 1 2 3 4000 5000 4294967295\r\n%T OK\r\n"), nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &scripted{say: tt.say}
			good, bad, err := read(t, open(t, s.start(t)))
			if err != nil {
				t.Fatalf("Next: %v", err)
			}
			if !slices.Equal(bad, tt.bad) {
				t.Errorf("defects: %q, want %q", bad, tt.bad)
			}
			for _, name := range []string{"INBOX/1", "INBOX/2", "INBOX/3"} {
				want := !slices.Contains(tt.bad, name) && !slices.Contains(tt.gone, name)
				if got := slices.Contains(good, name); got != want || len(good) > 3 {
					t.Errorf("%s came: %v, want %v (%q)", name, got, want, good)
				}
			}
		})
	}
}

func TestAServerThatGivesNoMailIsNotTheFaultOfTheMails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer string
		want   string
	}{
		{"refusal", "%T NO Server Unavailable. 15\r\n", "the server refuses (the server says"},
		{"bad", "%T BAD User is authenticated but not connected.\r\n", "the server refuses"},
		{"busy", "%T NO [UNAVAILABLE] later\r\n", "the server refuses"},
		{"rubbish", "* XYZ\r\n", "cannot be read"},
		{"nothing", "%T OK\r\n", "the server has no bytes of it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &scripted{say: func(w *bufio.Writer, tag, line string) bool {
				return strings.Contains(line, "BODY.PEEK[]") && instead("", tt.answer)(w, tag, line)
			}}
			good, bad, err := read(t, open(t, s.start(t)))
			if len(good)+len(bad) > 0 || !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("came %q, as defects %q: %v", good, bad, err)
			}
		})
	}
}

func TestAConnectionThatBreaksAtAMailLeavesItForLater(t *testing.T) {
	t.Parallel()
	for name, tail := range map[string]string{
		"at once":        "",
		"in the middle":  "* 2 FETCH (UID 2 BODY[] {5000}\r\nSubject: x",
		"in its heading": "* 2 FETCH (UID",
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{say: second(func(w *bufio.Writer) {
				io.WriteString(w, tail)
				w.Flush()
				panic(errHangUp)
			})}
			good, bad, err := read(t, open(t, s.start(t)))
			if !slices.Equal(good, []string{"INBOX/1", "INBOX/3"}) || bad != nil {
				t.Errorf("came %q, as defects %q", good, bad)
			}
			if !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), "read INBOX/2: the connection was lost: the server closed it") {
				t.Errorf("the end: %v", err)
			}
		})
	}
}

func TestWhatIsTooMuchIsCut(t *testing.T) {
	t.Parallel()
	mega := strings.Repeat("x", 1<<20)
	tests := []struct {
		name string
		s    scripted
		want string // of the error; "" when mails 1 and 3 come, and 2 up to the cap
	}{
		{"a mail without end", scripted{say: second(func(w *bufio.Writer) {
			fmt.Fprintf(w, "* 2 FETCH (UID 2 BODY[] {%d}\r\n", int64(1)<<40)
			endless(mega)(w)
		})}, ""},
		{"a greeting without end", scripted{greeting: "* OK " + strings.Repeat(mega, 3)}, "cannot be read: a line of the answer is too long"},
		{"a line without end", scripted{say: func(w *bufio.Writer, _, line string) bool {
			if strings.HasPrefix(line, "SELECT") {
				io.WriteString(w, "* OK ")
				endless(mega)(w)
			}
			return false
		}}, "cannot be read: a line of the answer is too long"},
		{"a search without end", scripted{say: func(w *bufio.Writer, _, line string) bool {
			if strings.HasPrefix(line, "UID SEARCH") {
				io.WriteString(w, "* SEARCH")
				endless(" 123456789")(w)
			}
			return false
		}}, "list mails: the server"}, // one of two limits, by the speed of the machine
		{"answers without end", scripted{say: func(w *bufio.Writer, _, line string) bool {
			if strings.HasPrefix(line, "SELECT") {
				endless("* 17 EXISTS\r\n")(w)
			}
			return false
		}}, ": "},
		{"a literal without end", scripted{say: func(w *bufio.Writer, _, line string) bool {
			if strings.HasPrefix(line, "SELECT") {
				fmt.Fprintf(w, "* LIST () \"/\" {%d}\r\n", int64(1)<<40)
				endless(mega)(w)
			}
			return false
		}}, "cannot be read: the answer announces a literal where none of that size may be"},
		{"every number there is", scripted{say: instead("UID SEARCH", "* ESEARCH (TAG \"%T\") UID ALL 1:4294967295\r\n%T OK\r\n")}, "the server names more than 4000000 mails"},
		{"numbers up to a star", scripted{say: instead("UID SEARCH", "* ESEARCH (TAG \"%T\") UID ALL 1:*\r\n%T OK\r\n")}, "cannot be read: server returned a dynamic"},
		{"a parenthesis among capabilities", scripted{say: instead("CAPABILITY", "* CAPABILITY IMAP4rev1 (X)\r\n%T OK\r\n")}, "of a kind that nobody asked for"},
		{"a parenthesis behind a code", scripted{say: instead("SELECT", "* OK [CAPABILITY(\r\n%T OK\r\n")}, "of a kind that nobody asked for"},
		{"a parenthesis among numbered capabilities", scripted{say: instead("SELECT", "* 5 CAPABILITY X  ( \r\n%T OK\r\n")}, "of a kind that nobody asked for"},
		{"a parenthesis in a tagged answer", scripted{say: instead("LOGIN", "%T OK [CAPABILITY IMAP4rev1 (\r\n")}, "of a kind that nobody asked for"},
		{"capabilities that are enabled", scripted{say: instead("SELECT", "* ENABLED  (\r\n%T OK\r\n")}, "of a kind that nobody asked for"},
		{"deep lists", scripted{say: instead("SELECT", "* THREAD "+strings.Repeat("(", 60_000)+"\r\n%T OK\r\n")}, ": "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &tt.s
			began := time.Now()
			src := open(t, s.start(t))
			if tt.want == "" {
				good, _, err := read(t, src)
				if err != nil || !slices.Equal(good, []string{"INBOX/1", "INBOX/2", "INBOX/3"}) {
					t.Errorf("came %q: %v", good, err)
				}
			} else if _, err := src.Next(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func untilError(ctx context.Context, s *imap.Source) error {
	for {
		if _, err := s.Next(ctx); err != nil {
			return err
		}
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	half := second(func(w *bufio.Writer) {
		io.WriteString(w, "* 2 FETCH (UID 2 BODY[] {5000}\r\nSubject: x")
		w.Flush()
		time.Sleep(5 * time.Second)
	})
	tests := []struct {
		name string
		s    *scripted
		want string
	}{
		{"after CAPABILITY", &scripted{say: silent("CAPABILITY")}, "connect to"},
		{"after LOGIN", &scripted{say: silent("LOGIN")}, "the server is silent for 300ms in the middle of an answer"},
		{"after SELECT", &scripted{say: silent("SELECT")}, `folder "INBOX": the server is silent`},
		{"after SEARCH", &scripted{say: silent("UID SEARCH")}, "list mails: the server is silent"},
		{"in a listing", &scripted{say: silent("UID FETCH")}, "list mails: the server is silent"},
		{"in a body", &scripted{say: half}, "read INBOX/2: the server is silent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := tt.s.start(t)
			if err := untilError(t.Context(), open(t, cfg)); !errors.Is(err, engine.ErrTemporary) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Next: %v, want %q", err, tt.want)
			}

			cfg.Timeout = time.Minute
			for _, end := range []string{"context", "Close"} {
				src := open(t, cfg)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- untilError(ctx, src) }()
				time.Sleep(100 * time.Millisecond)
				want := context.Canceled
				if end == "Close" {
					want = mailbox.ErrClosed
					src.Close()
				} else {
					cancel()
				}
				select {
				case err := <-ended:
					if !errors.Is(err, want) {
						t.Errorf("after the end of %s: %v", end, err)
					}
				case <-time.After(time.Second):
					t.Errorf("Next is stuck after the end of %s", end)
				}
				cancel()
			}
		})
	}
}

func TestADrippingServerIsLeft(t *testing.T) {
	t.Parallel()
	s := &scripted{say: func(w *bufio.Writer, _, line string) bool {
		if strings.HasPrefix(line, "SELECT") {
			for w.WriteByte('*') == nil && w.Flush() == nil {
				time.Sleep(50 * time.Millisecond)
			}
		}
		return false
	}}
	src := open(t, s.start(t))
	if _, err := src.Next(t.Context()); !errors.Is(err, engine.ErrTemporary) {
		t.Errorf("Next: %v", err)
	}
}

func TestTroubleIsToldInWords(t *testing.T) {
	const secret = "hunter2-secret"
	tests := []struct {
		name      string
		s         *scripted
		change    func(*imap.Config)
		want      []string
		temporary bool
		login     bool
	}{
		{name: "wrong password", s: &scripted{say: instead("LOGIN", "%T NO [AUTHENTICATIONFAILED] Authentication failed.\r\n")}, want: []string{`log in as "phish": user name or password refused (the server says "[AUTHENTICATIONFAILED] Authentication failed.")`}, login: true},
		{name: "the password said aloud", s: &scripted{say: instead("LOGIN", "%T NO LOGIN \"phish\" \""+secret+"\" is wrong\r\n")}, want: []string{"refused", "[hidden]"}, login: true},
		{name: "the password said aloud, encoded", s: &scripted{caps: "IMAP4rev1 AUTH=PLAIN SASL-IR", say: instead("AUTHENTICATE", "%T BAD "+base64.StdEncoding.EncodeToString([]byte("\x00phish\x00"+secret))+"\r\n")}, want: []string{"refused", "[hidden]"}, login: true},
		{name: "the password in rubbish", s: &scripted{say: instead("LOGIN", "* 1 FETCH ("+secret+" 1)\r\n")}, want: []string{"cannot be read", "[hidden]"}, temporary: true},
		{name: "login not possible now", s: &scripted{say: instead("LOGIN", "%T NO [UNAVAILABLE] try later\r\n")}, want: []string{"the server cannot now", "try later"}, temporary: true},
		{name: "no password without TLS", s: &scripted{caps: "IMAP4rev1 LOGINDISABLED"}, want: []string{"takes no password without TLS: say security: tls or starttls"}},
		{name: "turned away", s: &scripted{greeting: "* BYE too many connections"}, want: []string{"the server turns away", "too many connections"}, temporary: true},
		{name: "not a mail server", s: &scripted{greeting: "SSH-2.0-OpenSSH_9.2"}, want: []string{"connect to", "cannot be read"}, temporary: true},
		{name: "no STARTTLS", s: &scripted{say: instead("STARTTLS", "%T BAD unknown command\r\n")}, change: func(c *imap.Config) { c.Security = imap.StartTLS }, want: []string{"offers no STARTTLS: say security: tls (port 993)", "unknown command"}},
		{name: "logged in before STARTTLS", s: &scripted{greeting: "* PREAUTH welcome"}, change: func(c *imap.Config) { c.Security = imap.StartTLS }, want: []string{"turns away"}, temporary: true},
		{name: "STARTTLS without TLS", s: &scripted{say: instead("STARTTLS", "%T OK go on\r\n* OK injected\r\n")}, change: func(c *imap.Config) { c.Security = imap.StartTLS }, want: []string{"agreed to STARTTLS and does not speak TLS"}},
		{name: "no TLS at the port", s: &scripted{}, change: func(c *imap.Config) { c.Security = imap.TLS }, want: []string{"no TLS at that port", "993"}},
		{name: "missing folder", s: &scripted{say: func(w *bufio.Writer, tag, line string) bool {
			return instead("SELECT", "%T NO [NONEXISTENT] unknown\r\n")(w, tag, line) || instead("LIST", "* LIST () \"/\" INBOX\r\n* LIST () \"/\" \"Gemeldet/Phish\"\r\n%T OK\r\n")(w, tag, line)
		}}, change: func(c *imap.Config) { c.Folders = []string{"Phish"} }, want: []string{`folder "Phish": there is none of that name; is it "Gemeldet/Phish"?`, "unknown"}},
		{name: "forbidden folder", s: &scripted{say: func(w *bufio.Writer, tag, line string) bool {
			return instead("SELECT", "%T NO [NOPERM] go away\r\n")(w, tag, line) || instead("LIST", "* LIST () \"/\" Phish\r\n%T OK\r\n")(w, tag, line)
		}}, change: func(c *imap.Config) { c.Folders = []string{"Phish"} }, want: []string{`folder "Phish": the server refuses (the server says "[NOPERM] go away")`}},
		{name: "no UIDVALIDITY", s: &scripted{say: instead("SELECT", "* 3 EXISTS\r\n%T OK\r\n")}, want: []string{"no UIDVALIDITY"}},
		{name: "no keywords", s: &scripted{say: instead("SELECT", "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] \r\n* OK [PERMANENTFLAGS (\\Seen)] \r\n%T OK [READ-WRITE] ok\r\n")}, change: func(c *imap.Config) { c.Intake = imap.ByKeyword }, want: []string{"keeps no keywords there: say intake: unread or intake: new"}},
		{name: "nobody listens", s: &scripted{}, change: func(c *imap.Config) { c.Addr = "127.0.0.1:1" }, want: []string{"connect to 127.0.0.1:1: connection refused"}, temporary: true},
		{name: "no such host", s: &scripted{}, change: func(c *imap.Config) { c.Addr = "mail.invalid:993" }, want: []string{"connect to mail.invalid:993: "}, temporary: true},
		{name: "no token", s: &scripted{}, change: func(c *imap.Config) {
			c.Auth, c.Token = imap.XOAuth2, func(context.Context) (string, error) { return "", errors.New("the token service says 503") }
		}, want: []string{"no token: the token service says 503"}, temporary: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := tt.s.start(t)
			log := &logged{}
			cfg.Log = log.logger()
			if tt.change != nil {
				tt.change(&cfg)
			}
			_, err := open(t, cfg).Next(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
			if got := errors.Is(err, engine.ErrTemporary); got != tt.temporary {
				t.Errorf("temporary: %v, want %v: %v", got, tt.temporary, err)
			}
			if got := errors.Is(err, mailbox.ErrLogin); got != tt.login {
				t.Errorf("login: %v, want %v: %v", got, tt.login, err)
			}
			if strings.Contains(err.Error()+log.String(), secret) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the password is in %v\n%s", err, log)
			}
		})
	}
}

func TestALoginThatIsRefusedInAHurryEnds(t *testing.T) {
	t.Parallel()
	s := &scripted{caps: "IMAP4rev1 AUTH=PLAIN", say: instead("AUTHENTICATE", "+ \r\n%T NO no\r\n")}
	for range 3 {
		began := time.Now()
		if _, err := open(t, s.start(t)).Next(t.Context()); err == nil || time.Since(began) > 3*time.Second {
			t.Fatalf("after %s: %v", time.Since(began), err)
		}
	}
}

func TestATokenIsAskedForOnceMoreAfterARefusal(t *testing.T) {
	t.Parallel()
	for _, auth := range []imap.Auth{imap.XOAuth2, imap.OAuthBearer} {
		for _, good := range []string{"token-2", "none"} {
			t.Run(string(auth)+" "+good, func(t *testing.T) {
				s := &scripted{caps: "IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER"}
				s.say = func(w *bufio.Writer, tag, line string) bool {
					fields := strings.Fields(line)
					if !strings.HasPrefix(line, "AUTHENTICATE ") {
						return false
					}
					proof, _ := base64.StdEncoding.DecodeString(fields[len(fields)-1])
					if strings.Contains(string(proof), "auth=Bearer "+good+"\x01") && strings.Contains(string(proof), "phish") {
						fmt.Fprintf(w, "%s OK welcome\r\n", tag)
						return true
					}
					fmt.Fprintf(w, "+ %s\r\n", base64.StdEncoding.EncodeToString([]byte(`{"status":"401","schemes":"bearer","scope":"mail"}`)))
					fmt.Fprintf(w, "%s NO [AUTHENTICATIONFAILED] bad %s\r\n", tag, fields[len(fields)-1])
					return true
				}
				cfg := s.start(t)
				asked := 0
				cfg.Auth, cfg.Password = auth, ""
				cfg.Token = func(context.Context) (string, error) { asked++; return fmt.Sprintf("token-%d", asked), nil }
				_, err := open(t, cfg).Next(t.Context())
				if asked != 2 || (err == nil) != (good == "token-2") {
					t.Errorf("asked %d times: %v", asked, err)
				}
				if err != nil && (!errors.Is(err, mailbox.ErrLogin) || strings.Contains(err.Error(), "token-") || strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte("user=phish\x01auth")))) {
					t.Errorf("error: %v", err)
				}
			})
		}
	}
}

func TestAReadOnlyFolderIsReadAndSaidOnce(t *testing.T) {
	stored := false
	s := &scripted{say: func(w *bufio.Writer, tag, line string) bool {
		stored = stored || strings.Contains(line, "STORE")
		return instead("SELECT", "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] \r\n* OK [PERMANENTFLAGS ()] \r\n%T OK [READ-ONLY] Select completed\r\n")(w, tag, line)
	}}
	cfg := s.start(t)
	log := &logged{}
	cfg.Log = log.logger()
	src := open(t, cfg)
	got := drain(t, src)
	ack(t, src, got, engine.Route{})
	ack(t, src, got, engine.Route{})
	if len(got) != 3 || stored {
		t.Errorf("%d mails; marked: %v", len(got), stored)
	}
	if n := strings.Count(log.String(), "the folder is read-only"); n != 2 { // once for reading, once for marking
		t.Errorf("said %d times:\n%s", n, log)
	}
}
