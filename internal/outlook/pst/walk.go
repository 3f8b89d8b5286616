package pst

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// Orphaned is the folder under which folders and messages are shown that nothing
// leads to.
const Orphaned = "(orphaned)"

// maxPath bounds the names of a path. Of a folder that is deeper the first ones are
// shown, "…", and its own.
const maxPath = 100

// maxFolders bounds the folders that wait to be visited.
const maxFolders = 1 << 20

// Entry is a message of a walk.
type Entry struct {
	Folder  []string // display names, the root not among them; the same slice for all of a folder
	NID     uint32   // of the message in the file; 0 when the entry tells of the folder only
	Message *outlook.Message
	// Err says that the message, or a part of the folder, cannot be read. What was
	// saved of the message stands beside it.
	Err error
}

// Folder is one of a walk.
type Folder struct {
	Path []string // display names, the root not among them; empty of the root
	NID  uint32
	Err  error // it, or one of its tables, cannot be read
}

// Walk visits all messages: of a folder those that its table lists, in that order,
// then its folders. Messages and folders that nothing leads to come last, under
// Orphaned. It ends with an error of visit, of ctx, or one that wraps
// engine.ErrLimit when the walk costs more than the file warrants; nothing else
// ends it. Associated messages (settings, views, rules) and search folders are left
// out.
//
// One walk at a time: the budget is that of the file.
func (f *File) Walk(ctx context.Context, visit func(Entry) error) error {
	return f.walk(ctx, nil, visit)
}

// Folders visits all folders in the order of Walk.
func (f *File) Folders(ctx context.Context, visit func(Folder) error) error {
	return f.walk(ctx, visit, nil)
}

func (f *File) walk(ctx context.Context, onFolder func(Folder) error, onMessage func(Entry) error) error {
	f.mu.Lock()
	f.spent = 0
	f.mu.Unlock()
	w := &walk{f: f, onFolder: onFolder, onMessage: onMessage, folders: set{}, messages: set{}}
	if err := w.tree(ctx, waiting{nid: nidRoot}); err != nil {
		return err
	}
	if err := w.lostFolders(ctx); err != nil || onMessage == nil {
		return err
	}
	return w.lostMessages(ctx)
}

type walk struct {
	f         *File
	onFolder  func(Folder) error
	onMessage func(Entry) error
	folders   set
	messages  set
}

// waiting is a folder to visit. Paths share their beginnings.
type waiting struct {
	nid   uint32
	above *trail
	in    *table // that lists it, which has its name too; nil when none does
	row   row
}

// name is what the table says of the name.
func (at waiting) name(codepage int) string {
	if at.in == nil {
		return ""
	}
	bag, _ := at.in.cells(at.row)
	return displayName(bag, codepage)
}

// trail is a path from its end. What is too deep to be shown follows on the last
// names that are.
type trail struct {
	name  string
	depth int // above maxPath: names are left out
	above *trail
}

func (t *trail) down(name string) *trail {
	switch {
	case t == nil:
		return &trail{name: name, depth: 1}
	case t.depth < maxPath:
		return &trail{name, t.depth + 1, t}
	case t.depth == maxPath:
		return &trail{name, maxPath + 1, t.above.above}
	}
	return &trail{name, maxPath + 1, t.above}
}

func (t *trail) path() []string {
	if t == nil {
		return nil
	}
	path := make([]string, min(t.depth, maxPath))
	for up := t.above; up != nil; up = up.above {
		path[up.depth-1] = up.name
	}
	if t.depth > maxPath {
		path[maxPath-2] = "…"
	}
	path[len(path)-1] = t.name
	return path
}

// tree visits a folder and those below it, in their order.
func (w *walk) tree(ctx context.Context, top waiting) error {
	todo := []waiting{top}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !w.folders.add(next.nid) {
			w.f.tell("folder %#x is in several folders", next.nid)
			continue
		}
		below, err := w.folder(ctx, next)
		if err != nil {
			return err
		}
		slices.Reverse(below)
		if todo = append(todo, below...); len(todo) > maxFolders {
			w.f.tell("more than %d folders", maxFolders)
			todo = todo[len(todo)-maxFolders:]
		}
	}
	return nil
}

// folder visits one, and returns those inside it.
func (w *walk) folder(ctx context.Context, at waiting) ([]waiting, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var t troubles
	r := &reading{f: w.f, troubles: &t, held: maxHeld}
	here, problem := w.describe(r, at)
	below, err := w.below(r, at.nid, here)
	problem = cmp.Or(problem, err)
	messages, err := r.folderTable(at.nid, kindContents)
	problem = cmp.Or(problem, err)
	w.f.adopt(fmt.Sprintf("folder %#x", at.nid), &t)
	if errors.Is(problem, errSpent) {
		return nil, problem
	}
	path := here.path()
	if w.onFolder != nil {
		return below, w.onFolder(Folder{Path: path, NID: at.nid, Err: problem})
	}
	if problem != nil {
		problem = fmt.Errorf("folder %#x: %w", at.nid, problem)
		if err := w.onMessage(Entry{Folder: path, Err: problem}); err != nil {
			return nil, err
		}
	}
	for _, row := range messages.rows {
		if err := w.message(ctx, path, row.nid); err != nil {
			return nil, err
		}
	}
	return below, nil
}

// describe finds where a folder is, by its name.
func (w *walk) describe(r *reading, at waiting) (*trail, error) {
	n, err := w.f.node(at.nid)
	var bag outlook.Bag
	if err == nil {
		bag, err = r.properties(n)
	}
	if at.nid == nidRoot {
		return nil, err
	}
	name := displayName(bag, w.f.codepage)
	if name == "" {
		name = cmp.Or(at.name(w.f.codepage), fmt.Sprintf("(folder %#x)", at.nid))
	}
	return at.above.down(name), err
}

// below lists the folders inside a folder.
func (w *walk) below(r *reading, nid uint32, here *trail) ([]waiting, error) {
	t, err := r.folderTable(nid, kindFolders)
	var all []waiting
	for _, row := range t.rows {
		if kindOf(row.nid) == kindFolder {
			all = append(all, waiting{row.nid, here, t, row})
		}
	}
	return all, err
}

// folderTable is a table of a folder, without rows if it cannot be read; its id is
// that of the folder with another kind ([MS-PST] 2.4.4.1).
func (r *reading) folderTable(folder, kind uint32) (*table, error) {
	n, err := r.f.node(folder&^0x1f | kind)
	if errors.Is(err, errMissing) {
		r.troubles.tell("%v", err) // some folders of an .ost have no messages and no table
		return &table{}, nil
	}
	if err != nil {
		return &table{}, err
	}
	t, err := r.table(n)
	if err != nil {
		return &table{}, err
	}
	return t, nil
}

// message visits one that has not been visited yet.
func (w *walk) message(ctx context.Context, path []string, nid uint32) error {
	if kindOf(nid) != kindMessage {
		return nil
	}
	if !w.messages.add(nid) {
		w.f.tell("message %#x is in several folders", nid)
		return nil
	}
	n, err := w.f.node(nid)
	if err != nil {
		return w.entry(ctx, Entry{Folder: path, NID: nid, Err: err})
	}
	return w.read(ctx, path, n)
}

func (w *walk) read(ctx context.Context, path []string, n node) error {
	m, err := w.f.message(n, nil)
	return w.entry(ctx, Entry{Folder: path, NID: n.nid, Message: m, Err: err})
}

// entry hands one over, unless the walk ends with it.
func (w *walk) entry(ctx context.Context, e Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if errors.Is(e.Err, errSpent) {
		return e.Err
	}
	return w.onMessage(e)
}

// lostFolders visits folders that no folder lists: first those that begin a tree,
// then what is left, which goes round in a circle.
func (w *walk) lostFolders(ctx context.Context) error {
	for _, begins := range []bool{true, false} {
		lost, err := w.findFolders(ctx, begins)
		if err != nil {
			return err
		}
		for _, n := range lost {
			if w.folders.has(n.nid) {
				continue
			}
			w.f.tell("folder %#x is in no folder", n.nid)
			if err := w.tree(ctx, waiting{nid: n.nid, above: (*trail)(nil).down(Orphaned)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// findFolders lists folders that were not visited; begins asks for those only that
// are in none of the others.
func (w *walk) findFolders(ctx context.Context, begins bool) ([]node, error) {
	var lost []node
	err := w.f.eachNode(func(n node) error {
		if kindOf(n.nid) == kindFolder && n.nid != nidRoot && !w.folders.has(n.nid) && len(lost) < maxFolders {
			lost = append(lost, n)
		}
		return ctx.Err()
	})
	if !begins {
		return lost, err
	}
	unseen := set{}
	for _, n := range lost {
		unseen.add(n.nid)
	}
	return slices.DeleteFunc(lost, func(n node) bool { return unseen.has(n.parent) && n.parent != n.nid }), err
}

// lostMessages visits messages that no table lists.
func (w *walk) lostMessages(ctx context.Context) error {
	path := []string{Orphaned}
	return w.f.eachNode(func(n node) error {
		if kindOf(n.nid) != kindMessage || !w.messages.add(n.nid) {
			return ctx.Err()
		}
		w.f.tell("message %#x is in no folder", n.nid)
		return w.read(ctx, path, n)
	})
}

// set is a set of ids; those that lie side by side take a bit each.
type set map[uint32]uint64

// add says whether the id is new.
func (s set) add(nid uint32) bool {
	bit := uint64(1) << (nid >> 5 & 63)
	if s[nid>>11]&bit != 0 {
		return false
	}
	s[nid>>11] |= bit
	return true
}

func (s set) has(nid uint32) bool { return s[nid>>11]&(1<<(nid>>5&63)) != 0 }

func sortedKeys(m map[uint32]node) []uint32 { return slices.Sorted(maps.Keys(m)) }
