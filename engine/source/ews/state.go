package ews

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tqmailrules/tqmailrules/engine"
)

// savedState is a folder in the value of a cursor.
type savedState struct {
	Folder string `json:"folder"` // its FolderId: another folder of that name begins anew
	State  string `json:"state"`  // SyncState, as the server gave it
}

// loadStates asks, once, where the intake new goes on.
func (s *Source) loadStates(ctx context.Context) error {
	s.mu.Lock()
	loaded := s.loaded
	s.mu.Unlock()
	if loaded || s.cfg.Intake != NewMail || s.cfg.Cursors == nil {
		return nil
	}
	value, err := s.cfg.Cursors.Cursor(ctx, s.cfg.Name)
	if err != nil {
		return fmt.Errorf("ask where to go on: %w", err)
	}
	states := map[string]savedState{}
	if len(value) > 0 {
		if err := json.Unmarshal(value, &states); err != nil {
			s.cfg.Log.Warn("what was saved about where to go on cannot be read: the folders are read from their beginning", "err", err)
			states = nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.folders {
		f.id, f.saved, f.state = states[f.name].Folder, states[f.name].State, states[f.name].State
	}
	s.loaded, s.saved = true, string(value)
	return nil
}

// saveStates saves where to go on, if that has changed.
func (s *Source) saveStates(ctx context.Context) error {
	if s.cfg.Intake != NewMail || s.cfg.Cursors == nil || s.cfg.ReadOnly {
		return nil
	}
	s.saveMu.Lock() // an older value must not be saved last
	defer s.saveMu.Unlock()
	value, changed := s.states()
	if !changed {
		return nil
	}
	if err := s.cfg.Cursors.SetCursor(ctx, s.cfg.Name, value); err != nil {
		return fmt.Errorf("save where to go on: %w", err)
	}
	s.mu.Lock()
	s.saved = string(value)
	s.mu.Unlock()
	return nil
}

func (s *Source) states() (value []byte, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := map[string]savedState{}
	for _, f := range s.folders {
		f.advance()
		if f.saved != "" {
			states[f.name] = savedState{f.id, f.saved}
		}
	}
	value, _ = json.Marshal(states) // of strings
	return value, s.loaded && len(states) > 0 && string(value) != s.saved
}

// advance passes the pages of which nothing is open.
func (f *folder) advance() {
	for len(f.pages) > 0 && len(f.pages[0].open) == 0 {
		for _, id := range f.pages[0].mails {
			delete(f.acked, id)
		}
		f.saved, f.pages = f.pages[0].state, f.pages[1:]
	}
}

// restart forgets what was listed behind the saved state, or that, too.
func (f *folder) restart(from string) {
	f.saved, f.state, f.pages = from, from, nil
}

// settle remembers what is acknowledged.
func (s *Source) settle(receipts []engine.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range receipts {
		i := slices.IndexFunc(s.folders, func(f *folder) bool { return f.name == r.Origin.Folder })
		if i < 0 || !s.ours(r.Origin) {
			continue
		}
		f := s.folders[i]
		f.close(r.Origin.ID)
		if _, ours := f.given[r.Origin.ID]; ours {
			f.acked[r.Origin.ID] = true // it may be in a listing that is under way
		}
		delete(f.given, r.Origin.ID)
	}
}

// close takes a mail off the pages.
func (f *folder) close(id string) {
	for _, p := range f.pages {
		delete(p.open, id)
	}
}

func (s *Source) ours(o engine.Origin) bool {
	return o.Source == s.cfg.Name && o.Account == s.cfg.Email
}
