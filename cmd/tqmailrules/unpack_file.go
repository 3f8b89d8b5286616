package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/report"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

var unpackCommand = command{
	name:    "unpack",
	args:    "FILE [--password P]... [flags]",
	summary: "open a file as attachments are opened, and show what is inside",
	long: `
Shows the tree of what is inside a file: names, types, sizes, digests, what was
locked and what opened it, texts, links, and what is wrong with it. A mail is
shown with its attachments, and the mails inside it with theirs. Nothing is
written and nothing is shipped; the file is opened in a confined process.

Passwords are those of --password, what the mail itself says, and a few that many
archives are locked with. Other users of the machine can see the command line:
use --password for passwords that attackers chose.

The exit status is 1 when something stays locked.

examples:
  tqmailrules unpack invoice.zip --password infected
  tqmailrules unpack lure.eml --full
  tqmailrules unpack --json report.pdf | jq -r '.. | .links? // empty | .[]'`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		u := &unpackFile{rc: &rulesAndConfig{}}
		fs.StringVar(&u.rc.config, "c", "", "`configuration` to take limits and private keys from")
		fs.Var(&u.passwords, "password", "`password` to try; may be given several times")
		fs.BoolVar(&u.json, "json", false, "write JSON")
		fs.BoolVar(&u.full, "full", false, "do not shorten texts")
		u.rc.debugFlags(fs)
		return u.run
	},
}

type unpackFile struct {
	rc         *rulesAndConfig
	passwords  list
	json, full bool
}

func (u *unpackFile) run(ctx context.Context, a *app, args []string) exit {
	if len(args) != 1 {
		return a.usage("unpack", "give one file")
	}
	l := &loaded{cfg: &settings.Config{}, finders: builtin()}
	if u.rc.config != "" {
		if code := l.configure(ctx, a, "unpack", u.rc.config); code != exitOK {
			return code
		}
	}
	l.ready(a, u.rc.inProcess)
	defer l.close()
	o, err := newOpening(l, u.passwords)
	if err != nil {
		return a.fail(err)
	}
	f, err := deliveryOf(args[0])
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, errNoFile):
		return a.usage("unpack", "%v", err)
	case err != nil:
		return a.fail(err)
	}
	tree, err := o.open(ctx, f, 1)
	if err != nil {
		return a.fail(err)
	}
	if u.json {
		a.printJSON(tree)
	} else {
		u.write(a.out, tree, "")
	}
	if tree.stayedLocked() {
		return exitUnexpected
	}
	return exitOK
}

var errNoFile = errors.New("not a file")

// deliveryOf reads a file whole, into memory or, when it is large, out of it.
func deliveryOf(path string) (d engine.Delivery, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return d, fmt.Errorf("%s: %w", path, errNoFile)
	}
	content := &engine.Spool{}
	if _, err := io.Copy(content, f); err != nil {
		return d, err
	}
	return engine.Delivery{Raw: content.Blob(), Origin: engine.Origin{Name: filepath.Base(path)}}, nil
}

// openedPart is a file of the tree.
type openedPart struct {
	Name     string            `json:"name"`
	Path     string            `json:"path,omitempty"` // as findings and defects name it
	Type     string            `json:"type,omitempty"` // by content
	Size     int64             `json:"size"`
	SHA256   string            `json:"sha256"`
	Locked   bool              `json:"locked"` // nothing opened it
	OpenedBy string            `json:"opened_by,omitempty"`
	Pages    int               `json:"pages,omitempty"`
	Facts    []string          `json:"facts,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Links    []string          `json:"links,omitempty"` // those that stand in its text too
	Text     string            `json:"text,omitempty"`
	Defects  []engine.Defect   `json:"defects,omitempty"`
	Parts    []*openedPart     `json:"parts,omitempty"`

	remarks string
}

func (p *openedPart) stayedLocked() bool {
	return p.Locked || slices.ContainsFunc(p.Parts, (*openedPart).stayedLocked)
}

// opening opens files as a run does, with rules that only name passwords.
type opening struct {
	engine *engine.Engine
	limits engine.Limits
	mails  int // opened
}

func newOpening(l *loaded, passwords []string) (*opening, error) {
	o := &opening{limits: l.cfg.Limits.WithDefaults()}
	var err error
	o.engine, err = engine.NewProcessor(engine.Config{
		Parser: parserFor(l.cfg), Rules: unlocking(passwords), Extractors: builtin().all, Unpacker: l.opener, Limits: l.cfg.Limits,
	})
	return o, err
}

// open opens a file, or a mail with its attachments. depth counts mails inside
// mails.
func (o *opening) open(ctx context.Context, d engine.Delivery, depth int) (*openedPart, error) {
	o.mails++
	mail, err := isMail(d)
	if err != nil {
		return nil, err
	}
	if !mail {
		if d.Raw, err = carrierOf(d); err != nil {
			return nil, err
		}
	}
	out, err := o.engine.Process(ctx, d)
	if err != nil {
		return nil, err
	}
	t := &treeMaker{opening: o, ctx: ctx, item: out.Items[0], defects: slices.Clone(out.Items[0].Defects), depth: depth}
	t.defects = append(t.defects, out.Message.Defects...)
	if mail {
		return t.mail(d)
	}
	return t.file(out.Message)
}

// isMail tells whether a file is a mail by its name or its beginning.
func isMail(d engine.Delivery) (bool, error) {
	r, err := d.Raw.Open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	head, err := io.ReadAll(io.LimitReader(r, filetype.Edge))
	name := filetype.SafeName(d.Origin.Name)
	return filetype.IsMail(filetype.Detect(&filetype.File{Extension: filetype.Extension(name), Head: head, Tail: head})), err
}

// carrierOf writes a mail whose only attachment is a file, so that the file is
// met as a run would meet it.
func carrierOf(d engine.Delivery) (engine.Blob, error) {
	r, err := d.Raw.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	boundary := rand.Text() // the file cannot hold it
	mail := &engine.Spool{}
	fmt.Fprintf(mail, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n--%[1]s\r\n", boundary)
	fmt.Fprintf(mail, "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\nContent-Disposition: %s\r\n\r\n",
		mime.FormatMediaType("attachment", map[string]string{"filename": filetype.SafeName(d.Origin.Name)}))
	_, err = io.Copy(mail, r)
	fmt.Fprintf(mail, "\r\n--%s--\r\n", boundary)
	return mail.Blob(), err
}

// treeMaker makes a tree of what came out of one mail.
type treeMaker struct {
	*opening
	ctx     context.Context
	item    *engine.Item
	defects []engine.Defect // that no part has taken yet
	depth   int
}

// mail is the tree of a mail: its attachments stand below it.
func (t *treeMaker) mail(d engine.Delivery) (*openedPart, error) {
	m := t.item.Message
	root := &openedPart{Name: d.Origin.Name, Type: "eml", Size: d.Raw.Size(), SHA256: m.Meta.SHA256, Text: m.Body.Text, Links: targets(m.Body.Links)}
	var err error
	root.Parts, err = t.parts(m.Attachments)
	root.Defects = t.defects
	return root, err
}

// file is the tree of the one attachment of a mail that carrierOf wrote.
func (t *treeMaker) file(m *engine.Message) (*openedPart, error) {
	if len(m.Attachments) != 1 {
		return nil, fmt.Errorf("%s: %d attachments came out of one file: %v", t.item.Message.Meta.ID, len(m.Attachments), t.defects)
	}
	root, err := t.part(m.Attachments[0])
	if err == nil {
		root.Defects = append(root.Defects, t.defects...)
	}
	return root, err
}

func (t *treeMaker) parts(all []*engine.Part) (parts []*openedPart, err error) {
	for _, p := range all {
		o, err := t.part(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, o)
	}
	return parts, nil
}

func (t *treeMaker) part(p *engine.Part) (*openedPart, error) {
	f := report.FileOf(t.item, p)
	if f.OpenedBy == engine.FromRule.String() {
		f.OpenedBy = "--password"
	}
	o := &openedPart{
		Name: p.FileName, Path: p.Path, Type: p.FileType, Size: int64(p.Size), SHA256: p.SHA256, Locked: p.Locked(), OpenedBy: f.OpenedBy,
		Pages: p.Pages, Facts: f.Facts, Metadata: p.Metadata, Links: t.links(p), Text: p.Text, Defects: t.defectsOf(p), remarks: f.Remarks(),
	}
	var err error
	o.Parts, err = t.parts(p.Children)
	if err != nil || !p.IsMessage || len(p.Children) > 0 || p.Locked() {
		return o, err
	}
	return o, t.inner(p, o)
}

// inner opens a mail inside the file that it stands for.
func (t *treeMaker) inner(p *engine.Part, o *openedPart) error {
	if t.depth >= t.limits.Nesting || t.mails >= t.limits.Items {
		o.Defects = append(o.Defects, engine.LimitDefect(engine.DefectNesting, p.Path, "one mail inside another too many: it is not opened"))
		return nil
	}
	inner, err := t.open(t.ctx, engine.Delivery{Raw: p.Content, Origin: engine.Origin{Name: "mail.eml"}}, t.depth+1)
	if err != nil {
		return err
	}
	o.Text, o.Links, o.Parts, o.Defects = inner.Text, inner.Links, inner.Parts, append(o.Defects, inner.Defects...)
	return nil
}

// links lists where a part leads to: its links, and the URLs found in its text
// and facts.
func (t *treeMaker) links(p *engine.Part) []string {
	all := targets(p.Links)
	for _, i := range t.item.Indicators {
		if i.Type == "URL" && slices.Contains(i.Parts, p.Path) && !slices.Contains(all, i.Value) {
			all = append(all, i.Value)
		}
	}
	return all
}

// defectsOf takes the defects that belong to a part.
func (t *treeMaker) defectsOf(p *engine.Part) (mine []engine.Defect) {
	var rest []engine.Defect
	for _, d := range t.defects {
		if d.Part == p.Path {
			mine = append(mine, d)
		} else {
			rest = append(rest, d)
		}
	}
	t.defects = rest
	return mine
}

// targets lists where links lead to, each once.
func targets(links []*engine.Link) (all []string) {
	for _, l := range links {
		if u := l.HrefURL.URL; u != "" && !slices.Contains(all, u) {
			all = append(all, u)
		}
	}
	return all
}

// write prints a tree, one file after another, members below their container.
func (u *unpackFile) write(w io.Writer, p *openedPart, indent string) {
	head := []string{ui.Line(p.Name, 120), p.Type, ui.Size(p.Size)}
	if p.Pages > 0 {
		head = append(head, fmt.Sprintf("pages: %d", p.Pages))
	}
	fmt.Fprintln(w, indent+strings.Join(slices.DeleteFunc(head, func(s string) bool { return s == "" }), "  "))
	below := indent + "    "
	var t ui.Table
	t.Row("sha256", p.SHA256)
	if p.remarks != "" {
		t.Row("facts", p.remarks)
	}
	for _, l := range p.Links {
		t.Row("link", ui.Line(l, 200))
	}
	if text := strings.TrimSpace(p.Text); text != "" {
		t.Row("text", u.shown(text))
	}
	for _, d := range p.Defects {
		t.Row("defect", ui.Line(d.String(), 300))
	}
	t.Write(w, below)
	for _, c := range p.Parts {
		u.write(w, c, below)
	}
}

func (u *unpackFile) shown(text string) string {
	limit := 160
	if u.full {
		limit = len(text)
	}
	return ui.Line(text, limit)
}

// unlocking are rules that name passwords, and want nothing else.
type unlocking []string

// Defaults implements engine.Rules.
func (unlocking) Defaults() engine.Defaults { return engine.Defaults{} }

// Pairings implements engine.Rules.
func (unlocking) Pairings(*engine.Message) []engine.Pair { return nil }

// Evaluate implements engine.Rules.
func (u unlocking) Evaluate(phase engine.Phase, _ *engine.View) (p engine.Plan) {
	if phase != engine.PhaseMessage || len(u) == 0 {
		return p
	}
	var named engine.Unlock
	for _, s := range u {
		named.Passwords = append(named.Passwords, engine.LiteralPassword(s))
	}
	p.Steps = []engine.Step{{Rule: "--password", Action: named}}
	return p
}

// Keep implements engine.Rules.
func (unlocking) Keep(*engine.View, *engine.Indicator) engine.Verdict {
	return engine.Verdict{Keep: true}
}
