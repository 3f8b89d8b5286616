package ews

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/mailbox"
)

const (
	maxFolders = 50_000  // that are looked at for a name
	maxNesting = 300     // folders in each other, as Exchange allows
	maxPath    = 1 << 10 // bytes of a path, and of a name
	maxShown   = 255     // bytes of a path that may be meant
	pageSize   = 1000    // Exchange gives no more at a time
)

// wellKnown are the names that Exchange gives folders in every language
// (DistinguishedFolderIdNameType). Those of calendars and contacts hold no mail,
// but may have to be named as the start of a path.
var wellKnown = []string{
	"inbox", "junkemail", "deleteditems", "drafts", "sentitems", "outbox", "msgfolderroot", "archive", "root",
	"archiveroot", "archivemsgfolderroot", "archiveinbox", "archivedeleteditems", "archiverecoverableitemsroot", "archiverecoverableitemsdeletions",
	"recoverableitemsroot", "recoverableitemsdeletions", "recoverableitemsversions", "recoverableitemspurges",
	"publicfoldersroot", "searchfolders", "conversationhistory", "clutter", "voicemail", "syncissues", "conflicts", "localfailures", "serverfailures",
	"calendar", "contacts", "journal", "notes", "tasks",
}

// folder is what is remembered of a folder, in this process and, of the state,
// across runs. Source.mu guards it.
type folder struct {
	name  string
	id    string               // FolderId; "" until it is known
	given map[string]time.Time // by ItemId: handed out and not acknowledged
	acked map[string]bool      // by ItemId: acknowledged by this process since the last listing began
	prior map[string]bool      // before that, and perhaps listed again

	// of NewMail
	state string  // up to which changes were listed
	saved string  // up to which all is acknowledged
	pages []*page // listed behind saved, in order
}

// page is one answer of changes.
type page struct {
	state string          // behind it
	open  map[string]bool // mails of it that are not acknowledged
	mails []string        // all of it that are handed out
}

func newFolder(name string) *folder {
	return &folder{name: name, given: map[string]time.Time{}, acked: map[string]bool{}, prior: map[string]bool{}}
}

// mail is what is known of a mail before its content.
type mail struct {
	folder     *folder
	id         string
	size       int64 // as the server counts: not that of its MIME
	received   time.Time
	read       bool
	categories []string
}

// known is a folder as the server describes it.
type known struct {
	id, parent, name string
	class            string // IPF.Note
	total, unread    int
	path             string // from the top of the mailbox
}

const folderShape = `<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="folder:DisplayName"/>` +
	`<t:FieldURI FieldURI="folder:TotalCount"/><t:FieldURI FieldURI="folder:UnreadCount"/><t:FieldURI FieldURI="folder:ParentFolderId"/><t:FieldURI FieldURI="folder:FolderClass"/></t:AdditionalProperties></m:FolderShape>`

// distinguished names a folder that every mailbox has, of the mailbox that is
// read.
func (c *client) distinguished(token string) string {
	if c.cfg.Impersonate || strings.EqualFold(c.cfg.user(), c.cfg.Email) {
		return `<t:DistinguishedFolderId Id="` + token + `"/>`
	}
	return `<t:DistinguishedFolderId Id="` + token + `"><t:Mailbox><t:EmailAddress>` + escaped(c.cfg.Email) + `</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>`
}

func folderID(id string) string { return `<t:FolderId Id="` + escaped(id) + `"/>` }

func fixed(body string) func(string) string { return func(string) string { return body } }

// get asks about one folder.
func (c *client) get(ctx context.Context, l *link, which string) (known, error) {
	var k known
	body := `<m:GetFolder>` + folderShape + `<m:FolderIds>` + which + `</m:FolderIds></m:GetFolder>`
	err := c.do(ctx, l, call{body: fixed(body)}, func(m *element) error {
		if err := refusalOf(m); err != nil {
			return err
		}
		for _, f := range elements(m.at("Folders")) {
			k = describe(f)
		}
		return nil
	})
	if err == nil && !k.fits() {
		err = mailbox.Temporary("the server describes a folder that cannot be one")
	}
	return k, err
}

func elements(e *element) []*element {
	if e == nil {
		return nil
	}
	return e.kids
}

func describe(f *element) known {
	return known{
		id: f.at("FolderId").attr("Id"), parent: f.at("ParentFolderId").attr("Id"), name: f.say("DisplayName"), class: f.say("FolderClass"),
		total: int(number(f.say("TotalCount"))), unread: int(number(f.say("UnreadCount"))),
	}
}

// fits tells whether a folder is one that Exchange would describe.
func (k known) fits() bool {
	return k.id != "" && len(k.id) <= maxID && len(k.parent) <= maxID && len(k.name) <= maxPath && len(k.class) <= maxPath
}

// tree is all folders below the top of the mailbox, or below the inbox where
// more is kept from us.
type tree struct {
	all   []known
	roots map[string]string // id of a folder that is not in the tree or starts paths of its own, by token
}

// list asks for all folders below one, a page at a time.
func (c *client) list(ctx context.Context, l *link, below string) ([]known, error) {
	var all []known
	seen := map[string]bool{}
	for offset := 0; len(all) < maxFolders; {
		last, before := false, len(all)
		body := fmt.Sprintf(`<m:FindFolder Traversal="Deep">%s<m:IndexedPageFolderView MaxEntriesReturned="%d" Offset="%d" BasePoint="Beginning"/><m:ParentFolderIds>%s</m:ParentFolderIds></m:FindFolder>`,
			folderShape, pageSize, offset, below)
		came := 0
		err := c.do(ctx, l, call{body: fixed(body)}, func(m *element) error {
			if err := refusalOf(m); err != nil {
				return err
			}
			root := m.at("RootFolder")
			last = truth(root.attr("IncludesLastItemInRange"))
			for _, f := range elements(root.at("Folders")) {
				came++
				if k := describe(f); k.fits() && !seen[k.id] && len(all) < maxFolders {
					seen[k.id] = true
					all = append(all, k)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if last || came == 0 || len(all) == before {
			break
		}
		offset += came
	}
	return all, nil
}

// tree learns what folders there are.
func (c *client) tree(ctx context.Context, l *link) (*tree, error) {
	t := &tree{roots: map[string]string{}}
	top := "msgfolderroot"
	all, err := c.list(ctx, l, c.distinguished(top))
	if is(err, "ErrorAccessDenied", "ErrorFolderNotFound", "ErrorItemNotFound") {
		top = "inbox" // of a mailbox that is shared in part
		all, err = c.list(ctx, l, c.distinguished(top))
	}
	if err != nil {
		return nil, err
	}
	for _, token := range []string{top, "inbox"} {
		if k, err := c.get(ctx, l, c.distinguished(token)); err == nil {
			t.roots[token] = k.id
			if token == top && top == "inbox" {
				all = append(all, k)
			}
		} else if errors.Is(err, engine.ErrTemporary) || context.Cause(ctx) != nil {
			return nil, err
		}
	}
	t.all = all
	t.setPaths()
	return t, nil
}

// setPaths computes paths, each from that of its parent. Folders in a circle, and
// those deeper than Exchange allows, have their own names for paths.
func (t *tree) setPaths() {
	at := map[string]int{}
	for i, k := range t.all {
		at[k.id] = i
	}
	depth := make([]int, len(t.all)) // 0: not computed
	for i := range t.all {
		var up []int
		for n, ok := i, true; ok && depth[n] == 0; n, ok = at[t.all[n].parent] {
			up = append(up, n)
			depth[n] = 1 // met: a circle ends here
		}
		for _, n := range slices.Backward(up) {
			k := &t.all[n]
			k.path = k.name
			if p, ok := at[k.parent]; ok && t.all[p].path != "" && depth[p] < maxNesting && len(t.all[p].path)+len(k.name) < maxPath {
				k.path, depth[n] = t.all[p].path+"/"+k.name, depth[p]+1
			}
		}
	}
}

// below tells the path of a folder from one of its ancestors; "" when it is none.
func (t *tree) below(ancestor string) map[string]string {
	paths := map[string]string{}
	i := slices.IndexFunc(t.all, func(k known) bool { return k.id == ancestor })
	for _, k := range t.all {
		switch {
		case i < 0: // the top itself
			paths[k.id] = k.path
		case strings.HasPrefix(k.path, t.all[i].path+"/"):
			paths[k.id] = k.path[len(t.all[i].path)+1:]
		}
	}
	return paths
}

// names are the paths of all folders that may be shown.
func (t *tree) names() []string {
	var names []string
	for _, k := range t.all {
		if mailbox.Printable(k.path) {
			names = append(names, k.path)
		}
	}
	slices.Sort(names)
	return names
}

// find looks a name up: as a path from the top, as one from the inbox, as the
// name of a single folder. Case does not matter to Exchange. The error wraps
// errMissing.
func (t *tree) find(name string) (known, error) {
	for _, paths := range []map[string]string{t.below(t.roots["msgfolderroot"]), t.below(t.roots["inbox"]), t.own()} {
		var found []known
		for _, k := range t.all {
			if p, ok := paths[k.id]; ok && strings.EqualFold(p, name) {
				found = append(found, k)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		return known{}, mailbox.Marked(fmt.Sprintf("folder %q: there are several of that name: %s: give the whole path", name, quotedPaths(found)), errMissing)
	}
	return known{}, mailbox.Marked(fmt.Sprintf("folder %q: there is none of that name%s", name, mailbox.Likely(name, t.names())), errMissing)
}

// own is each folder by its name alone.
func (t *tree) own() map[string]string {
	names := map[string]string{}
	for _, k := range t.all {
		names[k.id] = k.name
	}
	return names
}

func quotedPaths(folders []known) string {
	var paths []string
	for _, k := range folders {
		if mailbox.Printable(k.path) && len(paths) < 5 {
			paths = append(paths, fmt.Sprintf("%q", k.path))
		}
	}
	slices.Sort(paths)
	return strings.Join(paths, ", ")
}

// resolver finds folders by what people call them. The tree is asked for when it
// is needed, and once.
type resolver struct {
	c    *client
	l    *link
	tree *tree
}

// find looks a folder up: a well-known name, a path that starts with one, or what
// tree.find knows. The error wraps errMissing when there is no such folder, or
// none for us.
func (r *resolver) find(ctx context.Context, name string) (known, error) {
	first, rest, nested := strings.Cut(name, "/")
	token := strings.ToLower(strings.ReplaceAll(first, " ", ""))
	if slices.Contains(wellKnown, token) {
		if err := r.agree(ctx, token); err != nil {
			return known{}, r.c.about(name, err)
		}
		k, err := r.c.get(ctx, r.l, r.c.distinguished(token))
		switch {
		case err == nil && !nested:
			return k, nil
		case err == nil:
			if found, ok, err := r.under(ctx, k, rest); err != nil {
				return known{}, r.c.about(name, err)
			} else if ok {
				return found, nil
			}
		case !missing(err):
			return known{}, r.c.about(name, err)
		case is(err, "ErrorAccessDenied"):
			return known{}, mailbox.Marked(r.c.about(name, err).Error(), errMissing)
		}
	}
	if err := r.grow(ctx); err != nil {
		return known{}, r.c.about(name, err)
	}
	return r.tree.find(name)
}

// agree finds out which version the server speaks, before a name is asked for
// that it may take for a version it does not speak.
func (r *resolver) agree(ctx context.Context, token string) error {
	if token == "inbox" || r.c.agreed() {
		return nil
	}
	_, err := r.c.get(ctx, r.l, r.c.distinguished("inbox"))
	if missing(err) {
		return nil
	}
	return err
}

// about makes words of what is wrong with a folder.
func (c *client) about(name string, err error) error {
	return fmt.Errorf("folder %q: %w", name, c.words(err))
}

// missing tells whether a refusal speaks about the folder, and not about us. An
// older server takes names that it does not know for a broken request.
func missing(err error) bool {
	return is(err, noFolder...) || isVersion(err) || is(err, "ErrorInvalidRequest")
}

func (r *resolver) grow(ctx context.Context) (err error) {
	if r.tree == nil {
		r.tree, err = r.c.tree(ctx, r.l)
	}
	return err
}

// under finds a path below a folder.
func (r *resolver) under(ctx context.Context, top known, path string) (known, bool, error) {
	if err := r.grow(ctx); err != nil {
		return known{}, false, err
	}
	t := r.tree
	if top.id != t.roots["msgfolderroot"] && !slices.ContainsFunc(t.all, func(k known) bool { return k.id == top.id }) {
		all, err := r.c.list(ctx, r.l, folderID(top.id)) // of an archive, or of public folders
		if err != nil {
			return known{}, false, err
		}
		t = &tree{all: all}
		t.setPaths()
	}
	paths := t.below(top.id)
	for _, k := range t.all {
		if p, ok := paths[k.id]; ok && strings.EqualFold(p, path) {
			return k, true, nil
		}
	}
	return known{}, false, nil
}
