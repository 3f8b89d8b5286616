package ews

import (
	"context"
	"errors"
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// Report is what a mailbox looks like, for those who set it up.
type Report struct {
	Server  string         `json:"server"`  // URL of the service
	Version string         `json:"version"` // as the server names it: Exchange2016 15.1.2507.39
	Asked   string         `json:"asked"`   // version of the protocol that is asked for
	Scheme  string         `json:"scheme"`  // by which the login was done
	Folders []FolderReport `json:"folders"` // of the configuration, in its order
	Names   []string       `json:"names"`   // paths of all folders of the mailbox, sorted; empty when they are kept from us
}

// FolderReport is about one folder of the configuration.
type FolderReport struct {
	Name   string   `json:"name"`
	Exists bool     `json:"exists"`
	Shown  string   `json:"shown,omitempty"` // what the server calls it
	Error  string   `json:"error,omitempty"` // why it cannot be read
	Mails  int      `json:"mails"`
	Unread int      `json:"unread"`
	Near   []string `json:"near,omitempty"`
}

// Probe connects, logs in, and looks at each folder. It marks nothing. A missing
// folder is in the report; an error means that there is no report.
func Probe(ctx context.Context, cfg Config) (Report, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return Report{}, err
	}
	c, err := cfg.find(ctx)
	if err != nil {
		return Report{}, err
	}
	l := &link{c: c}
	defer l.drop()
	r := Report{Server: c.url.String()}
	finder := &resolver{c: c, l: l}
	for _, name := range cfg.Folders {
		f, err := finder.look(ctx, name)
		if err != nil {
			return Report{}, err
		}
		r.Folders = append(r.Folders, f)
	}
	if err := finder.grow(ctx); err == nil {
		r.Names = finder.tree.names()
	} else if cause := context.Cause(ctx); cause != nil {
		return Report{}, cause
	}
	for i, f := range r.Folders {
		if !f.Exists && f.Error == "" {
			r.Folders[i].Near = mailbox.Near(f.Name, r.Names)
		}
	}
	r.Version, r.Asked, r.Scheme = c.seen()
	return r, nil
}

// look opens one folder.
func (r *resolver) look(ctx context.Context, name string) (FolderReport, error) {
	f := FolderReport{Name: name}
	k, err := r.find(ctx, name)
	switch {
	case errors.Is(err, errMissing) && r.tree != nil && !strings.Contains(err.Error(), "there is none"):
		f.Exists, f.Error = true, err.Error()
		return f, nil
	case errors.Is(err, errMissing):
		return f, nil
	case err != nil:
		return f, err
	}
	if f.Exists = true; mailbox.Printable(k.name) {
		f.Shown = k.name
	}
	f.Mails, f.Unread = k.total, k.unread
	return f, nil
}
