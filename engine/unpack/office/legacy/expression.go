package legacy

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/unpack/office/cell"
	"github.com/tqmailrules/tqmailrules/internal/charset"
)

const (
	maxTokens     = 20_000
	maxExpression = 64 << 10 // bytes of the text of one
	maxWritten    = 64 << 20 // bytes that all expressions of a workbook may take to write
)

// operators stand between their operands (MS-XLS 2.5.198.25, tokens 0x03 to 0x11).
var operators = [...]string{"+", "-", "*", "/", "^", "&", "<", "<=", "=", ">=", ">", "<>", " ", ",", ":"}

// functions are those that lead out of a workbook, run something, or are used to
// hide what does, by their numbers (MS-XLS 2.5.198.17), and how many arguments
// they have; -1 is any number.
var functions = map[int]struct {
	name string
	args int
}{
	1: {"IF", -1}, 4: {"SUM", -1}, 29: {"INDEX", -1}, 31: {"MID", 3}, 32: {"LEN", 1}, 53: {"GOTO", 1}, 54: {"HALT", -1}, 55: {"RETURN", -1},
	63: {"RAND", 0}, 74: {"NOW", 0}, 82: {"SEARCH", -1}, 88: {"SET.NAME", -1}, 89: {"CALLER", 0}, 96: {"FORMULA", -1}, 97: {"FORMULA", -1},
	108: {"SET.VALUE", 2}, 109: {"LOG", -1}, 110: {"EXEC", -1}, 111: {"CHAR", 1}, 115: {"LEFT", -1}, 116: {"RIGHT", -1}, 118: {"ALERT", -1},
	120: {"SUBSTITUTE", -1}, 121: {"CODE", 1}, 132: {"FOPEN", -1}, 133: {"FCLOSE", 1}, 136: {"FREAD", 2}, 137: {"FWRITELN", 2}, 138: {"FWRITE", 2},
	149: {"REGISTER", -1}, 150: {"CALL", -1}, 185: {"GET.CELL", -1}, 186: {"GET.WORKSPACE", 1}, 187: {"GET.WINDOW", -1}, 188: {"GET.WORKBOOK", -1},
	191: {"GET.NAME", -1}, 225: {"END.IF", 0}, 255: {"", -1}, 336: {"CONCATENATE", -1}, 359: {"HYPERLINK", -1},
}

// expression writes a formula as text, from tokens in reverse Polish notation. It
// knows what is needed to see texts, calls and where they lead; what it does not
// know ends it.
func (w *sheets) expression(b []byte) string {
	if w.written >= maxWritten {
		return ""
	}
	e := &expression{w: w, cursor: cursor{b: b}}
	for range maxTokens {
		if e.left() == 0 || !e.token(e.u8()) || e.cut {
			break
		}
	}
	return strings.Join(e.stack, " ")
}

type expression struct {
	cursor
	w     *sheets
	stack []string
	held  int // bytes that all operands together have taken
}

func (e *expression) push(s string) bool {
	e.held += len(s)
	e.w.written += len(s)
	e.stack = append(e.stack, s)
	return e.held < maxExpression && e.w.written < maxWritten
}

func (e *expression) pop() string {
	n := len(e.stack)
	if n == 0 {
		return ""
	}
	s := e.stack[n-1]
	e.stack = e.stack[:n-1]
	e.held -= len(s)
	return s
}

// token is a table: false ends the expression. Operands come in three classes,
// which differ in two bits.
func (e *expression) token(kind int) bool {
	if kind >= 0x20 {
		return e.operand(kind&0x1f | 0x20)
	}
	switch kind {
	case 0x01, 0x02:
		e.take(4)
	case 0x12, 0x15:
		return e.push("(" + e.pop() + ")")
	case 0x13:
		return e.push("-" + e.pop())
	case 0x14:
		return e.push(e.pop() + "%")
	case 0x16:
		return e.push("")
	case 0x17:
		return e.push(quote(e.literal()))
	case 0x19:
		e.attribute()
	case 0x1c:
		e.u8()
		return e.push("#ERR")
	case 0x1d:
		return e.push(strings.ToUpper(strconv.FormatBool(e.u8() != 0)))
	case 0x1e:
		return e.push(strconv.Itoa(e.u16()))
	case 0x1f:
		return e.push(cell.Number(e.f64(), false, false))
	default:
		if kind < 0x03 || kind > 0x11 {
			return false
		}
		right := e.pop()
		return e.push(e.pop() + operators[kind-3] + right)
	}
	return true
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func (e *expression) literal() string {
	n := e.u8()
	if e.w.version >= biff8 {
		return e.unicode(n)
	}
	return charset.CodePage(e.w.page, e.take(min(n, e.left())))
}

// attribute skips hints; one of them is a table of jumps.
func (e *expression) attribute() {
	flags, data := e.u8(), e.u16()
	if flags&0x04 != 0 {
		e.take((data + 1) * 2)
	}
	if flags&0x10 != 0 {
		e.push("SUM(" + e.pop() + ")")
	}
}

// operand reads references, names and calls; since BIFF8 they are wider.
func (e *expression) operand(kind int) bool {
	wide := e.w.version >= biff8
	size := func(now, before int) int {
		if wide {
			return now
		}
		return before
	}
	switch kind {
	case 0x20:
		e.take(7)
	case 0x21:
		return e.call(-1, e.u16())
	case 0x22:
		n := e.u8() & 0x7f
		return e.call(n, e.u16()&0x7fff)
	case 0x23:
		return e.push(e.name(e.take(size(4, 14))))
	case 0x24, 0x2c:
		return e.push(e.reference(e.take(size(4, 3))))
	case 0x25, 0x2d:
		e.take(size(8, 6))
	case 0x26, 0x27, 0x28:
		e.take(6)
		return true
	case 0x29:
		e.take(2)
		return true
	case 0x2a:
		e.take(size(4, 3))
	case 0x2b:
		e.take(size(8, 6))
	case 0x39:
		e.take(size(6, 24))
	case 0x3a, 0x3c:
		e.take(size(6, 17))
	case 0x3b, 0x3d:
		e.take(size(10, 20))
	default:
		return false
	}
	return e.push("REF")
}

func (e *expression) reference(b []byte) string {
	row, col := int(binary.LittleEndian.Uint16(b)&0x3fff), int(b[2])
	if e.w.version >= biff8 {
		row = int(binary.LittleEndian.Uint16(b))
	}
	return cell.Address(row, col)
}

func (e *expression) name(b []byte) string {
	if i := int(binary.LittleEndian.Uint16(b)); i >= 1 && i <= len(e.w.names) {
		return e.w.names[i-1]
	}
	return "NAME"
}

// call writes a call of n arguments, -1 for as many as the function has.
func (e *expression) call(n, id int) bool {
	f, known := functions[id]
	if !known {
		f.name, f.args = fmt.Sprintf("FUNC%d", id), 1
	}
	if n < 0 {
		n = max(f.args, 0)
	}
	n = min(n, len(e.stack))
	args := make([]string, n)
	for i := n - 1; i >= 0; i-- {
		args[i] = e.pop()
	}
	if code, err := strconv.Atoi(strings.Join(args, ",")); f.name == "CHAR" && err == nil && code > 0 && code < 256 {
		return e.push(quote(charset.CodePage(e.w.page, []byte{byte(code)})))
	}
	if f.name == "" && n > 0 { // a function of the user's own is the first argument
		f.name, args = args[0], args[1:]
	}
	return e.push(f.name + "(" + strings.Join(args, ",") + ")")
}
