// Package field reads field codes, the instructions inside the text of Word
// documents (doc, docx, rtf): what they show matters less than where they lead.
package field

import (
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/remark"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// MaxCode is how much of an instruction is looked at, in bytes.
const MaxCode = 16 << 10

// Split cuts an instruction into its name, in upper case, and its arguments, the
// switches among them. Quotes are removed.
func Split(code string) (name string, args []string) {
	code = code[:min(len(code), MaxCode)]
	for {
		code = strings.TrimLeft(code, " \t\r\n\u00a0")
		if code == "" || len(args) > 100 {
			break
		}
		var arg string
		arg, code = next(code)
		args = append(args, arg)
	}
	if len(args) == 0 {
		return "", nil
	}
	return strings.ToUpper(args[0]), args[1:]
}

// next takes one argument; in a quoted one a backslash escapes a quote or itself.
func next(code string) (arg, rest string) {
	if code[0] != '"' {
		end := strings.IndexAny(code, " \t\r\n\"\u00a0")
		if end < 0 {
			return code, ""
		}
		return code[:end], code[end:]
	}
	var b strings.Builder
	for i := 1; i < len(code); i++ {
		switch c := code[i]; {
		case c == '"':
			return b.String(), code[i+1:]
		case c == '\\' && i+1 < len(code) && (code[i+1] == '"' || code[i+1] == '\\'):
			i++
			b.WriteByte(code[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// Tell notes where an instruction leads; shown is what the document shows of it.
func Tell(t *task.Task, book *remark.Book, code, shown string) {
	name, args := Split(code)
	switch name {
	case "HYPERLINK":
		if target := first(args); target != "" {
			book.Link(t, target, strings.TrimSpace(shown))
		}
	case "DDE", "DDEAUTO":
		book.Add(remark.Dde, name+" "+strings.Join(args, " "))
	case "INCLUDEPICTURE", "INCLUDETEXT", "INCLUDE", "IMPORT", "LINK", "RD", "DATABASE", "REF":
		for _, arg := range args {
			if leadsOut(arg) {
				book.Outside(t, arg)
			}
		}
	}
}

// first is the first argument that is no switch.
func first(args []string) string {
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], `\`) || strings.HasPrefix(args[i], `\\`) {
			return args[i]
		}
		if switchTakesArgument(args[i]) {
			i++
		}
	}
	return ""
}

func switchTakesArgument(s string) bool {
	switch strings.ToLower(s) {
	case `\l`, `\o`, `\t`, `\s`:
		return true
	}
	return false
}

func leadsOut(arg string) bool {
	return strings.Contains(arg, "://") || strings.HasPrefix(arg, `\\`) || strings.HasPrefix(strings.ToLower(arg), "mhtml:")
}

// Quote is what a QUOTE field yields of an instruction: character codes become
// characters, texts stand for themselves. ok is false when it is none.
func Quote(code string) (text string, ok bool) {
	name, args := Split(code)
	if name != "QUOTE" {
		return "", false
	}
	var b strings.Builder
	for _, arg := range args {
		if n, isCode := number(arg); isCode {
			b.WriteRune(rune(n))
		} else if !strings.HasPrefix(arg, `\`) {
			b.WriteString(arg)
		}
	}
	return b.String(), true
}

func number(s string) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s != "" && len(s) < 7
}
