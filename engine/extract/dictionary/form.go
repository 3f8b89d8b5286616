package dictionary

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tqmailrules/tqmailrules/internal/fold"
	"github.com/tqmailrules/tqmailrules/internal/multimatch"
)

// Limits of a dictionary.
const (
	maxForms  = 1_000_000
	maxBytes  = 64 << 20
	maxTokens = 16  // of a name
	maxName   = 200 // bytes
)

// form is one way to write a name of an entry.
type form struct {
	text  string // as the entry has it
	entry int32
	next  int32  // the next form of the same words, -1 for none
	word  uint32 // its first, as a symbol
	flags formFlags
}

type formFlags uint16

const (
	isAlias   formFlags = 1 << iota
	ambiguous           // counts with evidence only
	exact               // counts only as written
	tight               // has letters behind digits, which must not stand apart
	counted             // a word and a number: stands apart (APT 29) only with evidence
	rare                // ambiguous, but no word of daily use: Mirai, Rhysida
	shared              // its entry says that it is ambiguous
	partly              // of several words, one of them of daily use: ambiguous in lower case
)

// indexer builds the tables of an extractor.
type indexer struct {
	*Extractor
	builder multimatch.Builder
	words   map[string]meaning
	known   map[formKey]bool
	last    []int32 // by first form: the last one of the same words
	bytes   int
	symbols []uint32
}

// formKey tells whether an entry has a name already.
type formKey struct {
	first int32
	entry int32
}

// index fills the tables. Names come before other names, so that what is called
// Carbon wins over what is also called Carbon.
func (x *Extractor) index() error {
	ix := &indexer{Extractor: x, words: meanings(), known: map[formKey]bool{}}
	x.ids = map[string]int32{}
	for i, s := range schemes {
		symbol := x.words.add(fold.Fold(s.word))
		x.schemes = append(x.schemes, make([]int8, int(symbol)+1-len(x.schemes))...)
		x.schemes[symbol] = int8(i + 1)
	}
	for i := range x.cfg.Entries {
		e := &x.cfg.Entries[i]
		if !slices.Contains(Types, e.Type) {
			return fmt.Errorf("entry %q: type %q is none of %s", e.Name, e.Type, strings.Join(Types, ", "))
		}
		if _, taken := x.ids[e.ID]; e.ID != "" && !taken {
			x.ids[e.ID] = int32(i)
		}
		if err := ix.addName(e.Name, int32(i), sharedIf(e.Ambiguous)); err != nil {
			return err
		}
	}
	for i := range x.cfg.Entries {
		e := &x.cfg.Entries[i]
		for _, alias := range e.Aliases {
			if err := ix.addName(alias, int32(i), isAlias|sharedIf(slices.Contains(e.Shared, alias))); err != nil {
				return err
			}
		}
	}
	x.names = ix.builder.Build()
	x.doubtful = make([]bool, len(x.cfg.Entries))
	for _, f := range x.forms {
		x.doubtful[f.entry] = x.doubtful[f.entry] || f.flags&(ambiguous|partly|counted) != 0
	}
	for w := range ix.words {
		x.words.add(fold.Fold(w))
	}
	x.schemes = append(x.schemes, make([]int8, len(x.words.words)-len(x.schemes))...)
	x.means = make([]meaning, len(x.words.words))
	for w, m := range ix.words {
		x.means[x.words.add(fold.Fold(w))] = m
	}
	return nil
}

func sharedIf(yes bool) formFlags {
	if yes {
		return shared
	}
	return 0
}

// cve are names that the built-in extractor reports as indicators.
var cve = regexp.MustCompile(`(?i)^CVE-\d{4}-\d{4,}$`)

// addName adds the spellings of a name.
func (ix *indexer) addName(name string, entry int32, flags formFlags) error {
	name = strings.TrimSpace(name)
	if ix.bytes += len(name); ix.bytes > maxBytes {
		return fmt.Errorf("more than %d MiB of names", maxBytes>>20)
	}
	if name == "" || len(name) > maxName || name[0]|0x20 == 'c' && cve.MatchString(name) {
		return nil
	}
	for _, spelling := range spellings(name) {
		if err := ix.addForm(spelling, entry, flags); err != nil {
			return err
		}
		if len(ix.forms) > maxForms {
			return fmt.Errorf("more than %d names, spellings included; %d entries", maxForms, len(ix.cfg.Entries))
		}
	}
	return nil
}

var (
	remark = regexp.MustCompile(`\s*\([^()]*\)$`)                          // Cross-Site Scripting (XSS)
	camel  = regexp.MustCompile(`^(\p{Lu}\p{Ll}{3,})(\p{Lu}\p{Ll}{2,})$`)  // AgentTesla
	pair   = regexp.MustCompile(`^(\p{Lu}\p{Ll}{2,})[ -](\p{Lu}\p{Ll}+)$`) // Cobalt Strike
)

// spellings returns a name, and how else it is commonly written.
func spellings(name string) []string {
	all := []string{name}
	if strings.HasSuffix(name, ")") {
		all = append(all, remark.ReplaceAllString(name, ""))
	}
	if !strings.ContainsAny(name, " -") {
		if m := camel.FindStringSubmatch(name); m != nil {
			all = append(all, m[1]+" "+m[2])
		}
		return all
	}
	if m := pair.FindStringSubmatch(name); m != nil && len(name) >= 9 {
		all = append(all, m[1]+m[2])
	}
	return all
}

func (ix *indexer) addForm(text string, entry int32, flags formFlags) error {
	ix.symbols = ix.symbols[:0]
	flags |= ix.read(text)
	e := &ix.cfg.Entries[entry]
	if len(ix.symbols) == 0 || len(ix.symbols) > maxTokens || ix.meaningless(text) {
		return nil
	}
	if e.Case || alphanumerics(text) <= 3 {
		flags |= exact
	}
	switch {
	case len(ix.symbols) == 2 && ix.isScheme(ix.symbols[0]) && oneRun(text):
		flags |= counted
	default:
		flags |= ix.common(text, e, flags)
	}
	at := int32(len(ix.forms))
	first, err := ix.builder.Add(ix.symbols, at)
	if err != nil {
		return err
	}
	if ix.known[formKey{first, entry}] {
		return nil
	}
	ix.known[formKey{first, entry}] = true
	ix.forms, ix.last = append(ix.forms, form{text, entry, -1, ix.symbols[0], flags}), append(ix.last, at)
	if first != at {
		ix.forms[ix.last[first]].next = at
		ix.last[first] = at
	}
	return nil
}

// read appends the symbols of a name, new ones if need be.
func (ix *indexer) read(text string) (flags formFlags) {
	var before token
	for i := 0; ; {
		t, ok := ix.Extractor.words.next(text, i)
		if !ok {
			return flags
		}
		ix.symbols = append(ix.symbols, ix.Extractor.words.add(bare(text[t.start:t.end])))
		if before.kind == digits && t.kind == letters || before.kind == ideograph && t.kind == ideograph {
			flags |= tight
		}
		before, i = t, t.end
	}
}

// bare is a word folded, without what nobody sees.
func bare(word string) string {
	return fold.Fold(strings.Map(func(r rune) rune {
		if kindOf(r) == invisible {
			return -1
		}
		return r
	}, word))
}

// meaningless says whether a name is none to look for: a single word that speaks
// for other names (Backdoor, Phishing), a number, one letter, a command such as at.
func (ix *indexer) meaningless(text string) bool {
	if alphanumerics(text) <= 3 && strings.ToLower(text) == text && text[0] >= 'a' && text[0] <= 'z' {
		return true
	}
	if len(ix.symbols) == 1 && ix.meaning(ix.symbols[0]).isKind() || alphanumerics(text) < 2 {
		return true
	}
	return !strings.ContainsFunc(text, func(r rune) bool { k := kindOf(r); return k == letters || k == ideograph })
}

func (ix *indexer) isScheme(symbol uint32) bool {
	return int(symbol) < len(ix.schemes) && ix.schemes[symbol] > 0
}

func (ix *indexer) meaning(symbol uint32) meaning {
	return ix.words[fold.Lower(ix.Extractor.words.words[symbol])]
}

// common says whether a name is ambiguous: its entry says so, its words are of daily
// use, it is short, or a command. One with a word for what it is (Hive ransomware,
// Lazarus Group) is not, unless its entry says so, nor is one of several words, one of
// them rare, or one in which digits stand among letters (Log4Shell).
func (ix *indexer) common(text string, e *Entry, flags formFlags) formFlags {
	dailies, uncommons, terms, hints, others := 0, 0, 0, 0, 0
	for _, s := range ix.symbols {
		m := ix.meaning(s)
		switch kind := m.hint.kind(); {
		case strings.ContainsFunc(ix.Extractor.words.words[s], unicode.IsDigit):
		case kind == Malware, kind == Adversary && (m.weight >= medium || flags&isAlias == 0):
			hints++
		case m.is(uncommon) && !m.is(daily):
			uncommons++
		case e.Type == AttackPattern && m.weight > 0 && m.role == 0:
			terms++
		case m != meaning{} || ix.stem(s):
			dailies++
		default:
			others++
		}
	}
	first, _ := utf8.DecodeRuneInString(text)
	switch {
	case flags&shared != 0 && others+uncommons > 0, uncommons == len(ix.symbols):
		return ambiguous | rare
	case flags&shared != 0, len(ix.symbols) == 1 && unicode.IsLower(first) && !strings.ContainsFunc(text, unicode.IsUpper):
		return ambiguous
	case flags&tight != 0 && oneRun(text):
		return 0
	case others > 0 && dailies > 0 && hints == 0 && unicode.IsUpper(first) && e.Type != AttackPattern && !strings.ContainsFunc(text, unicode.IsDigit):
		return partly
	case others > 0 && (alphanumerics(text) > 3 || strings.ContainsFunc(text, unicode.IsDigit)):
		return 0
	case terms == len(ix.symbols) && terms > 1: // credential dumping
		return 0
	case e.Type == AttackPattern, dailies+uncommons == 0, hints == 0:
		return ambiguous
	}
	return 0
}

// oneRun says whether a name is written without a gap, hyphens apart.
func oneRun(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return notWordly(r) && r != '-' })
}

// stem says whether a word is one of daily use with an ending.
func (ix *indexer) stem(symbol uint32) bool {
	w := fold.Lower(ix.Extractor.words.words[symbol])
	for _, ending := range []string{"s", "es", "ed", "d", "ing", "er", "r", "y"} {
		if base, ok := strings.CutSuffix(w, ending); ok && len(base) >= 3 && (ix.words[base].role != 0 || ending == "ing" && ix.words[base+"e"].role != 0) {
			return true
		}
	}
	return false
}

func alphanumerics(text string) (n int) {
	for _, r := range text {
		switch kindOf(r) {
		case letters, digits:
			n++
		case ideograph:
			n += 2 // says more than a letter
		}
	}
	return n
}
