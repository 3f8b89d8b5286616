package wasm

import (
	"bytes"
	"strings"
)

// LogLine is what a module logged.
type LogLine struct {
	Level int    `json:"level"` // 0 info, 1 warning
	Text  string `json:"text"`  // UTF-8, without line ends
}

// journal keeps what a module logs, a line at most maxText bytes, all lines
// together at most left bytes; the rest is left out.
type journal struct {
	lines   []LogLine
	partial []byte // of a stream, up to the next line end
	left    int64
}

// add takes one line.
func (j *journal) add(level int, text string) {
	text = cut(strings.ToValidUTF8(strings.TrimRight(text, "\r\n"), "\uFFFD"), maxText)
	if j.left -= int64(len(text)) + 1; j.left >= 0 {
		j.lines = append(j.lines, LogLine{level, text})
	}
}

// write takes a piece of a stream.
func (j *journal) write(p []byte) {
	for len(p) > 0 && j.left > 0 {
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		room := max(0, maxText-len(j.partial))
		j.partial = append(j.partial, line[:min(len(line), room)]...)
		if ended {
			j.end()
		}
		p = rest
	}
}

// end closes a line that has begun.
func (j *journal) end() {
	j.add(0, string(j.partial))
	j.partial = j.partial[:0]
}

// all returns the lines, the last one even if nothing ended it.
func (j *journal) all() []LogLine {
	if len(j.partial) > 0 {
		j.end()
	}
	return j.lines
}

// capped keeps what is written up to a limit.
type capped struct {
	data []byte
	max  int64
	over bool // something did not fit
}

func (c *capped) write(p []byte) {
	if room := c.max - int64(len(c.data)); int64(len(p)) > room {
		p, c.over = p[:room], true
	}
	c.data = append(c.data, p...)
}
