// Package imaptest has what tests of mailboxes need around them: a real Dovecot
// on loopback, and a proxy that cuts connections. It is for tests only; nothing
// of it listens beyond loopback, and all of it ends with the test.
package imaptest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Cutter is a TCP proxy on loopback.
type Cutter struct {
	Addr string

	after func(n int) int64
	delay time.Duration

	listener net.Listener
	target   string
	mu       sync.Mutex
	n        int
	open     map[net.Conn]bool
	done     sync.WaitGroup
}

// NewCutter starts a proxy to target. after says how many bytes the n-th
// connection (from 1) may carry towards the client before it is cut, below 0
// for ever; nil cuts nothing. Every piece on its way to the client is held back
// for delay.
func NewCutter(t testing.TB, target string, delay time.Duration, after func(n int) int64) *Cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cutter{Addr: l.Addr().String(), after: after, delay: delay, listener: l, target: target, open: map[net.Conn]bool{}}
	c.done.Go(c.accept)
	t.Cleanup(func() {
		l.Close()
		c.Cut()
		c.done.Wait()
	})
	return c
}

// Cut ends all connections of now.
func (c *Cutter) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		conn.Close()
	}
}

// Connections is how many there have been.
func (c *Cutter) Connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *Cutter) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.target)
		if err != nil {
			client.Close()
			continue
		}
		c.done.Go(func() { c.carry(client, server) })
	}
}

func (c *Cutter) carry(client, server net.Conn) {
	c.mu.Lock()
	c.n++
	limit := int64(-1)
	if c.after != nil {
		limit = c.after(c.n)
	}
	c.open[client], c.open[server] = true, true
	c.mu.Unlock()
	up := make(chan struct{})
	go func() {
		defer close(up)
		io.Copy(server, client)
		server.Close()
	}()
	c.down(client, server, limit)
	client.Close()
	server.Close()
	<-up
	c.mu.Lock()
	delete(c.open, client)
	delete(c.open, server)
	c.mu.Unlock()
}

// down carries what the server says, to the limit.
func (c *Cutter) down(client, server net.Conn, limit int64) {
	buf := make([]byte, 32<<10)
	for limit != 0 {
		piece := buf
		if limit > 0 {
			piece = buf[:min(int64(len(buf)), limit)]
		}
		n, err := server.Read(piece)
		time.Sleep(c.delay)
		if _, failed := client.Write(piece[:n]); err != nil || failed != nil {
			return
		}
		if limit > 0 {
			limit -= int64(n)
		}
	}
}
