package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

// Report is what a mailbox looks like, for those who set it up.
type Report struct {
	Capabilities []string       `json:"capabilities"` // sorted
	Folders      []FolderReport `json:"folders"`      // of the configuration, in its order
	Names        []string       `json:"names"`        // all folders of the mailbox, as the server lists them
}

// FolderReport is about one folder of the configuration.
type FolderReport struct {
	Name     string   `json:"name"`
	Exists   bool     `json:"exists"`
	Error    string   `json:"error,omitempty"` // why it cannot be opened, though it exists
	Mails    int      `json:"mails"`
	Unseen   int      `json:"unseen"`
	Writable bool     `json:"writable"` // false, too, when Config.ReadOnly keeps us from knowing
	Keywords bool     `json:"keywords"` // new keywords can be set
	Near     []string `json:"near,omitempty"`
}

// Probe connects, logs in, and looks at each folder. It marks nothing. A missing
// folder is in the report; an error means that there is no report.
func Probe(ctx context.Context, cfg Config) (Report, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return Report{}, err
	}
	c, err := cfg.connect(ctx, func() {})
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return Report{}, cause
	}
	if err != nil {
		return Report{}, err
	}
	defer c.leave()
	var r Report
	for k := range c.caps {
		r.Capabilities = append(r.Capabilities, c.secrets.Clean(string(k)))
	}
	slices.Sort(r.Capabilities)
	if r.Names, err = c.names(ctx); err != nil {
		return Report{}, fmt.Errorf("list folders: %w", c.no(err))
	}
	for _, name := range cfg.Folders {
		f, err := c.look(ctx, name, cfg.ReadOnly, r.Names)
		if err != nil {
			return Report{}, err
		}
		r.Folders = append(r.Folders, f)
	}
	return r, nil
}

// look opens one folder.
func (c *session) look(ctx context.Context, name string, readOnly bool, names []string) (FolderReport, error) {
	r := FolderReport{Name: name}
	err := c.choose(ctx, name, readOnly)
	switch {
	case errors.Is(err, errMissing):
		r.Near = mailbox.Near(name, names)
		return r, nil
	case err != nil && c.dead.Load():
		return r, err
	case err != nil:
		r.Exists, r.Error = true, err.Error()
		return r, nil
	}
	unseen, err := c.search(ctx, &goimap.SearchCriteria{NotFlag: []goimap.Flag{goimap.FlagSeen}})
	if err != nil {
		return r, fmt.Errorf("folder %q: list mails: %w", name, err)
	}
	at := c.selected
	r.Exists, r.Mails, r.Unseen = true, int(at.mails), int(count(unseen))
	r.Writable = !at.readOnly
	r.Keywords = r.Writable && (at.flags == nil || slices.Contains(at.flags, goimap.FlagWildcard))
	return r, nil
}
