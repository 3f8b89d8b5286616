package rules

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/names"
)

// factFunctions are the rest: each looks at one thing.
func factFunctions() []*Function {
	when := Param{Name: "time", Type: "a time", t: []typ{timeType}}
	zone := Param{Name: "offset", Type: "text in quotes, such as \"+02:00\"", Optional: true, constant: constantText}
	return []*Function{
		{Name: "url.parse", Params: []Param{pText}, Result: "url", result: environmentType("url"), Doc: "a URL taken apart; empty when the text is none", work: workParseURL},
		{Name: "header", Params: []Param{named("name", pText)}, result: textType, Doc: "the first field of that name in the header block, decoded; empty if there is none", work: workHeader},
		{Name: "announced_passwords", result: textsType, Doc: "where the mail announces passwords, one of `subject`, `body.text` and `body.html` for each; the password itself is never shown", work: workAnnounced},
		{Name: "ip.in_cidr", Params: []Param{named("address", pText), {Name: "block", Type: "CIDR blocks in quotes", Repeated: true, constant: constantCIDR}}, result: boolType, Doc: "the address lies in any of the blocks", work: workInCIDR},
		{Name: "hash.sha256", Params: []Param{pText}, result: textType, Doc: "digest of a text in lower-case hex", work: textMap(sha256Hex)},
		{Name: "time.hour", Params: []Param{when, zone}, result: numberType, Doc: "hour of the day, 0 to 23, in UTC or at the offset", typed: checkClock(func(t time.Time) any { return t.Hour() })},
		{Name: "time.weekday", Params: []Param{when, zone}, result: textType, Doc: "Monday to Sunday, in UTC or at the offset", typed: checkClock(func(t time.Time) any { return t.Weekday().String() })},
	}
}

// environmentType is the type of an object of the environment, as a value.
func environmentType(name string) typ {
	var find func(o *object, open map[*object]bool) typ
	find = func(o *object, open map[*object]bool) typ {
		open[o] = true
		for _, f := range o.fields {
			t := f.Type
			for t.kind == listKind {
				t = *t.elem
			}
			if t.kind != objectKind {
				continue
			}
			if t.obj.Name == name {
				return t
			}
			if !open[t.obj] {
				if t := find(t.obj, open); t.obj != nil {
					return t
				}
			}
		}
		return typ{}
	}
	return find(environment(), map[*object]bool{})
}

func workParseURL(r *run, a []any) (any, error) {
	if err := r.spendText(a[0].(string)); err != nil {
		return nil, err
	}
	u, _ := names.ParseURL(a[0].(string))
	return u, nil
}

func workHeader(r *run, a []any) (any, error) {
	return r.msg.Headers.Get(a[0].(string)), r.spend(len(r.msg.Headers.Fields))
}

func workAnnounced(r *run, _ []any) (any, error) {
	m := r.msg
	for _, text := range []string{m.Subject.Subject, m.Body.Plain.Raw, m.Body.HTML.InnerText} {
		if err := r.spendText(text); err != nil {
			return nil, err
		}
	}
	places := []string{}
	for _, s := range engine.AnnouncedPasswords(m) {
		places = append(places, s.Part)
	}
	return places, nil
}

func workInCIDR(r *run, a []any) (any, error) {
	for _, set := range a[1:] {
		if set.(*prefixSet).has(a[0].(string)) {
			return true, r.spend(len(a))
		}
	}
	return false, r.spend(len(a))
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// checkClock reads the offset when the file is loaded.
func checkClock(f2 func(time.Time) any) func(*checker, *Function, ast.Node, []ast.Node) (ast.Node, typ) {
	return func(c *checker, f *Function, n ast.Node, args []ast.Node) (ast.Node, typ) {
		out, ok := c.arguments(f, args)
		if !ok {
			return n, f.result
		}
		zone := time.UTC
		if len(out) == 2 {
			text := out[1].(*ast.ConstantNode).Value.(string)
			t, err := time.Parse("-07:00", text)
			if err != nil {
				return c.fail(args[1], fmt.Sprintf("%q is not an offset from UTC", text), expected("hours and minutes such as +02:00 or -05:30"))
			}
			_, seconds := t.Zone()
			zone = time.FixedZone(text, seconds)
		}
		w := func(r *run, a []any) (any, error) { return f2(a[0].(time.Time).In(zone)), r.spend(0) }
		return c.emitWork(f.Name+" "+zone.String(), w, f.result, out[:1]), f.result
	}
}

// Bounds of scan_base64.
const (
	minBase64 = 8   // characters of a run
	maxBase64 = 200 // runs that are decoded
)

// base64Runs finds the runs of characters of base64, of both alphabets.
func base64Runs(s string) []string {
	var runs []string
	for i := 0; i < len(s) && len(runs) < maxBase64; i++ {
		start := i
		for i < len(s) && base64Byte(s[i]) {
			i++
		}
		if i-start >= minBase64 {
			runs = append(runs, s[start:i])
		}
	}
	return runs
}

func base64Byte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

func workScanBase64(r *run, a []any) (any, error) {
	s, out := a[0].(string), []string{}
	if err := r.spend(len(s) / patternBytes); err != nil {
		return nil, err
	}
	for _, run := range base64Runs(s) {
		if text, ok := decodeBase64(run); ok {
			out = append(out, text)
		}
	}
	return out, r.spend(len(out))
}

// decodeBase64 accepts both alphabets and only what decodes to text. Padding
// says nothing that the length does not.
func decodeBase64(s string) (string, bool) {
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(s); err == nil && printable(b) {
			return string(b), true
		}
	}
	return "", false
}

func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if !strconv.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}
