package psttest

import (
	"encoding/binary"
	"maps"
	"slices"
	"unicode/utf16"
)

// Kinds and ids of nodes.
const (
	kindFolder     = 0x02
	kindMessage    = 0x04
	kindAttachment = 0x05

	nidStore       = 0x21
	nidNames       = 0x61
	nidRoot        = 0x122
	nidAttachments = 0x671
	nidRecipients  = 0x692
)

// Subtree is the name of the folder that all others are in.
const Subtree = "Top of Outlook data file"

const nidSubtree = 0x401<<5 | kindFolder

var recordKey = []byte("psttest record k")

func (w *writer) number32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// entryID of a folder ([MS-PST] 2.4.3.2).
func (w *writer) entryID(nid uint32) []byte {
	return append(append(make([]byte, 4), recordKey...), w.number32(nid)...)
}

// newNID gives the next id of a kind.
func (w *writer) newNID(kind uint32) uint32 {
	w.last[kind]++
	return w.last[kind]<<5 | kind
}

// node writes a node of properties.
func (w *writer) node(nid, parent uint32, p Properties) {
	sub := w.subnodes()
	data := w.chunks(w.properties(p, sub), 0)
	w.nodes = append(w.nodes, nodeEntry{nid, data, sub.write(0), parent})
}

// tableNode writes a node of a table.
func (w *writer) tableNode(nid uint32, columns Properties, lines []line) {
	sub := w.subnodes()
	data := w.chunks(w.table(columns, lines, sub), 0)
	w.nodes = append(w.nodes, nodeEntry{nid, data, sub.write(0), 0})
}

func (w *writer) store() {
	p := Properties{
		0x0ff9: recordKey, 0x3001: w.spec.Name, 0x35e0: w.entryID(nidSubtree), 0x35df: int32(0x89),
		0x35e3: w.entryID(nidSubtree), 0x35e7: w.entryID(nidSubtree), 0x67ff: int32(w.spec.Password),
	}
	if w.spec.Codepage != 0 {
		p[0x3ffd] = w.spec.Codepage
	}
	w.node(nidStore, 0, p)
}

// usualNames follow those of the spec; libpff refuses a file without any.
var usualNames = []Name{
	{Set: [16]byte{0x08, 0x20, 0x06, 8: 0xc0, 15: 0x46}, ID: 0x8501},
	{Set: [16]byte{0x29, 0x03, 0x02, 8: 0xc0, 15: 0x46}, Name: "Keywords"},
}

// names writes the map of names ([MS-PST] 2.4.7).
func (w *writer) names() {
	var sets, entries, texts []byte
	bySet := map[[16]byte]uint16{{0x28, 0x03, 0x02, 8: 0xc0, 15: 0x46}: 1, {0x29, 0x03, 0x02, 8: 0xc0, 15: 0x46}: 2}
	for i, n := range slices.Concat(w.spec.Names, usualNames) {
		set, ok := bySet[n.Set]
		if !ok {
			set = uint16(len(bySet) + 1)
			bySet[n.Set] = set
			sets = append(sets, n.Set[:]...)
		}
		id, kind := n.ID, set<<1
		if n.Name != "" {
			id, kind = uint32(len(texts)), kind|1
			units := utf16.Encode([]rune(n.Name))
			texts = binary.LittleEndian.AppendUint32(texts, uint32(2*len(units)))
			for _, u := range units {
				texts = binary.LittleEndian.AppendUint16(texts, u)
			}
			texts = append(texts, make([]byte, (4-len(texts)%4)%4)...)
		}
		entries = binary.LittleEndian.AppendUint32(entries, id)
		entries = binary.LittleEndian.AppendUint16(entries, kind)
		entries = binary.LittleEndian.AppendUint16(entries, uint16(i))
	}
	w.node(nidNames, 0, Properties{1: int32(251), 2: sets, 3: entries, 4: texts})
}

// Columns of the tables; the values say of what type they are.
var (
	columnsOfFolders = Properties{
		0x3001: "", 0x3602: int32(0), 0x3603: int32(0), 0x360a: false, 0x3613: "",
	}
	columnsOfMessages = Properties{
		0x0017: int32(0), 0x001a: "", 0x0037: "", 0x0042: "", 0x0e03: "", 0x0e04: "",
		0x0e06: Moment, 0x0e07: int32(0), 0x0e08: int32(0), 0x0e17: int32(0), 0x3008: Moment,
	}
	columnsOfRecipients = Properties{
		0x0c15: int32(0), 0x0e0f: false, 0x0ff9: []byte{}, 0x0ffe: int32(0), 0x0fff: []byte{},
		0x3001: "", 0x3002: "", 0x3003: "", 0x300b: []byte{}, 0x3900: int32(0), 0x39fe: "", 0x39ff: "", 0x3a40: false,
	}
	columnsOfAttachments = Properties{
		0x0e20: int32(0), 0x3704: "", 0x3705: int32(0), 0x370b: int32(0),
	}
)

// folders writes the tree of folders, and the empty tables that all files have.
func (w *writer) folders() {
	for nid, columns := range map[uint32]Properties{
		0x60d: columnsOfFolders, 0x60e: columnsOfMessages, 0x60f: columnsOfMessages, 0x610: columnsOfMessages,
		nidAttachments: columnsOfAttachments, nidRecipients: columnsOfRecipients,
	} {
		w.tableNode(nid, columns, nil)
	}
	w.last[kindFolder] = nidSubtree >> 5
	top := Folder{Name: Subtree, Folders: w.spec.Folders}
	row := w.folder(nidSubtree, nidRoot, top)
	w.folderNodes(nidRoot, nidRoot, Folder{}, []line{row}, nil, 0)
}

// folder writes one, with what is inside first.
func (w *writer) folder(nid, parent uint32, f Folder) line {
	var below, messages []line
	if first := uint32(nidSubtree + 1<<5); w.spec.Circle && nid > first {
		below = append(below, line{first, Properties{0x3001: "Circle"}})
	}
	if f.Inside {
		parent = nid + 1<<5
	}
	for _, sub := range f.Folders {
		if row := w.folder(w.newNID(kindFolder), nid, sub); !sub.Unlisted {
			below = append(below, row)
		}
	}
	if f.Messages != nil {
		for m := range f.Messages {
			messages = append(messages, w.message(nid, m))
		}
	}
	if nid == nidSubtree {
		for _, m := range w.spec.Orphans {
			w.message(nid, m)
		}
	}
	return w.folderNodes(nid, parent, f, below, messages, len(messages))
}

func (w *writer) folderNodes(nid, parent uint32, f Folder, below, messages []line, count int) line {
	p := Properties{0x3001: f.Name, 0x3602: int32(count), 0x3603: int32(0), 0x360a: len(below) > 0, 0x3613: "IPF.Note"}
	w.node(nid, parent, p)
	w.tableNode(nid&^0x1f|0x0d, columnsOfFolders, below)
	w.tableNode(nid&^0x1f|0x0e, columnsOfMessages, messages)
	w.tableNode(nid&^0x1f|0x0f, columnsOfMessages, nil)
	return line{nid, p}
}

// defaults of a message, which it may change.
func defaults() Properties {
	return Properties{
		0x0017: int32(1), 0x001a: "IPM.Note", 0x0e06: Moment, 0x0e07: int32(1), 0x0e08: int32(1000),
		0x0e17: int32(0), 0x0036: int32(0), 0x0039: Moment, 0x3007: Moment, 0x3008: Moment,
	}
}

// message writes one as a node of a folder.
func (w *writer) message(folder uint32, m Message) line {
	nid := w.newNID(kindMessage)
	p, data, sub := w.contents(m)
	w.nodes = append(w.nodes, nodeEntry{nid, data, sub, folder})
	for range w.spec.Copies {
		w.nodes = append(w.nodes, nodeEntry{w.newNID(kindMessage), data, sub, folder})
	}
	return line{nid, p}
}

// contents writes what a message has. Its ids are given before, for a message that
// is inside itself.
func (w *writer) contents(m Message) (p Properties, data, sub uint64) {
	data, sub = w.newBID(false), w.newBID(true)
	p = defaults()
	maps.Copy(p, m.Properties)
	p[0x0e1b] = len(m.Attachments) > 0
	s := w.subnodes()
	w.recipients(s, m.Recipients)
	w.attachments(s, m.Attachments, data, sub)
	got := w.chunks(w.properties(p, s), data)
	return p, got, s.write(sub)
}

func (w *writer) recipients(s *subnodes, all []Properties) {
	var lines []line
	for i, r := range all {
		p := Properties{0x0ffe: int32(6), 0x3900: int32(0), 0x0e0f: true, 0x3a40: true}
		maps.Copy(p, r)
		lines = append(lines, line{uint32(i), p})
	}
	below := w.subnodes()
	data := w.chunks(w.table(columnsOfRecipients, lines, below), 0)
	s.add(nidRecipients, data, below.write(0))
}

func (w *writer) attachments(s *subnodes, all []Attachment, data, sub uint64) {
	if len(all) == 0 {
		return
	}
	var lines []line
	for i, a := range all {
		nid := uint32(0x401+i)<<5 | kindAttachment
		p := w.attachment(s, nid, a, data, sub)
		if !a.Unlisted {
			lines = append(lines, line{nid, p})
		}
	}
	below := w.subnodes()
	table := w.chunks(w.table(columnsOfAttachments, lines, below), 0)
	s.add(nidAttachments, table, below.write(0))
}

// attachment writes one as a node below a message, whose ids are given.
func (w *writer) attachment(s *subnodes, nid uint32, a Attachment, data, sub uint64) Properties {
	below := w.subnodes()
	p := Properties{0x0e20: int32(len(a.Data)), 0x3705: int32(1), 0x370b: int32(-1), 0x0e21: int32(nid>>5 - 0x401)}
	inner := uint32(0x201<<5 | kindMessage)
	switch {
	case a.Circle:
		below.add(inner, data, sub)
		p[0x3705], p[0x3701] = int32(5), w.object(inner, 100)
	case a.Message != nil:
		_, d, u := w.contents(*a.Message)
		below.add(inner, d, u)
		p[0x3705], p[0x3701] = int32(5), w.object(inner, 1000)
	case a.Object != nil:
		id := below.value(a.Object)
		p[0x3705], p[0x3701] = int32(6), w.object(id, len(a.Object))
	default:
		p[0x3701] = a.Data
	}
	w.repeat = a.Repeat
	maps.Copy(p, a.Properties)
	chunks := w.properties(p, below)
	w.repeat = 0
	s.add(nid, w.chunks(chunks, 0), below.write(0))
	return p
}

// object leads to a node below ([MS-PST] 2.3.3.5).
func (w *writer) object(nid uint32, size int) Raw {
	return Raw{0x0d, append(w.number32(nid), w.number32(uint32(size))...)}
}
