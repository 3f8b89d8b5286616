package main

import "strings"

// cell is one of a row.
type cell struct {
	value      string // without quotes and the white space around it
	start, end int    // of the text
	exact      bool   // value is text[start:end]
}

// maxCells are kept of one row; the rest is stepped over.
const maxCells = 256

// rowAt reads one row of RFC 4180, with any delimiter, and returns the place behind
// it. With "|" the first and the last cell are left out when they are empty, and a
// row of dashes is empty: so are tables written in Markdown.
func rowAt(text string, at int, delimiter byte) (cells []cell, end int) {
	for {
		c, next := cellAt(text, at, delimiter)
		if len(cells) < maxCells {
			cells = append(cells, c)
		}
		if next < len(text) && text[next] == delimiter {
			at = next + 1
			continue
		}
		if delimiter == '|' {
			cells = withoutFrame(cells)
		}
		return cells, lineEnd(text, next)
	}
}

// lineEnd returns the place behind the line that a place is in.
func lineEnd(text string, at int) int {
	if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(text)
}

// cellAt reads one cell and returns the place behind it.
func cellAt(text string, at int, delimiter byte) (c cell, end int) {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	if at < len(text) && text[at] == '"' {
		if c, end, ok := quotedAt(text, at+1); ok {
			return c, plainEnd(text, end, delimiter)
		}
	}
	end = plainEnd(text, at, delimiter)
	value := strings.TrimRight(text[at:end], " \t\r")
	return cell{value, at, at + len(value), true}, end
}

func plainEnd(text string, at int, delimiter byte) int {
	for at < len(text) && text[at] != delimiter && text[at] != '\n' {
		at++
	}
	return at
}

// maxQuoted is how far the end of a quoted cell is looked for, in bytes: a quote
// that somebody forgot is not to swallow the rest of the table.
const maxQuoted = 16 << 10

// quotedAt reads a cell up to its closing quote. Two quotes stand for one.
func quotedAt(text string, from int) (c cell, end int, ok bool) {
	doubled := false
	for i := from; i < min(len(text), from+maxQuoted); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			doubled = true
			i++
			continue
		}
		value := text[from:i]
		if doubled {
			value = strings.ReplaceAll(value, `""`, `"`)
		}
		return cell{value, from, i, !doubled}, i + 1, true
	}
	return cell{}, 0, false
}

// withoutFrame takes the marks of a Markdown table off.
func withoutFrame(cells []cell) []cell {
	if len(cells) > 2 && cells[0].value == "" && cells[len(cells)-1].value == "" {
		cells = cells[1 : len(cells)-1]
	}
	for i := range cells {
		if strings.Trim(cells[i].value, "-:") == "" {
			cells[i].value, cells[i].exact = "", false
		}
	}
	return cells
}
