package ewssim

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Mail is what a test wants to know of an item.
type Mail struct {
	ID       string
	Raw      []byte // not to be changed
	Read     bool
	Received time.Time
	Subject  string
	Class    string
	Category []string
}

// AddMail puts a mail into a folder and returns its id. The folder is a path
// below msgfolderroot ("Inbox/Abuse"), whose first part may be a distinguished
// name, in the mailbox whose address stands before ("shared@corp.example/Inbox"),
// or the first one. It is made if need be. Without such a mailbox it is "".
func (s *Server) AddMail(folder string, raw []byte, received time.Time, isRead bool) (itemID string) {
	return s.AddItem(folder, "IPM.Note", "", raw, received, isRead)
}

// AddItem puts in an item of another class, such as IPM.Schedule.Meeting.Request,
// IPM.Post or IPM.Contact. With nil for raw it has no MIME content, and the subject.
func (s *Server) AddItem(folder, class, subject string, raw []byte, received time.Time, isRead bool) (itemID string) {
	m := read(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.store.find(folder, true)
	if f == nil {
		return ""
	}
	received = received.UTC().Truncate(time.Second)
	it := &item{class: class, subject: subject, raw: raw, mail: m, received: received, stored: received, modified: received, read: isRead}
	s.store.add(f, it)
	return it.id
}

// AddFolder makes a folder, and those above it, if they are missing.
func (s *Server) AddFolder(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.find(path, true)
}

// FolderID is the id of a folder; "" when there is none.
func (s *Server) FolderID(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.store.find(path, false); f != nil {
		return f.id
	}
	return ""
}

// RemoveFolder takes a folder away, with all that is in it. False: there is none,
// or it is one that every mailbox has.
func (s *Server) RemoveFolder(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.store.find(path, false)
	if f == nil || f.known != "" {
		return false
	}
	s.store.bury(f)
	return true
}

// Remove takes an item away, as a person does who deletes it for good. False:
// there is no such item.
func (s *Server) Remove(id string) bool {
	return s.with(id, func(it *item) { s.store.take(it) })
}

// Move gives an item another folder and returns its new id; "" when there is no
// such item or mailbox.
func (s *Server) Move(id, folder string) (newID string) {
	s.with(id, func(it *item) {
		if f := s.store.find(folder, true); f != nil {
			newID = s.store.move(it, f, s.now()).id
		}
	})
	return newID
}

// SetRead marks an item. False: there is no such item.
func (s *Server) SetRead(id string, read bool) bool {
	return s.with(id, func(it *item) { s.store.setRead(it, read, s.now()) })
}

// SetCategories changes what is neither the read flag nor the folder.
func (s *Server) SetCategories(id string, categories ...string) bool {
	return s.with(id, func(it *item) {
		it.categories = categories
		s.store.touch(it, "item:Categories", s.now())
	})
}

func (s *Server) with(id string, do func(*item)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.store.items[id]
	if it != nil {
		do(it)
	}
	return it != nil
}

func (s *Server) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Second) }

// Mails are the items of a folder in the order in which they came; nil when there
// is no such folder.
func (s *Server) Mails(folder string) []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.store.find(folder, false)
	if f == nil {
		return nil
	}
	all := []Mail{}
	for _, it := range f.items {
		title, _ := it.title().(string)
		all = append(all, Mail{it.id, it.raw, it.read, it.received, title, it.class, slices.Clone(it.categories)})
	}
	return all
}

// InvalidateSync makes all sync states ErrorInvalidSyncStateData.
func (s *Server) InvalidateSync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.syncs++
}

func decimal(n int) string { return strconv.Itoa(n) }

func keys[K comparable, V any](m map[K]V) func(func(K) bool) { return maps.Keys(m) }
