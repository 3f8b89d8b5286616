package threatqsim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// row is an entry of a list: a type, a status, a TLP.
type row struct {
	id    int64
	name  string
	class string // of types of indicators: network or host
}

// list is a set of rows with ids of its own.
type list struct {
	rows []*row // by id
	next func() int64
}

func (l *list) byID(id int64) *row {
	for _, r := range l.rows {
		if r.id == id {
			return r
		}
	}
	return nil
}

func (l *list) byName(name string) *row {
	for _, r := range l.rows {
		if strings.EqualFold(r.name, name) {
			return r
		}
	}
	return nil
}

// named finds a row, and makes it when there is none.
func (l *list) named(name string) *row {
	if r := l.byName(name); r != nil {
		return r
	}
	r := &row{id: l.next(), name: name}
	l.rows = append(l.rows, r)
	return r
}

// newList gives the names ids with gaps, in an order of the seed.
func newList(rng *rand.Rand, names ...string) *list {
	l := &list{next: counter(rng)}
	names = slices.Clone(names)
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		l.rows = append(l.rows, &row{id: l.next(), name: name})
	}
	return l
}

// counter hands out ids that ascend with gaps from a start of its own.
func counter(rng *rand.Rand) func() int64 {
	id := rng.Int64N(9000)
	return func() int64 {
		id += 1 + rng.Int64N(7)
		return id
	}
}

// state is what the platform holds.
type state struct {
	collections map[string]*collection
	tlps        *list
	sources     *list
	tagNames    *list
	attrNames   *list
	connectors  []*connector
	uploads     map[string]*upload  // by identifier, until all chunks are there
	staged      map[string][]byte   // by file name, until the object is made
	imports     map[int64]*fileWork // open sessions
	spears      map[int64]*mailWork

	nextRow    func() int64 // attributes and comments
	nextPivot  func() int64
	nextImport func() int64
	nextStaged func() int64

	nextConnector func() int64
}

// collection holds the objects of one kind.
type collection struct {
	kind     *kind
	types    *list
	statuses *list
	objects  map[int64]*node
	index    index
	next     func() int64
}

// node is an object of a collection.
type node struct {
	id          int64
	kind        *kind
	key         string // value, name or title, by kind
	typ, status *row   // nil: has none
	description string
	text        string // of a spearphish: the raw mail
	recipients  []recipient
	manual      *int64
	file        *file // of attachments

	happened, published, detected time.Time
	created, updated              time.Time

	attrs    []*attribute
	sources  []*source
	tags     []*row
	comments []*comment
	links    map[*node]*pivot
}

type recipient struct{ field, address string }

type file struct {
	name        string
	content     []byte
	md5         string
	sha256      string
	locked      bool
	contentType int64 // as the client said; 0: it did not
}

type attribute struct {
	id        int64
	name      *row
	value     string
	published time.Time
	sources   []*source
}

type source struct {
	row       *row
	tlp       *row // nil: none
	published time.Time
	pivot     int64
}

type comment struct {
	id      int64
	value   string
	created time.Time
	sources []*source
}

// pivot is a link, and the same from both its ends.
type pivot struct {
	id   int64
	a, b *node
}

func newState(rng *rand.Rand) *state {
	st := &state{
		collections: map[string]*collection{},
		tlps:        &list{next: func() int64 { return 0 }},
		sources:     newList(rng),
		tagNames:    newList(rng),
		attrNames:   newList(rng),
		uploads:     map[string]*upload{},
		staged:      map[string][]byte{},
		imports:     map[int64]*fileWork{},
		spears:      map[int64]*mailWork{},
		nextRow:     counter(rng),
		nextPivot:   counter(rng),
		nextImport:  counter(rng),
		nextStaged:  counter(rng),

		nextConnector: counter(rng),
	}
	for i, name := range tlpNames {
		st.tlps.rows = append(st.tlps.rows, &row{id: int64(i + 1), name: name})
	}
	for _, name := range kindNames() {
		k := kinds[name]
		c := &collection{kind: k, objects: map[int64]*node{}, index: index{}, next: counter(rng)}
		c.types = newList(rng, k.types...)
		c.statuses = newList(rng, k.statuses...)
		for _, r := range c.types.rows {
			r.class = classOf(r.name)
		}
		st.collections[name] = c
	}
	return st
}

// find looks an object up by what identifies it; the first one, where there may
// be several.
func (c *collection) find(typ *row, key string) *node {
	for _, n := range c.index[c.kind.key][strings.ToLower(key)] {
		if !c.kind.typed || n.typ == typ {
			return n
		}
	}
	return nil
}

func (c *collection) add(n *node) {
	n.id = c.next()
	n.kind = c.kind
	n.links = map[*node]*pivot{}
	c.objects[n.id] = n
	c.index.add(n)
}

// remove takes an object away with its links.
func (c *collection) remove(n *node) {
	c.index.forget(n)
	delete(c.objects, n.id)
	for peer := range n.links {
		delete(peer.links, n)
	}
}

// all are the objects by id.
func (c *collection) all() []*node {
	nodes := make([]*node, 0, len(c.objects))
	for _, n := range c.objects {
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, byID)
	return nodes
}

func byID(a, b *node) int { return cmp.Compare(a.id, b.id) }

// link ties two objects; the link that is there stays.
func (st *state) link(a, b *node) *pivot {
	if p := a.links[b]; p != nil {
		return p
	}
	p := &pivot{id: st.nextPivot(), a: a, b: b}
	a.links[b], b.links[a] = p, p
	return p
}

func unlink(p *pivot) {
	delete(p.a.links, p.b)
	delete(p.b.links, p.a)
}

// linked are the peers of a kind, by the id of the link.
func (n *node) linked(kind string) []*node {
	var peers []*node
	for peer := range n.links {
		if peer.kind.name == kind {
			peers = append(peers, peer)
		}
	}
	slices.SortFunc(peers, func(a, b *node) int { return cmp.Compare(n.links[a].id, n.links[b].id) })
	return peers
}
