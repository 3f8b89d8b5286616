// Package shortcut reads Windows shortcuts, .lnk files ([MS-SHLLINK]): what they
// start, with what arguments. It starts nothing.
package shortcut

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"

	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

// maxFile bounds what is read; what Windows writes is some kilobytes.
const maxFile = 8 << 20

// Flags of the header ([MS-SHLLINK] 2.1.1).
const (
	hasIDList = 1 << iota
	hasLinkInfo
	hasName
	hasRelativePath
	hasWorkingDir
	hasArguments
	hasIconLocation
	isUnicode
)

const headerSize = 76

var errShort = errors.New("it ends early")

// Read is a task.Reader. The text names what the shortcut holds, one line each.
func Read(_ context.Context, t *task.Task) error {
	b, err := t.Bytes(maxFile)
	if err != nil {
		return err
	}
	if len(b) < headerSize || binary.LittleEndian.Uint32(b) != headerSize {
		return errors.New("there is no header of a shortcut")
	}
	l := &link{t: t, flags: binary.LittleEndian.Uint32(b[20:]), rest: b[headerSize:]}
	return l.read()
}

// link is a shortcut while it is read.
type link struct {
	t     *task.Task
	flags uint32
	rest  []byte
}

func (l *link) read() error {
	if l.flags&hasIDList != 0 {
		if _, err := l.block16(); err != nil {
			return err
		}
	}
	if l.flags&hasLinkInfo != 0 {
		info, err := l.block32()
		if err != nil {
			return err
		}
		l.tell("target", target(info))
	}
	for _, s := range []struct {
		flag uint32
		name string
	}{
		{hasName, "description"}, {hasRelativePath, "relative_path"}, {hasWorkingDir, "working_directory"}, {hasArguments, "arguments"}, {hasIconLocation, "icon"},
	} {
		if l.flags&s.flag == 0 {
			continue
		}
		text, err := l.text()
		l.tell(s.name, text)
		if err != nil {
			return err
		}
	}
	l.extra()
	return nil
}

// tell notes a fact and adds it to the text: arguments hold the addresses.
func (l *link) tell(name, value string) {
	if value = strings.TrimSpace(value); value == "" {
		return
	}
	l.t.Fact(name, value)
	l.t.Text.At(strings.ReplaceAll(name, "_", " "))
	l.t.Text.Line(strings.ReplaceAll(name, "_", " ") + ": " + value)
}

// block16 takes a block behind its length, which does not count itself.
func (l *link) block16() ([]byte, error) {
	if len(l.rest) < 2 {
		return nil, errShort
	}
	n := int(binary.LittleEndian.Uint16(l.rest)) + 2
	if n > len(l.rest) {
		return nil, errShort
	}
	b := l.rest[2:n]
	l.rest = l.rest[n:]
	return b, nil
}

// block32 takes a block whose length counts itself.
func (l *link) block32() ([]byte, error) {
	if len(l.rest) < 4 {
		return nil, errShort
	}
	n := binary.LittleEndian.Uint32(l.rest)
	if n < 4 || uint64(n) > uint64(len(l.rest)) {
		return nil, errShort
	}
	b := l.rest[:n]
	l.rest = l.rest[n:]
	return b, nil
}

// text takes a counted string (2.4). What is there of one that is cut counts.
func (l *link) text() (string, error) {
	if len(l.rest) < 2 {
		return "", errShort
	}
	n := int(binary.LittleEndian.Uint16(l.rest))
	l.rest = l.rest[2:]
	if l.flags&isUnicode != 0 {
		n *= 2
	}
	var err error
	if n > len(l.rest) {
		n, err = len(l.rest), errShort
	}
	b := l.rest[:n]
	l.rest = l.rest[n:]
	if l.flags&isUnicode != 0 {
		return wide(b), err
	}
	return charset.CodePage(1252, b), err
}

func wide(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(b[i:]))
	}
	return string(utf16.Decode(units))
}

// target is the path in a LinkInfo (2.3): on a volume, or on a share.
func target(info []byte) string {
	if len(info) < 28 {
		return ""
	}
	flags := binary.LittleEndian.Uint32(info[8:])
	suffix := cString(info, binary.LittleEndian.Uint32(info[24:]))
	if flags&1 != 0 {
		return cString(info, binary.LittleEndian.Uint32(info[16:])) + suffix
	}
	if at := binary.LittleEndian.Uint32(info[20:]); flags&2 != 0 && uint64(at)+20 <= uint64(len(info)) {
		share := info[at:]
		name := cString(share, binary.LittleEndian.Uint32(share[8:]))
		return strings.TrimRight(name, `\`) + `\` + suffix
	}
	return ""
}

// cString is the text at an offset up to a NUL.
func cString(b []byte, at uint32) string {
	if uint64(at) >= uint64(len(b)) {
		return ""
	}
	s := b[at:]
	for i, c := range s {
		if c == 0 {
			s = s[:i]
			break
		}
	}
	return charset.CodePage(1252, s)
}

// Signatures of blocks of extra data (2.5).
const (
	environmentBlock = 0xa0000001
	iconBlock        = 0xa0000007
	trackerBlock     = 0xa0000003
)

// extra reads the blocks that say something about where a shortcut leads and
// where it was made.
func (l *link) extra() {
	for range 32 {
		b, err := l.block32()
		if err != nil || len(b) < 8 {
			return
		}
		switch binary.LittleEndian.Uint32(b[4:]) {
		case environmentBlock:
			if len(b) >= 788 {
				l.tell("environment_target", upToNUL(wide(b[268:788])))
			}
		case iconBlock:
			if len(b) >= 788 {
				l.tell("icon_target", upToNUL(wide(b[268:788])))
			}
		case trackerBlock:
			if len(b) >= 32 {
				l.tell("made_on", cString(b, 16))
			}
		}
	}
}

func upToNUL(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}
