package unpack

import (
	"context"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/smuggled"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// text reads a member that is text of some kind. A page is what its reader sees.
func text(_ context.Context, t *task.Task) error {
	raw, err := engine.ReadAll(t.Part.Content, int64(t.Limits.Text)+1)
	if err != nil {
		return err
	}
	if !filetype.IsPage(t.Part.FileType) {
		t.Text.Add(charset.Decode(raw))
		return nil
	}
	s, _ := charset.ToUTF8(charset.Meta(raw), raw, charset.Detect)
	page, defects := htmltext.Project(s, htmltext.Options{Limits: t.Limits, ParseURL: names.ParseURL})
	for _, d := range defects {
		t.Cap(d.Code, "%s", d.Detail)
	}
	t.Text.Add(page.DisplayText)
	for _, l := range page.Links {
		t.Link(l.HrefURL.URL, l.DisplayText)
	}
	return nil
}

// scripted reads a page or a script, and takes out the files that it carries
// inside itself. The text of one that is attached is known already.
func scripted(ctx context.Context, t *task.Task) error {
	if t.Part.Text == "" {
		if err := text(ctx, t); err != nil {
			return err
		}
	}
	return smuggled.Read(ctx, t)
}
