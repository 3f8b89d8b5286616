package rules_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/rules"
)

// A misspelt word gets the word that was meant as the suggestion. The figures
// are those that the project promises: 95 of 100.
func TestTyposGetTheRightSuggestion(t *testing.T) {
	const perKind = 200
	right, all := 0, 0
	for _, kind := range typoKinds() {
		r := rand.New(rand.NewPCG(1, 2))
		hits := 0
		var missed []string
		for range perKind {
			word := kind.words[r.IntN(len(kind.words))]
			typo := misspell(r, word)
			for slices.Contains(kind.words, typo) || slices.Contains(kind.also, typo) {
				typo = misspell(r, word)
			}
			if got := suggestion(t, fmt.Sprintf(kind.file, typo)); got == word {
				hits++
			} else {
				missed = append(missed, fmt.Sprintf("%s for %s: %q", typo, word, got))
			}
		}
		right, all = right+hits, all+perKind
		t.Logf("%-10s %d of %d; missed: %s", kind.name, hits, perKind, strings.Join(missed, ", "))
		if hits < perKind*95/100 {
			t.Errorf("%s: %d of %d", kind.name, hits, perKind)
		}
	}
	t.Logf("all: %d of %d = %.1f %%", right, all, 100*float64(right)/float64(all))
}

type typoKind struct {
	name  string
	words []string
	also  []string // other words that would be right there
	file  string
}

func typoKinds() []typoKind {
	roots, fields := []string{}, []string{}
	for _, e := range rules.Environment() {
		switch {
		case !strings.ContainsAny(e.Path, ".["):
			if e.Path != "indicator" { // not in `when`
				roots = append(roots, e.Path)
			}
		case strings.HasPrefix(e.Path, "attachments[].") && strings.Count(e.Path, ".") == 1:
			fields = append(fields, strings.TrimPrefix(e.Path, "attachments[]."))
		}
	}
	var functions, actions []string
	for _, f := range rules.Functions() {
		functions = append(functions, f.Name)
	}
	for _, a := range rules.Actions() {
		actions = append(actions, a.Name)
	}
	const rule = "version: 1\nrules: [ { id: a, when: '%s', then: [ { tag: x } ] } ]\n"
	lists := []string{"partners", "free_mail", "high_trust", "own_domains", "shorteners", "archive_extensions", "vips"}
	listFile := "version: 1\nlists:\n"
	for _, l := range lists {
		listFile += "  " + l + ": { values: [a] }\n"
	}
	return []typoKind{
		{name: "roots", words: roots, also: append(functions, "lists", "macros"), file: fmt.Sprintf(rule, "present(%s)")},
		{name: "fields", words: fields, file: fmt.Sprintf(rule, "any(attachments, present(.%s))")},
		{name: "functions", words: functions, file: fmt.Sprintf(rule, "%s(subject.subject) == 1")},
		{name: "lists", words: lists, file: listFile + "rules: [ { id: a, when: 'subject.subject in lists.%s', then: [ { tag: x } ] } ]\n"},
		{name: "actions", words: actions, file: "version: 1\nrules: [ { id: a, when: 'true', then: [ { %s: x } ] } ]\n"},
		{name: "keys", words: []string{"name", "description", "mode", "priority", "stop", "on_error", "references", "owner", "severity", "version", "expires"}, also: []string{"id", "when", "then", "keep", "tags"}, file: "version: 1\nrules: [ { id: a, when: 'true', then: [ { tag: x } ], %s: x } ]\n"},
	}
}

// misspell makes one of the four errors of typing in a word: a letter left out,
// doubled or added, exchanged for a neighbour, or two swapped. Words of up to
// three letters are only given one letter more, since with one less or another
// they could be anything.
func misspell(r *rand.Rand, word string) string {
	start := strings.LastIndexByte(word, '.') + 1
	w := []byte(word)
	i := start + r.IntN(len(w)-start)
	kind := r.IntN(5)
	if len(w)-start <= 3 {
		kind = 1
	}
	switch kind {
	case 0:
		return string(slices.Delete(w, i, i+1))
	case 1:
		return string(slices.Insert(w, i, w[i]))
	case 2:
		return string(slices.Insert(w, i, byte('a'+r.IntN(26))))
	case 3:
		w[i] = neighbour(r, w[i])
		return string(w)
	}
	if i+1 < len(w) {
		w[i], w[i+1] = w[i+1], w[i]
	}
	return string(w)
}

// neighbour is a key beside that of c.
func neighbour(r *rand.Rand, c byte) byte {
	for _, row := range []string{"qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890"} {
		if i := strings.IndexByte(row, c); i >= 0 {
			return row[min(max(i+1-2*r.IntN(2), 0), len(row)-1)]
		}
	}
	return 'x'
}

// suggestion is the word that the first diagnostic suggests, the last part of a path.
func suggestion(t *testing.T, file string) string {
	t.Helper()
	_, diags := rules.Load([]rules.File{{Name: "f", Data: []byte(file)}}, rules.Options{})
	for _, d := range diags {
		if s, ok := strings.CutPrefix(d.Hint, "did you mean "); ok {
			return strings.TrimSuffix(s, "?")
		}
	}
	return ""
}
