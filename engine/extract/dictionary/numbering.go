package dictionary

import (
	"strings"
)

// scheme is a way to number adversaries, techniques and the like: a word, what
// joins it to digits, and digits.
type scheme struct {
	word     string // as it must be written
	join     string // what may stand between, of " -." ; "" for nothing
	required bool   // something of join must stand there
	min, max int    // digits
	kind     string // type; "" when only the dictionary can tell what it is
	write    string // what stands between in the canonical form
	sure     bool   // needs no evidence
	id       bool   // looked up among the ids of the dictionary
}

// schemes are those in use. Their words are letters only.
var schemes = []scheme{
	{word: "T", min: 4, max: 4, kind: AttackPattern, id: true}, // see technique
	{word: "TA", join: "-", min: 3, max: 4, kind: Adversary, sure: true, id: true},
	{word: "S", min: 4, max: 4, id: true},
	{word: "G", min: 4, max: 4, kind: Adversary, id: true},
	{word: "M", min: 4, max: 4, id: true},
	{word: "C", min: 4, max: 4, id: true},
	{word: "CAPEC", join: "- ", required: true, min: 1, max: 3, kind: AttackPattern, write: "-", sure: true, id: true},
	{word: "CWE", join: "- ", required: true, min: 1, max: 4, kind: Tag, write: "-", sure: true, id: true},
	{word: "APT", join: "-", min: 1, max: 3, kind: Adversary, sure: true},
	{word: "FIN", join: "", min: 1, max: 2, kind: Adversary, sure: true},
	{word: "UNC", join: "-", min: 3, max: 5, kind: Adversary, sure: true},
	{word: "DEV", join: "-", required: true, min: 4, max: 4, kind: Adversary, write: "-"},
	{word: "Storm", join: "-", required: true, min: 4, max: 4, kind: Adversary, write: "-", sure: true},
	{word: "ITG", join: "-", min: 2, max: 2, kind: Adversary, sure: true},
	{word: "UAC", join: "-", required: true, min: 4, max: 4, kind: Adversary, write: "-", sure: true},
	{word: "UTA", join: "", min: 4, max: 4, kind: Adversary, sure: true},
	{word: "UAT", join: "-", required: true, min: 4, max: 4, kind: Adversary, write: "-", sure: true},
	{word: "TAG", join: "-", required: true, min: 2, max: 3, kind: Adversary, write: "-"},
	{word: "TG", join: "-", required: true, min: 4, max: 4, kind: Adversary, write: "-"},
	{word: "ATK", join: "", min: 1, max: 3, kind: Adversary},
	{word: "CL", kind: Adversary, sure: true}, // see cluster
	{word: "TEMP", kind: Adversary},           // see temporary
}

// number is what a scheme read.
type number struct {
	end   int
	value string // canonical
	kind  string
	sure  bool
	id    bool
	known bool // it is the id of an entry
}

// read reads a number whose word ends at end of text.
func (s *scheme) read(text string, start, end int) (n number, ok bool) {
	if text[start:end] != s.word {
		return n, false
	}
	switch s.word {
	case "CL":
		return cluster(text, start, end)
	case "TEMP":
		return temporary(text, start, end)
	case "APT":
		if n, ok := cluster(text, start, end); ok {
			return n, true
		}
	}
	at := end
	if at < len(text) && strings.IndexByte(s.join, text[at]) >= 0 {
		at++
	} else if s.required {
		return n, false
	}
	stop := digitsEnd(text, at)
	if stop-at < s.min || stop-at > s.max || s.word != "T" && goesOn(text, stop) {
		return n, false
	}
	n = number{end: stop, value: text[start:stop], kind: s.kind, sure: s.sure, id: s.id}
	if text[end:at] != s.write {
		n.value = s.word + s.write + text[at:stop]
	}
	if s.word == "T" {
		return technique(text, n)
	}
	if text[at] == '0' && s.min == 1 && !s.id {
		return n, false
	}
	if s.word == "TA" && text[at] == '0' {
		n.kind = "" // a tactic
	}
	return n, true
}

// technique reads on behind T1234. Techniques of ATT&CK have numbers from 0800 and
// 1000 to 1999; a sub-technique is like nothing else.
func technique(text string, n number) (number, bool) {
	if d := n.value[1:]; d[0] != '1' && d[:2] != "08" {
		return n, false
	}
	if at := n.end; at < len(text) && (text[at] == '.' || text[at] == '/') && digitsEnd(text, at+1) == at+4 && !goesOn(text, at+4) {
		if text[at] == '.' {
			n.value = text[at-len(n.value) : at+4]
		} else {
			n.value += "." + text[at+1:at+4]
		}
		n.end, n.sure = at+4, true
	}
	return n, !goesOn(text, n.end)
}

// cluster reads CL-STA-0043 and APT-C-36: a word, a hyphen, capitals, a hyphen, digits.
func cluster(text string, start, end int) (n number, ok bool) {
	at := end
	for at < len(text) && at < end+5 && (text[at] == '-' && at == end || text[at] >= 'A' && text[at] <= 'Z') {
		at++
	}
	if at < end+2 || at >= len(text) || text[at] != '-' {
		return n, false
	}
	stop := digitsEnd(text, at+1)
	if stop-at < 3 || stop-at > 5 || goesOn(text, stop) {
		return n, false
	}
	return number{end: stop, value: text[start:stop], kind: Adversary, sure: true}, true
}

// temporary reads TEMP.Veles.
func temporary(text string, start, end int) (n number, ok bool) {
	if end+4 > len(text) || text[end] != '.' || text[end+1] < 'A' || text[end+1] > 'Z' {
		return n, false
	}
	stop := end + 2
	for stop < len(text) && stop < end+24 && text[stop] >= 'a' && text[stop] <= 'z' {
		stop++
	}
	if stop < end+4 || goesOn(text, stop) {
		return n, false
	}
	return number{end: stop, value: text[start:stop], kind: Adversary}, true
}

// maxDigits is how far digits are looked at.
const maxDigits = 8

func digitsEnd(text string, at int) int {
	stop := at
	for stop < len(text) && stop < at+maxDigits && kinds[text[stop]] == digits {
		stop++
	}
	return stop
}

// goesOn says whether a number is only the beginning of something longer: 1200mAh,
// 1234-5, 4.12.
func goesOn(text string, stop int) bool {
	if glued(text, stop) {
		return true
	}
	return stop+1 < len(text) && (text[stop] == '-' || text[stop] == '.') && kinds[text[stop+1]] == digits
}
