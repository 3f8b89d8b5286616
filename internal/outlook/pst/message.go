package pst

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// Nodes below a message ([MS-PST] 2.4.5).
const (
	nidAttachments = 0x671
	nidRecipients  = 0x692
)

// Caps of one message.
const (
	maxRecipients  = 10_000
	maxAttachments = 2_000
	maxEmbedded    = 8 // messages inside each other
)

// message reads that of a node. above are the messages that it is inside of. If its
// properties are lost, the rest of it counts beside the error.
func (f *File) message(n node, above []node) (*outlook.Message, error) {
	var t troubles
	r := &reading{f: f, troubles: &t, held: maxHeld}
	bag, err := r.properties(n)
	m := &outlook.Message{Properties: bag}
	if v, ok := bag[outlook.PropSubject]; ok {
		bag[outlook.PropSubject] = withoutMark(v)
	}
	m.Codepage = firstCodepage(bag, outlook.PropMessageCodepage, outlook.PropInternetCodepage)
	if m.Codepage == 0 {
		m.Codepage = f.codepage
	}
	m.Named = f.named(bag)
	m.Recipients = r.recipients(n)
	m.Attachments = r.attachments(n, append(above[:len(above):len(above)], n))
	m.Troubles = t.all()
	if err != nil {
		err = fmt.Errorf("message %#x: %w", n.nid, err)
	}
	return m, err
}

// recipients reads the table of them.
func (r *reading) recipients(n node) []outlook.Bag {
	t, err := r.below(n, nidRecipients)
	if err != nil || t == nil {
		return nil
	}
	var all []outlook.Bag
	for _, row := range t.rows {
		if len(all) == maxRecipients {
			r.troubles.tell("more than %d recipients", maxRecipients)
			break
		}
		bag, err := t.cells(row)
		if err != nil {
			r.troubles.tell("recipient %d: %v", row.number, err)
		}
		if errors.Is(err, engine.ErrLimit) {
			break
		}
		if err != nil {
			continue
		}
		all = append(all, bag)
	}
	return all
}

// below opens the table of a node below; nil when there is none.
func (r *reading) below(n node, nid uint32) (*table, error) {
	if n.sub == 0 {
		return nil, nil
	}
	sub, err := r.subnode(n.sub, nid)
	if errors.Is(err, errMissing) {
		return nil, nil
	}
	what := "recipients"
	if nid == nidAttachments {
		what = "attachments"
	}
	if err != nil {
		r.troubles.tell("%s: %v", what, err)
		return nil, err
	}
	t, err := r.table(sub)
	if err != nil {
		r.troubles.tell("%s: %v", what, err)
	}
	return t, err
}

// attachments reads those that the table lists, in its order, then those that are
// there and not listed.
func (r *reading) attachments(n node, above []node) []outlook.Attachment {
	subs, broken := r.attachmentNodes(n)
	var all []outlook.Attachment
	add := func(sub node) {
		if len(all) == maxAttachments {
			r.troubles.tell("more than %d attachments", maxAttachments)
			return
		}
		all = append(all, r.attachment(sub, above))
	}
	t, err := r.below(n, nidAttachments)
	if t != nil {
		for _, row := range t.rows {
			sub, ok := subs[row.nid]
			if ok {
				add(sub)
			} else {
				r.troubles.tell("attachment %#x is lost", row.nid)
			}
			delete(subs, row.nid)
		}
	}
	if len(subs) > 0 && err == nil && !broken {
		r.troubles.tell("%d attachments are not in the table of attachments", len(subs))
	}
	for _, nid := range sortedKeys(subs) {
		add(subs[nid])
	}
	return all
}

// attachmentNodes finds all attachments below a message.
func (r *reading) attachmentNodes(n node) (subs map[uint32]node, broken bool) {
	subs = map[uint32]node{}
	if n.sub == 0 {
		return subs, false
	}
	err := r.eachSubnode(n.sub, allSubnodes, func(sub node) bool {
		if kindOf(sub.nid) == kindAttachment {
			subs[sub.nid] = sub
		}
		return len(subs) <= maxAttachments
	})
	if err != nil {
		r.troubles.tell("attachments: %v", err)
	}
	return subs, err != nil
}

func (r *reading) attachment(n node, above []node) outlook.Attachment {
	bag, err := r.properties(n)
	if err != nil {
		r.troubles.tell("attachment %#x: %v", n.nid, err)
	}
	a := outlook.Attachment{Properties: bag}
	data, ok := bag[outlook.PropAttachData]
	if !ok || data.Type != outlook.Object {
		return a
	}
	// An object is the id of a node below, and its size ([MS-PST] 2.3.3.5).
	if len(data.Bytes) < 4 {
		r.troubles.tell("attachment %#x: its object has no id", n.nid)
		return a
	}
	nid := binary.LittleEndian.Uint32(data.Bytes)
	sub, err := r.subnode(n.sub, nid)
	if err != nil {
		r.troubles.tell("attachment %#x: %v", n.nid, err)
		delete(bag, outlook.PropAttachData)
	}
	if method, _ := bag.Int(outlook.PropAttachMethod); method == outlook.AttachEmbedded {
		a.Message = func() (*outlook.Message, error) { return r.f.embedded(sub, err, above) }
		return a
	}
	if err == nil {
		r.object(bag, sub)
	}
	return a
}

// object makes the bytes of a node, an OLE storage say, the value of the attachment.
func (r *reading) object(bag outlook.Bag, n node) {
	v, err := r.contents(outlook.Object, n)
	if err != nil {
		r.troubles.tell("attachment: %v", err)
		delete(bag, outlook.PropAttachData)
		return
	}
	bag[outlook.PropAttachData] = v
}

// embedded reads a message inside others, if it was found.
func (f *File) embedded(n node, lost error, above []node) (*outlook.Message, error) {
	switch {
	case lost != nil:
		return nil, lost
	case len(above) > maxEmbedded:
		return nil, fmt.Errorf("more than %d messages inside each other: %w", maxEmbedded, engine.ErrLimit)
	}
	for _, a := range above {
		if a.data == n.data {
			return nil, fmt.Errorf("%w: message %#x is inside itself", ErrFormat, n.nid)
		}
	}
	return f.message(n, above)
}
