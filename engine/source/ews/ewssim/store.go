package ewssim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// store holds the mailboxes. Every change has a number, counted over all of
// them: change keys and sync states are made of it.
type store struct {
	cfg     Config
	boxes   map[string]*mailbox // by address in lower case
	first   *mailbox            // that AddMail and the others mean
	folders map[string]*folder  // by id, as the items
	items   map[string]*item
	change  uint64
	made    uint64 // ids
	last    string // id of an item, if the next one is to be like it
	syncs   uint64 // epoch of sync states: those of another one are invalid
}

// mailbox is one.
type mailbox struct {
	email string
	guid  string
	known map[string]*folder // by distinguished name
	gone  []grave            // folders
}

// folder of a mailbox. Items and kids are in the order in which they came.
type folder struct {
	id      string
	known   string // its distinguished name; "" of others
	name    string
	class   string
	box     *mailbox
	parent  *folder
	kids    []*folder
	items   []*item
	gone    []grave
	nextUID int
	created uint64 // numbers of changes
	changed uint64
	props   map[string]property
}

// grave is where an object was.
type grave struct {
	id              string
	created, buried uint64
}

// item is a mail or something else. Its folder is nil when it is gone.
type item struct {
	id         string
	folder     *folder
	class      string
	subject    string // of a class that has no MIME content
	raw        []byte
	mail       *mail // what raw says
	received   time.Time
	stored     time.Time
	modified   time.Time
	read       bool
	draft      bool
	categories []string
	importance string
	props      map[string]property
	uid        int // of IMAP, in its folder

	created uint64 // numbers of changes: when it came to its folder,
	changed uint64 // when anything was last changed,
	content uint64 // and when anything but the read flag was
	touched map[string]uint64
}

// property is an extended one.
type property struct {
	uri    *node // ExtendedFieldURI
	value  string
	values []string // of an array
	array  bool
}

func newStore(cfg Config, who accounts) *store {
	st := &store{cfg: cfg, boxes: map[string]*mailbox{}, folders: map[string]*folder{}, items: map[string]*item{}, syncs: 1}
	for _, email := range slices.Sorted(maps.Keys(cfg.Mailboxes)) {
		b := st.newMailbox(strings.ToLower(email))
		if st.first == nil || len(who) > 0 && slices.Contains(who[0].boxes, b.email) && !slices.Contains(who[0].boxes, st.first.email) {
			st.first = b
		}
	}
	return st
}

func (st *store) newMailbox(email string) *mailbox {
	b := &mailbox{email: email, known: map[string]*folder{}}
	sum := hex.EncodeToString(st.draw("mailbox " + email)[:16])
	b.guid = sum[:8] + "-" + sum[8:12] + "-" + sum[12:16] + "-" + sum[16:20] + "-" + sum[20:]
	for _, k := range knownFolders {
		f := st.newFolder(b, b.known[k.parent], k.name(st.cfg.Language), k.class)
		f.known = k.id
		b.known[k.id] = f
	}
	st.boxes[email] = b
	return b
}

func (st *store) newFolder(b *mailbox, parent *folder, name, class string) *folder {
	f := &folder{name: name, class: class, box: b, parent: parent, nextUID: 1, props: map[string]property{}}
	f.created = st.next()
	f.changed = f.created
	f.id = st.newID(b, kindFolder)
	if parent != nil {
		parent.kids = append(parent.kids, f)
		parent.changed = f.created
	}
	st.folders[f.id] = f
	return f
}

func (st *store) next() uint64 {
	st.change++
	return st.change
}

// draw is 32 bytes that the seed and a text decide.
func (st *store) draw(what string) []byte {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], st.cfg.Seed)
	mac := hmac.New(sha256.New, seed[:])
	mac.Write([]byte(what))
	return mac.Sum(nil)
}

// Kinds of ids. An id is idMark, the mailbox, the kind and 24 bytes, in base64 of
// both cases; that of an attachment has its place in the item behind it.
const (
	idMark         = "\x00\x03\x24\x00"
	kindFolder     = 'f'
	kindItem       = 'i'
	idLength       = len(idMark) + 36 + 1 + 24
	kindAttachment = 'a'
)

func (st *store) newID(b *mailbox, kind byte) string {
	st.made++
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], st.made)
	id := idMark + b.guid + string(kind) + string(st.draw("id " + string(n[:]))[:24])
	whole := base64.StdEncoding.EncodeToString([]byte(id))
	if kind != kindItem {
		return whole
	}
	if twin := otherCase(st.last); twin != "" && strings.HasPrefix(twin, whole[:entryLetters]) {
		whole, st.last = twin, ""
		return whole
	}
	st.last = whole
	return whole
}

// entryLetters are those of an id before what the seed decides.
const entryLetters = (len(idMark) + 36) / 3 * 4

// otherCase is an id that differs in the case of a letter; "" when it has none that
// may be another.
func otherCase(id string) string {
	for i := len(id) - 4; i > entryLetters+4; i-- { // the last letters stand for less than six bits
		if c := id[i]; 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return id[:i] + string(c^0x20) + id[i+1:]
		}
	}
	return ""
}

// kindOf tells what an id names, and whether it looks like one.
func kindOf(id string) (kind byte, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(id)
	if err != nil || len(raw) < idLength || !strings.HasPrefix(string(raw), idMark) {
		return 0, false
	}
	return raw[len(idMark)+36], true
}

const keyMark = "\x09\x00\x00\x00\x16\x00\x00\x00"

// changeKey is the key of an object at a number of change.
func (st *store) changeKey(id string, change uint64) string {
	key := binary.BigEndian.AppendUint64([]byte(keyMark+string(st.draw("key " + id)[:8])), change)
	return base64.StdEncoding.EncodeToString(key)
}

// changeOf reads a change key.
func changeOf(key string) (change uint64, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != len(keyMark)+16 || !strings.HasPrefix(string(raw), keyMark) {
		return 0, false
	}
	return binary.BigEndian.Uint64(raw[len(keyMark)+8:]), true
}

// add puts an item into a folder, where it gets an id and a UID.
func (st *store) add(f *folder, it *item) {
	it.folder, it.id = f, st.newID(f.box, kindItem)
	it.created = st.next()
	it.changed, it.content, it.touched = it.created, it.created, map[string]uint64{}
	it.uid = f.nextUID
	f.nextUID++
	f.items = append(f.items, it)
	f.changed = it.created
	st.items[it.id] = it
}

// take removes an item from its folder. Its id is worth nothing after that.
func (st *store) take(it *item) {
	f := it.folder
	f.items = slices.DeleteFunc(f.items, func(other *item) bool { return other == it })
	f.changed = st.next()
	f.gone = append(f.gone, grave{it.id, it.created, f.changed})
	delete(st.items, it.id)
	it.folder = nil
}

// move gives an item another folder, and with it another id.
func (st *store) move(it *item, to *folder, now time.Time) *item {
	moved := it.clone()
	st.take(it)
	moved.modified = now
	st.add(to, moved)
	return moved
}

func (st *store) copy(it *item, to *folder, now time.Time) *item {
	c := it.clone()
	c.stored, c.modified = now, now
	st.add(to, c)
	return c
}

func (it *item) clone() *item {
	c := *it
	c.categories, c.props = slices.Clone(it.categories), maps.Clone(it.props)
	return &c
}

// touch notes a change of a property.
func (st *store) touch(it *item, what string, now time.Time) {
	it.changed, it.modified = st.next(), now
	it.touched[what] = it.changed
	if what != "message:IsRead" {
		it.content = it.changed
	}
	it.folder.changed = it.changed
}

func (st *store) setRead(it *item, read bool, now time.Time) {
	if it.read != read {
		it.read = read
		st.touch(it, "message:IsRead", now)
	}
}

// bury removes a folder with all that is in it.
func (st *store) bury(f *folder) {
	for _, kid := range slices.Clone(f.kids) {
		st.bury(kid)
	}
	for _, it := range slices.Clone(f.items) {
		st.take(it)
	}
	f.parent.kids = slices.DeleteFunc(f.parent.kids, func(other *folder) bool { return other == f })
	f.parent.changed = st.next()
	f.box.gone = append(f.box.gone, grave{f.id, f.created, f.parent.changed})
	delete(st.folders, f.id)
}

// kid is a folder of a folder by name, without regard to case.
func (f *folder) kid(name string) *folder {
	for _, k := range f.kids {
		if strings.EqualFold(k.name, name) {
			return k
		}
	}
	return nil
}

// within tells whether f is a folder or one below it.
func (f *folder) within(up *folder) bool {
	for ; f != nil; f = f.parent {
		if f == up {
			return true
		}
	}
	return false
}

// below are the folders under one, each behind its parent.
func (f *folder) below() []*folder {
	var all []*folder
	for _, k := range f.kids {
		all = append(append(all, k), k.below()...)
	}
	return all
}

func (f *folder) unread() int {
	n := 0
	for _, it := range f.items {
		if !it.read {
			n++
		}
	}
	return n
}

// path is the way from msgfolderroot, or from the root with a slash before it.
func (f *folder) path() string {
	if f.known == "msgfolderroot" || f.known == "root" {
		return ""
	}
	up := f.parent.path()
	if up == "" && f.parent.known == "msgfolderroot" {
		return f.name
	}
	return up + "/" + f.name
}

// find follows a path: an address of a mailbox or none, then a distinguished name
// or a folder below msgfolderroot, then folders by name. With make it adds those
// that are missing.
func (st *store) find(path string, make bool) *folder {
	names := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	b := st.first
	if len(names) > 0 && strings.Contains(names[0], "@") {
		b, names = st.boxes[strings.ToLower(names[0])], names[1:]
	}
	if b == nil {
		return nil
	}
	f := b.known["msgfolderroot"]
	for i, name := range names {
		known := b.known[strings.ToLower(strings.ReplaceAll(name, " ", ""))]
		next := f.kid(name)
		switch {
		case i == 0 && next == nil && known != nil:
			next = known
		case next == nil && make:
			next = st.newFolder(b, f, name, "IPF.Note")
		case next == nil:
			return nil
		}
		f = next
	}
	return f
}
