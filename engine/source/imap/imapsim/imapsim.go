// Package imapsim is an IMAP server in memory with one user, for demonstrations
// and tests. It is the server of go-imap with a door for whoever puts mail in
// and looks at flags. It listens only where it is told to, and keeps nothing.
package imapsim

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// Server is a mailbox and those who serve it. Methods are safe for concurrent
// use.
type Server struct {
	// TLS makes STARTTLS possible. For TLS from the start, give Serve a listener
	// of crypto/tls. It is read by the first Serve.
	TLS *tls.Config
	// Without are capabilities that the server does not offer, such as MOVE or
	// UIDPLUS. It is read by the first Serve.
	Without []string

	user  *imapmemserver.User
	names *imapmemserver.Server

	mu     sync.Mutex
	server *imapserver.Server
	closed bool
}

// New makes a mailbox with an empty INBOX.
func New(user, password string) *Server {
	s := &Server{user: imapmemserver.NewUser(user, password), names: imapmemserver.New()}
	s.names.AddUser(s.user)
	_ = s.user.Create("INBOX", nil) // fails only if there is one
	return s
}

// AddFolder makes a folder. One that is there is left as it is.
func (s *Server) AddFolder(name string) error {
	err := s.user.Create(name, nil)
	var exists *imap.Error
	if errors.As(err, &exists) && exists.Code == imap.ResponseCodeAlreadyExists {
		return nil
	}
	return err
}

// AddMail puts a mail into a folder, which is made if need be, and returns its
// UID.
func (s *Server) AddMail(folder string, raw []byte, received time.Time, flags ...string) (uint32, error) {
	if err := s.AddFolder(folder); err != nil {
		return 0, fmt.Errorf("add mail: %w", err)
	}
	options := &imap.AppendOptions{Time: received, Flags: named(flags)}
	data, err := s.user.Append(folder, literal{bytes.NewReader(raw)}, options)
	if err != nil {
		return 0, fmt.Errorf("add mail: %w", err)
	}
	return uint32(data.UID), nil
}

// literal is a mail as the library takes it.
type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// Flags are the flags of the mails of a folder by UID, sorted; nil when there
// is no such folder.
func (s *Server) Flags(folder string) map[uint32][]string {
	view, data, err := s.open(folder)
	if err != nil {
		return nil
	}
	defer view.Close()
	all := map[uint32][]string{}
	for _, uid := range find(view, &imap.SearchCriteria{}) {
		all[uint32(uid)] = []string{}
	}
	for _, flag := range data.Flags {
		for _, uid := range find(view, &imap.SearchCriteria{Flag: []imap.Flag{flag}}) {
			all[uint32(uid)] = append(all[uint32(uid)], string(flag))
		}
	}
	for _, flags := range all {
		slices.Sort(flags)
	}
	return all
}

// Unflag takes flags from all mails of a folder.
func (s *Server) Unflag(folder string, flags ...string) error {
	view, _, err := s.open(folder)
	if err != nil {
		return err
	}
	defer view.Close()
	var all imap.UIDSet
	all.AddRange(1, 0)
	return view.Store(nil, all, &imap.StoreFlags{Op: imap.StoreFlagsDel, Silent: true, Flags: named(flags)}, nil)
}

// Remove takes a folder away. Added again, it has another UIDVALIDITY.
func (s *Server) Remove(folder string) error { return s.user.Delete(folder) }

func (s *Server) open(folder string) (*imapmemserver.UserSession, *imap.SelectData, error) {
	view := imapmemserver.NewUserSession(s.user)
	data, err := view.Select(folder, nil)
	return view, data, err
}

func find(view *imapmemserver.UserSession, what *imap.SearchCriteria) []imap.UID {
	data, err := view.Search(imapserver.NumKindUID, what, &imap.SearchOptions{ReturnAll: true})
	if err != nil {
		return nil
	}
	set, _ := data.All.(imap.UIDSet)
	uids, _ := set.Nums()
	return uids
}

func named(flags []string) []imap.Flag {
	var all []imap.Flag
	for _, f := range flags {
		all = append(all, imap.Flag(f))
	}
	return all
}

// Serve answers those who connect to l, until Close.
func (s *Server) Serve(l net.Listener) error {
	server, err := s.start()
	if err != nil {
		l.Close()
		return err
	}
	if err := server.Serve(l); err != nil && !s.isClosed() {
		return err
	}
	return nil
}

func (s *Server) start() (*imapserver.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("imapsim: closed")
	}
	if s.server == nil {
		s.server = imapserver.New(&imapserver.Options{
			NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				return s.names.NewSession(), nil, nil
			},
			Caps: s.capabilities(), TLSConfig: s.TLS, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
		})
	}
	return s.server, nil
}

func (s *Server) capabilities() imap.CapSet {
	caps := imap.CapSet{}
	for _, c := range []imap.Cap{imap.CapIMAP4rev1, imap.CapUIDPlus, imap.CapMove, imap.CapESearch, imap.CapUnselect} {
		if !slices.ContainsFunc(s.Without, func(w string) bool { return strings.EqualFold(w, string(c)) }) {
			caps[c] = struct{}{}
		}
	}
	return caps
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close ends all connections and listeners.
func (s *Server) Close() error {
	s.mu.Lock()
	server := s.server
	s.closed = true
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	return server.Close()
}
