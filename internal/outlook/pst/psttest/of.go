package psttest

import (
	"fmt"
	"io"
	"slices"

	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// Of is a message that another reader read, or that a test made for several forms of
// file. Names that its properties need are appended to those of the spec.
func Of(s *Spec, m *outlook.Message) (Message, error) {
	p, err := ofBag(m.Properties)
	if err != nil {
		return Message{}, err
	}
	for _, n := range m.Named {
		if p[s.id(n)], err = ofValue(n.Value); err != nil {
			return Message{}, err
		}
	}
	got := Message{Properties: p}
	for _, r := range m.Recipients {
		p, err := ofBag(r)
		if err != nil {
			return Message{}, err
		}
		got.Recipients = append(got.Recipients, p)
	}
	for _, a := range m.Attachments {
		one, err := s.ofAttachment(a)
		if err != nil {
			return Message{}, err
		}
		got.Attachments = append(got.Attachments, one)
	}
	return got, nil
}

// id is that of a named property in the file.
func (s *Spec) id(n outlook.Named) uint16 {
	name := Name{Set: n.Set, Name: n.Name, ID: n.ID}
	i := slices.Index(s.Names, name)
	if i < 0 {
		i, s.Names = len(s.Names), append(s.Names, name)
	}
	return uint16(0x8000 + i)
}

func (s *Spec) ofAttachment(a outlook.Attachment) (Attachment, error) {
	p, err := ofBag(a.Properties)
	if err != nil {
		return Attachment{}, err
	}
	got := Attachment{Properties: p}
	data, _ := p[outlook.PropAttachData].(Raw)
	delete(p, outlook.PropAttachData)
	switch {
	case a.Message != nil:
		m, err := a.Message()
		if err != nil {
			return Attachment{}, err
		}
		inner, err := Of(s, m)
		got.Message = &inner
		return got, err
	case data.Type == uint16(outlook.Object):
		got.Object = data.Bytes
	default:
		got.Data = data.Bytes
	}
	return got, nil
}

func ofBag(b outlook.Bag) (Properties, error) {
	p := Properties{}
	for id, v := range b {
		var err error
		if p[id], err = ofValue(v); err != nil {
			return nil, fmt.Errorf("property %#04x: %w", id, err)
		}
	}
	return p, nil
}

// ofValue keeps the type, but for strings of 16 bits, which an ANSI file has not.
func ofValue(v outlook.Value) (any, error) {
	if v.Type == outlook.String {
		return v.Text(0), nil
	}
	b, err := io.ReadAll(v.Reader())
	return Raw{uint16(v.Type), b}, err
}
