package mail

import (
	"bytes"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/charset"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
	"github.com/tqmailrules/tqmailrules/internal/htmltext"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// attachedText fills in what an attachment says when it is text of some kind: of
// a page what it shows and where it leads, of anything else the text as it is.
// The attachments of a message share Limits.Text, as its bodies do.
func (b *builder) attachedText(p *engine.Part, c *content) {
	if !isText(p, c.head) {
		return
	}
	page := filetype.IsPage(p.FileType)
	raw := b.textBytesOf(p.Path, c, &b.fileBytes)
	set := p.Charset
	if set == "" && page {
		set = charset.Meta(raw)
	}
	text := b.decodeText(p.Path, set, raw)
	if page {
		b.attachedPage(p, text)
		return
	}
	p.Text = text
	p.Links = b.addTextLinks(nil, text)
}

// isText says whether an attachment is text to whoever opens it. UTF-16 has
// NULs, as binary files do, and is known by its first bytes only.
func isText(p *engine.Part, head []byte) bool {
	switch {
	case p.IsMessage:
		return false
	case filetype.IsText(p.FileType):
		return true
	}
	wide := bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))
	return wide && p.FileType == "" && (filetype.IsText(p.FileExtension) || p.ContentType == "text/plain")
}

// attachedPage projects a page. What it sends to or loads code from without a
// click, as forms and scripts do, is a link that cannot be seen; pictures and
// styles are left out.
func (b *builder) attachedPage(p *engine.Part, raw string) {
	limits := b.job.cfg.Limits
	page, defects := htmltext.Project(raw, htmltext.Options{Limits: limits, ParseURL: names.ParseURL})
	b.defects.take(defects, p.Path)
	p.Text, p.Links = page.DisplayText, page.Links
	for _, r := range page.Refs {
		if !acts(r.Tag) || len(p.Links) >= limits.Links {
			continue
		}
		if u, ok := names.ParseURL(r.URL); ok {
			p.Links = append(p.Links, &engine.Link{HrefURL: u})
		}
	}
}

// acts names the elements whose URL is more than decoration.
func acts(tag string) bool {
	switch tag {
	case "form", "button", "input", "iframe", "frame", "meta", "script", "object", "embed":
		return true
	}
	return false
}
