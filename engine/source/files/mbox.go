package files

import (
	"bufio"
	"bytes"
	"io"
	"strconv"

	"github.com/tqmailrules/tqmailrules/engine"
)

// mbox splits an mbox stream into mails (RFC 4155; the mboxo and mboxrd ways of
// quoting). A mail begins at a From_ line that stands at the start or after an
// empty line and carries a date; one '>' is taken from lines of the form
// ">From " and ">>From ", which undoes both ways of quoting except for mboxo
// lines that began with ">From " themselves.
func (s *Source) mbox(r io.Reader, name string, give yield) bool {
	m := mboxReader{source: s, name: name, give: give, blank: true}
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 && !m.line(line, err == bufio.ErrBufferFull) {
			return m.full
		}
		if err != nil && err != bufio.ErrBufferFull {
			return m.finish(err)
		}
	}
}

type mboxReader struct {
	source *Source
	name   string
	give   yield

	spool   *engine.Spool
	n       int
	blank   bool // the line before was empty
	partial bool // in the middle of a line longer than the buffer
	full    bool // one mail too many came: this mbox ends here, the corpus does not
	failed  error
	pending []byte // an empty line: it belongs to the mail unless a From_ line follows
}

// line takes one line, or a piece of a long one; false means that this mbox is
// to be read no further.
func (m *mboxReader) line(line []byte, partial bool) bool {
	startsLine := !m.partial
	m.partial = partial
	if startsLine && m.blank && isFromLine(bytes.TrimRight(line, "\r\n")) {
		return m.emit() && m.begin()
	}
	if m.spool == nil {
		return true // before the first From_ line: not a mail
	}
	m.write(m.pending)
	m.pending = m.pending[:0]
	m.blank = startsLine && len(bytes.TrimRight(line, "\r\n")) == 0
	if m.blank {
		m.pending = append(m.pending, line...)
		return true
	}
	if startsLine {
		line = unquote(line)
	}
	m.write(line)
	return true
}

// begin starts the next mail, unless it is one too many.
func (m *mboxReader) begin() bool {
	if m.n == m.source.cfg.MaxEntries {
		m.full = m.give(m.source.tooMany(m.name), nil)
		return false
	}
	m.spool = &engine.Spool{Dir: m.source.cfg.TempDir, Threshold: m.source.cfg.Limits.Leaf}
	m.n++
	m.blank, m.pending = false, m.pending[:0]
	return true
}

func (m *mboxReader) write(b []byte) {
	if m.failed != nil || m.spool.Len() > m.source.cfg.Limits.Message {
		return
	}
	_, m.failed = m.spool.Write(b)
}

func unquote(line []byte) []byte {
	quotes := 0
	for quotes < len(line) && line[quotes] == '>' {
		quotes++
	}
	if quotes > 0 && bytes.HasPrefix(line[quotes:], []byte("From ")) {
		return line[1:]
	}
	return line
}

// emit delivers the mail read so far, if any.
func (m *mboxReader) emit(defects ...engine.Defect) bool {
	if m.spool == nil {
		return true
	}
	if m.failed != nil {
		defects = append(defects, entryDefect(m.name, m.failed))
	}
	d := m.source.delivery(m.spool.Blob(), m.name+"#"+strconv.Itoa(m.n), folderOf(m.name), defects...)
	m.spool, m.failed = nil, nil
	return m.give(d, nil)
}

func (m *mboxReader) finish(err error) bool {
	if err == io.EOF {
		return m.emit()
	}
	return m.emit(entryDefect(m.name, err))
}

// isFromLine wants "From ", a sender, and something with a clock in it:
// "From a@b Thu Jan  1 00:00:00 1970".
func isFromLine(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	if !ok || len(line) > 1000 {
		return false
	}
	for i := 2; i+2 < len(rest); i++ {
		if rest[i] == ':' && isDigit(rest[i-1]) && isDigit(rest[i+1]) && isDigit(rest[i+2]) {
			return true
		}
	}
	return false
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
