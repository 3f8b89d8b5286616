// Package msgtest writes .msg files, for tests of what reads them.
package msgtest

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/internal/cfb/cfbtest"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
)

// String is a value of UTF-16.
func String(s string) outlook.Value {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return outlook.Value{Type: outlook.String, Bytes: b}
}

// String8 is a value of bytes.
func String8(s string) outlook.Value {
	return outlook.Value{Type: outlook.String8, Bytes: []byte(s)}
}

// Binary is a value of bytes.
func Binary(b []byte) outlook.Value { return outlook.Value{Type: outlook.Binary, Bytes: b} }

// Int is a value of 32 bits.
func Int(n int) outlook.Value {
	return outlook.Value{Type: outlook.Integer32, Bytes: binary.LittleEndian.AppendUint32(nil, uint32(n))}
}

// Time is a time.
func Time(t time.Time) outlook.Value {
	return outlook.Value{Type: outlook.Time, Bytes: binary.LittleEndian.AppendUint64(nil, uint64(t.UnixNano()/100)+116444736000000000)}
}

// File is a .msg file of the message.
func File(m *outlook.Message) []byte {
	return cfbtest.File(append(folder(m, 32), cfbtest.Node{Name: "__nameid_version1.0", Kids: []cfbtest.Node{
		{Name: "__substg1.0_00020102"}, {Name: "__substg1.0_00030102"}, {Name: "__substg1.0_00040102"},
	}})...)
}

// Uncompressed is RTF in the form of [MS-OXRTFCP] that compresses nothing.
func Uncompressed(rtf string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(rtf)+12))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rtf)))
	return append(append(b, "MELA\x00\x00\x00\x00"...), rtf...)
}

func folder(m *outlook.Message, head int) []cfbtest.Node {
	nodes := bag(m.Properties, head)
	for i, r := range m.Recipients {
		nodes = append(nodes, cfbtest.Node{Name: fmt.Sprintf("__recip_version1.0_#%08X", i), Kids: bag(r, 8)})
	}
	for i, a := range m.Attachments {
		kids := bag(a.Properties, 8)
		if a.Message != nil {
			inner, err := a.Message()
			if err != nil {
				panic(err)
			}
			kids = append(kids, cfbtest.Node{Name: "__substg1.0_3701000D", Kids: folder(inner, 24)})
		}
		nodes = append(nodes, cfbtest.Node{Name: fmt.Sprintf("__attach_version1.0_#%08X", i), Kids: kids})
	}
	return nodes
}

// bag is a list of fixed properties, and a stream for each of the others.
func bag(b outlook.Bag, head int) (nodes []cfbtest.Node) {
	list := make([]byte, head)
	for _, id := range slices.Sorted(maps.Keys(b)) {
		v := b[id]
		raw, err := io.ReadAll(v.Reader())
		if err != nil {
			panic(err)
		}
		entry := binary.LittleEndian.AppendUint16(nil, uint16(v.Type))
		entry = binary.LittleEndian.AppendUint16(entry, id)
		entry = binary.LittleEndian.AppendUint32(entry, 6)
		switch v.Type {
		case outlook.String, outlook.String8, outlook.Binary:
			nodes = append(nodes, cfbtest.Node{Name: fmt.Sprintf("__substg1.0_%04X%04X", id, uint16(v.Type)), Data: raw})
			entry = binary.LittleEndian.AppendUint32(entry, uint32(len(raw)+2))
			entry = append(entry, 0, 0, 0, 0)
		default:
			entry = append(append(entry, raw...), make([]byte, 8-len(raw))...)
		}
		list = append(list, entry...)
	}
	return append(nodes, cfbtest.Node{Name: "__properties_version1.0", Data: list})
}
