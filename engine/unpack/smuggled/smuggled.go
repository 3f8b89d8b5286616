// Package smuggled finds the files that pages carry inside themselves, to build
// them on the reader's machine where no scanner looks (HTML smuggling): Base64 in
// scripts and data URIs, percent and \x escapes, lists of character codes. It runs
// no script; what a script computes stays hidden.
package smuggled

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/charset"
	"github.com/tqmailrules/tqmailrules/internal/filetype"
)

// Caps: on what is looked at, and on what is made of it.
const (
	maxPage    = 64 << 20
	maxMembers = 20
	minPayload = 60 // bytes that a payload has at least
)

// Read is a task.Reader of pages and scripts: its members are what they carry.
func Read(ctx context.Context, t *task.Task) error {
	raw, err := engine.ReadAll(t.Part.Content, maxPage)
	if err != nil {
		return err
	}
	page := &page{t: t, raw: string(raw), seen: map[string]bool{}}
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
		page.raw = charset.Decode(raw)
	}
	for _, find := range []func() error{page.base64, page.percent, page.hexEscapes, page.codes} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := find(); err != nil {
			return err
		}
	}
	return nil
}

// page is the text that is searched and what came of it so far.
type page struct {
	t    *task.Task
	raw  string
	seen map[string]bool
}

// names are the file names that a page gives to what it makes.
var names = regexp.MustCompile(`(?i)(?:\bdownload\s*=\s*|\.download\s*=\s*|msSaveOrOpenBlob\([^,]{1,80},\s*|msSaveBlob\([^,]{1,80},\s*|file_?name['"]?\s*[:=]\s*)["']([^"'<>]{1,200})["']`)

// add makes a member of a payload, if it is a file of a known kind or a text
// that leads somewhere. at is where it stood.
func (p *page) add(data []byte, at int) error {
	if len(data) < minPayload || p.seen[string(data)] || len(p.seen) >= maxMembers {
		return nil
	}
	f := filetype.File{Head: data[:min(len(data), filetype.Edge)], Tail: data[max(0, len(data)-filetype.Edge):]}
	kind := filetype.Detect(&f)
	switch {
	case kind == "" && !leads(data):
		return nil
	case kind == "":
		kind = "txt"
	}
	p.seen[string(data)] = true
	member, err := p.t.AddBytes(p.name(at, kind, len(p.seen)), data)
	if err != nil {
		return err
	}
	if isPicture(kind) {
		member.IsInline = true // shown in the page
		return nil
	}
	p.t.Fact("smuggled", member.FileName+", "+strconv.Itoa(len(data))+" bytes")
	return nil
}

func isPicture(kind string) bool {
	switch kind {
	case "png", "jpg", "gif", "webp", "svg", "ico", "bmp", "woff", "woff2":
		return true
	}
	return false
}

// leads tells whether a text of no known kind is one that matters.
func leads(data []byte) bool {
	head := bytes.ToLower(data[:min(len(data), 64<<10)])
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	for _, mark := range []string{"http://", "https://", "<script", "<html", "<form", "document.", "window.", "powershell", "eval(", "atob("} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	return false
}

// name is the one that the page gives nearest to a payload, else a number.
func (p *page) name(at int, kind string, n int) string {
	best, distance := "", 1<<30
	for _, m := range names.FindAllStringSubmatchIndex(p.raw, 200) {
		d := m[0] - at
		if d < 0 {
			d = -d
		}
		if d < distance {
			best, distance = p.raw[m[2]:m[3]], d
		}
	}
	if best == "" || isPicture(kind) {
		return fmt.Sprintf("payload-%d.%s", n, kind)
	}
	return best
}

// base64 looks at long runs of the alphabet. Pieces of one literal that a script
// joins ("TVqQ" + "AAMA") and line breaks inside it are one run.
func (p *page) base64() error {
	for at := 0; at < len(p.raw); {
		run, end := base64Run(p.raw, at)
		if len(run) < minPayload*4/3 {
			at = end + 1
			continue
		}
		if data := decode64(run); data != nil {
			if err := p.add(data, at); err != nil {
				return err
			}
		}
		at = end + 1
	}
	return nil
}

// base64Run reads from at as far as the alphabet goes, across joints.
func base64Run(s string, at int) (run string, end int) {
	if !isBase64(s[at]) {
		return "", at
	}
	var b strings.Builder
	for at < len(s) {
		end = at
		for end < len(s) && isBase64(s[end]) {
			end++
		}
		b.WriteString(s[at:end])
		next := joint(s, end)
		if next == end || next >= len(s) || !isBase64(s[next]) || s[end-1] == '=' {
			break
		}
		at = next
	}
	return b.String(), end
}

// maxJoint is how much may stand between the pieces of one literal.
const maxJoint = 80

// joint passes what stands between two pieces of a literal: a closing quote, a
// plus or comma, an opening quote; an escaped line break; white space. A comma
// alone joins nothing: it ends the head of a data URI.
func joint(s string, at int) int {
	i, joins, quotes := at, false, 0
	for i < len(s) && i-at < maxJoint && quotes < 2 && strings.IndexByte(" \t\r\n\"'`+,\\", s[i]) >= 0 {
		joins = joins || s[i] != ',' && s[i] != ' '
		if strings.IndexByte("\"'`", s[i]) >= 0 {
			quotes++
		}
		i++
	}
	if !joins {
		return at
	}
	return i
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=' || c == '-' || c == '_'
}

// decode64 decodes either alphabet, and a text that is encoded twice.
func decode64(run string) []byte {
	run = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(run), "=")
	if i := strings.IndexByte(run, '='); i >= 0 {
		run = run[:i]
	}
	if len(run)%4 == 1 {
		run = run[:len(run)-1] // what is left of a piece that was no end
	}
	data, err := base64.RawStdEncoding.DecodeString(run)
	if err != nil || len(data) == 0 {
		return nil
	}
	if again := strings.TrimSpace(string(data)); len(again) >= minPayload*4/3 && strings.Trim(again, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n") == "" {
		if inner, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(again)); err == nil {
			return inner
		}
	}
	return data
}

var (
	escapes  = regexp.MustCompile(`(?:\\x[0-9A-Fa-f]{2}){20,}`)
	codeList = regexp.MustCompile(`(?:\d{1,3}\s*,\s*){59,}\d{1,3}`)
)

// percent looks at what unescape and decodeURIComponent are given.
func (p *page) percent() error {
	for at := 0; at < len(p.raw); {
		start, end, n := percentRun(p.raw, at)
		if start < 0 {
			return nil
		}
		at = end
		if n < minPercents {
			continue
		}
		if data := []byte(unpercent(p.raw[start:end])); isMarkup(data) { // addresses have such signs, too
			if err := p.add(data, start); err != nil {
				return err
			}
		}
	}
	return nil
}

// A run of percent signs has minPercents of them, and at most maxGap other
// characters of the same literal between two.
const (
	minPercents = 10
	maxGap      = 60
)

// percentRun finds the next run of percent signs and counts them; start is -1
// when there is none.
func percentRun(s string, at int) (start, end, n int) {
	i := strings.IndexByte(s[at:], '%')
	if i < 0 {
		return -1, 0, 0
	}
	start, end = at+i, at+i+1
	for j := end; j < len(s) && j-end <= maxGap && strings.IndexByte("\"'`<>\\", s[j]) < 0; j++ {
		if s[j] == '%' {
			n, end = n+1, j+1
		}
	}
	for end < len(s) && strings.IndexByte("\"'`<>\\%", s[end]) < 0 && end < start+maxPage {
		end++
	}
	return start, end, n + 1
}

func isMarkup(data []byte) bool {
	head := bytes.ToLower(data[:min(len(data), 64<<10)])
	for _, mark := range []string{"<script", "<html", "<form", "<body", "<iframe", "<meta", "document.write", "eval("} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	return false
}

func unpercent(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '%' && i+6 <= len(s) && s[i+1] == 'u' {
			if n, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil {
				b.WriteRune(rune(n))
				i += 6
				continue
			}
		}
		if s[i] == '%' && i+3 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// hexEscapes looks at strings of \x escapes.
func (p *page) hexEscapes() error {
	for _, m := range escapes.FindAllStringIndex(p.raw, 4*maxMembers) {
		data, err := hex.DecodeString(strings.ReplaceAll(p.raw[m[0]:m[1]], `\x`, ""))
		if err != nil {
			continue
		}
		if err := p.add(data, m[0]); err != nil {
			return err
		}
	}
	return nil
}

// codes looks at lists of numbers that are all bytes: of String.fromCharCode, or
// of a Uint8Array.
func (p *page) codes() error {
	for _, m := range codeList.FindAllStringIndex(p.raw, 4*maxMembers) {
		if data := bytesOf(p.raw[m[0]:m[1]]); data != nil {
			if err := p.add(data, m[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

func bytesOf(list string) []byte {
	var data []byte
	for _, f := range strings.Split(list, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(f), 10, 8)
		if err != nil {
			return nil
		}
		data = append(data, byte(n))
	}
	return data
}
