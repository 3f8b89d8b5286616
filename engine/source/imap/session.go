package imap

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

var errEOF = io.EOF

// grace is how long a command may take to see that its connection has ended.
const grace = 500 * time.Millisecond

// session is one connection on which somebody is logged in. It is for one
// goroutine; leave may be called from another.
type session struct {
	client  *imapclient.Client
	wire    *wire
	timeout time.Duration
	secrets mailbox.Secrets
	caps    goimap.CapSet

	selected *selection  // nil: no folder
	dead     atomic.Bool // nothing can be said on it any more
}

// selection is the folder that commands speak about.
type selection struct {
	name     string
	epoch    uint32 // UIDVALIDITY
	mails    uint32
	flags    []goimap.Flag // that may be set; nil when the server did not say
	readOnly bool
}

// cost is what a command may take.
type cost struct {
	bytes  int64
	bodies bool
	time   time.Duration // in all, beyond five times what silence may take
}

// talk is the cost of everything but bodies.
var talk = cost{bytes: maxTalk}

// do runs a command and waits for its end. When ctx ends, when nothing comes
// for a while, or when it takes longer than it may, the connection is closed,
// which ends f. A NO or BAD comes back as it is; after any other error the
// session is dead, and the error says why.
func (c *session) do(ctx context.Context, may cost, f func() error) error {
	if c.dead.Load() {
		return mailbox.Marked("the connection was lost", errLost)
	}
	c.wire.allow(may.bytes, may.bodies)
	release := c.watch(ctx, may.time)
	err := c.patiently(f)
	release()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		c.drop()
		return cause
	}
	var no *goimap.Error
	if errors.As(err, &no) {
		return err
	}
	err = c.broken(err)
	c.drop()
	return err
}

// patiently runs f until its end, or until a moment after that of the connection.
//
// QUIRK: where a server ends a command before it has been sent to its end, the
// library waits for a continuation for ever. What f was about to set must not be
// used after an error.
func (c *session) patiently(f func() error) error {
	result := make(chan error, 1) // one, whether or not somebody waits for it
	go func() {
		defer func() {
			if p := recover(); p != nil { // in the library, at something that a server sent
				c.wire.end(fmt.Errorf("panic: %v", p))
				result <- errStuck
			}
		}()
		result <- f()
	}()
	select {
	case err := <-result:
		return err
	case <-c.client.Closed():
	case <-c.wire.ended:
	}
	select {
	case err := <-result:
		return err
	case <-time.After(grace):
		return errStuck
	}
}

// over waits until the library has seen the end of the connection, but not long.
func (c *session) over() {
	select {
	case <-c.client.Closed():
	case <-time.After(grace):
	}
}

// watch closes the connection when it is time; the function that it returns
// ends that.
func (c *session) watch(ctx context.Context, all time.Duration) func() {
	stop := context.AfterFunc(ctx, func() { c.wire.end(context.Cause(ctx)) })
	over := time.Now().Add(5*c.timeout + all)
	done := make(chan struct{})
	watcher := make(chan struct{})
	go func() {
		defer close(watcher)
		for {
			wait := min(c.timeout-c.wire.quiet(), time.Until(over))
			if wait <= 0 {
				c.wire.end(c.late(over))
				return
			}
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-done:
				timer.Stop()
				return
			}
		}
	}()
	return func() { stop(); close(done); <-watcher }
}

func (c *session) late(over time.Time) error {
	if time.Until(over) > 0 {
		return fmt.Errorf("the server is %w for %s in the middle of an answer", errSilent, c.timeout)
	}
	return fmt.Errorf("the server is nearly %w: an answer takes too long", errSilent)
}

// drop ends the session without a word.
func (c *session) drop() {
	c.dead.Store(true)
	c.wire.end(net.ErrClosed) // the library's reader ends at that
}

// leave says good-bye if the session is not busy, and ends it within a second.
func (c *session) leave() {
	timer := time.AfterFunc(grace, func() { c.wire.end(net.ErrClosed) })
	defer timer.Stop()
	if !c.dead.Load() {
		_ = c.patiently(c.client.Logout().Wait) // it is over either way
	}
	c.drop()
}

// connect opens a connection and logs in. A token that is refused is asked for
// anew, once: it may have run out.
func (cfg *Config) connect(ctx context.Context, hint func()) (*session, error) {
	c, err := cfg.attempt(ctx, hint)
	if cfg.oauth() && errors.Is(err, mailbox.ErrLogin) {
		c, err = cfg.attempt(ctx, hint)
	}
	return c, err
}

func (cfg *Config) attempt(ctx context.Context, hint func()) (*session, error) {
	conn, raw, greeting, err := cfg.open(ctx)
	if err != nil {
		return nil, err
	}
	w := newWire(conn, raw)
	c := &session{wire: w, timeout: cfg.Timeout}
	c.secrets = c.secrets.With(cfg.Password)
	handler := &imapclient.UnilateralDataHandler{Mailbox: func(d *imapclient.UnilateralDataMailbox) {
		if d.NumMessages != nil {
			hint()
		}
	}}
	c.client = imapclient.New(withPrefix(w, greeting), &imapclient.Options{UnilateralDataHandler: handler})
	if err := c.begin(ctx, cfg); err != nil {
		c.drop()
		return nil, err
	}
	return c, nil
}

// begin greets, logs in, and learns what the server can do.
func (c *session) begin(ctx context.Context, cfg *Config) error {
	if err := c.do(ctx, talk, c.greeted); err != nil {
		return cfg.greetingTrouble(c, err)
	}
	if err := c.capabilities(ctx); err != nil {
		return fmt.Errorf("connect to %s: %w", cfg.Addr, c.no(err))
	}
	if c.client.State() == goimap.ConnStateNotAuthenticated {
		if err := c.login(ctx, cfg); err != nil {
			return err
		}
		if err := c.capabilities(ctx); err != nil {
			return fmt.Errorf("connect to %s: %w", cfg.Addr, c.no(err))
		}
	}
	if !c.caps.Has(goimap.CapID) {
		return nil
	}
	err := c.do(ctx, talk, func() error {
		_, err := c.client.ID(&goimap.IDData{Name: "tqmailrules"}).Wait()
		return err
	})
	if c.dead.Load() {
		return fmt.Errorf("connect to %s: %w", cfg.Addr, err)
	}
	return nil // some servers demand an ID (NetEase), none need accept it
}

// greeted waits for the greeting.
//
// QUIRK: of a BYE, the library tells the words or that the connection ended, by
// chance; asked again, it draws again.
func (c *session) greeted() error {
	err := c.client.WaitGreeting()
	var no *goimap.Error
	for range 20 {
		if err == nil || errors.As(err, &no) {
			return err
		}
		err = c.client.WaitGreeting()
	}
	return err
}

func (cfg *Config) greetingTrouble(c *session, err error) error {
	var no *goimap.Error
	switch {
	case errors.As(err, &no):
		return mailbox.Temporary("connect to %s: the server turns away%s", cfg.Addr, c.said(no))
	case errors.Is(err, errSilent):
		return mailbox.Temporary("connect to %s: no greeting within %s: is it an IMAP server? a port of TLS wants security: tls", cfg.Addr, cfg.Timeout)
	}
	return fmt.Errorf("connect to %s: %w", cfg.Addr, err)
}

func (c *session) capabilities(ctx context.Context) error {
	return c.do(ctx, talk, func() (err error) {
		c.caps, err = c.client.Capability().Wait()
		return err
	})
}

// open dials and secures a connection. greeting is what the server said before
// TLS began.
func (cfg *Config) open(ctx context.Context) (conn, raw net.Conn, greeting string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	dial := cfg.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	raw, err := dial(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, nil, "", mailbox.Temporary("connect to %s: %s", cfg.Addr, mailbox.Network(err))
	}
	conn, greeting, err = cfg.secure(ctx, raw)
	if err != nil {
		raw.Close()
	}
	return conn, raw, greeting, err
}

// secure puts TLS over a connection, as the configuration wants it.
func (cfg *Config) secure(ctx context.Context, raw net.Conn) (conn net.Conn, greeting string, _ error) {
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	if cfg.Security == Plain {
		return raw, "", nil
	}
	if cfg.Security == StartTLS {
		if err := cfg.startTLS(raw); err != nil {
			return nil, "", err
		}
		greeting = "* OK TLS\r\n"
	}
	secured := tls.Client(raw, cfg.tls())
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, "", handshake(cfg.Addr, cfg.Security, err)
	}
	return secured, greeting, nil
}

func (cfg *Config) tls() *tls.Config {
	t := &tls.Config{}
	if cfg.TLS != nil {
		t = cfg.TLS.Clone()
	}
	if t.ServerName == "" {
		t.ServerName = cfg.host()
	}
	return t
}

// startTLS asks for TLS, by hand: nothing that comes before it may be taken for
// an answer that came after it, and nobody who is logged in already is believed.
func (cfg *Config) startTLS(conn net.Conn) error {
	greeting, err := readLine(conn)
	if err != nil {
		return mailbox.Temporary("connect to %s: no greeting: %s", cfg.Addr, mailbox.Network(err))
	}
	if !strings.HasPrefix(strings.ToUpper(greeting), "* OK") {
		return mailbox.Temporary("connect to %s: the server turns away (the server says %q)", cfg.Addr, mailbox.Secrets(nil).Clean(greeting))
	}
	if _, err := io.WriteString(conn, "s STARTTLS\r\n"); err != nil {
		return mailbox.Temporary("connect to %s: %s", cfg.Addr, mailbox.Network(err))
	}
	for range 20 {
		line, err := readLine(conn)
		switch {
		case err != nil:
			return mailbox.Temporary("connect to %s: no answer to STARTTLS: %s", cfg.Addr, mailbox.Network(err))
		case strings.HasPrefix(strings.ToLower(line), "s ok"):
			return nil
		case strings.HasPrefix(line, "s "):
			return mailbox.Final("connect to %s: the server offers no STARTTLS: say security: tls (port 993) (the server says %q)", cfg.Addr, mailbox.Secrets(nil).Clean(line[2:]))
		}
	}
	return mailbox.Temporary("connect to %s: no answer to STARTTLS", cfg.Addr)
}

// readLine reads no byte beyond the line: what follows belongs to TLS.
func readLine(r io.Reader) (string, error) {
	var line []byte
	one := make([]byte, 1)
	for len(line) < 8<<10 {
		if _, err := io.ReadFull(r, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return strings.TrimRight(string(line), "\r"), nil
		}
		line = append(line, one[0])
	}
	return "", bufio.ErrTooLong
}

// withPrefix puts text before what comes over a connection.
func withPrefix(conn net.Conn, text string) net.Conn {
	if text == "" {
		return conn
	}
	return &prefixed{conn, strings.NewReader(text)}
}

type prefixed struct {
	net.Conn
	before *strings.Reader
}

func (p *prefixed) Read(b []byte) (int, error) {
	if p.before.Len() > 0 {
		return p.before.Read(b)
	}
	return p.Conn.Read(b)
}
