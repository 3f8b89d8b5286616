package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

const generated = "<!-- Made by go generate ./rules from the checker's tables; do not edit. -->\n\n"

// EnvironmentReference is the page of everything that a condition can name.
func EnvironmentReference() string {
	var b strings.Builder
	b.WriteString("# What conditions can read\n\n" + generated)
	b.WriteString(`A condition is an expression of [expr](https://expr-lang.org) over the paths below. Everything has one type and is never missing: a fact that is not there is the empty text, 0, false, the zero time or an empty list, and ` + "`present(x)`" + ` asks for that. A list may be read past its end (` + "`attachments[7].file_name`" + ` is empty then), and a table for any key.

The **phase** says when a fact is known: ` + "`message`" + ` when the mail has been read, ` + "`content`" + ` when its attachments have been opened, ` + "`findings`" + ` when indicators have been extracted. A rule is evaluated in the latest phase of the paths that it reads.

`)
	b.WriteString("## Roots\n\n")
	writeFields(&b, environment())
	b.WriteString("\n`nested[]` are mails with the same paths from `message` to `pair`. `indicator` can be read in `keep` only.\n\n## Objects\n")
	for _, o := range objectsInOrder() {
		fmt.Fprintf(&b, "\n### %s\n\n", o.Name)
		writeFields(&b, o)
	}
	writeFacts(&b)
	writeFunctions(&b)
	writeOperators(&b)
	return b.String()
}

func writeFields(b *strings.Builder, o *object) {
	b.WriteString("| name | type | phase | meaning |\n|---|---|---|---|\n")
	for _, f := range o.fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, f.Phase, f.Doc)
	}
}

// objectsInOrder lists the objects in the order in which the roots lead to them.
func objectsInOrder() []*object {
	var out []*object
	var walk func(t typ)
	walk = func(t typ) {
		for t.kind == listKind {
			t = *t.elem
		}
		if t.kind != objectKind || slices.Contains(out, t.obj) {
			return
		}
		out = append(out, t.obj)
		for _, f := range t.obj.fields {
			walk(f.Type)
		}
	}
	for _, f := range environment().fields {
		walk(f.Type)
	}
	walk(htmlNodeType())
	return out
}

func writeFunctions(b *strings.Builder) {
	b.WriteString("\n## Functions\n\nEvery function is pure. What stands in quotes below must be written out in the rule file, or be a macro or list of it; patterns are RE2 and are compiled when the file is loaded. Functions with an `i` in front, and `(?i)` in patterns, fold case in the same way.\n\n")
	b.WriteString("| function | result | meaning |\n|---|---|---|\n")
	for _, f := range functions().all {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Usage(), f.Result, strings.ReplaceAll(f.Doc, "|", `\|`))
	}
}

func writeOperators(b *strings.Builder) {
	b.WriteString(`
## Operators

| operator | meaning |
|---|---|
| ` + "`&&` `and`, `\\|\\|` `or`, `!` `not`" + ` | on true/false; the right side is asked only when it matters |
| ` + "`==` `!=` `<` `<=` `>` `>=`" + ` | on two values of one type; ` + "`1 < x < 9`" + ` is two comparisons |
| ` + "`in`" + ` | in a list, in the keys of a table, or in ` + "`lists.name`" + ` by that list's kind: ` + "`exact`" + ` regardless of case, ` + "`suffix`" + ` a domain or any below it, ` + "`cidr`" + ` an address in a block |
| ` + "`contains` `startsWith` `endsWith`" + ` | on texts, with case |
| ` + "`matches`" + ` | a pattern in quotes; backticks keep backslashes as they are |
| ` + "`+` `-` `*` `/` `%` `**`" + ` | on numbers; ` + "`+`" + ` joins texts; times and durations add and subtract |
| ` + "`c ? a : b`, `let x = a; b`, `a..b`, `x[1:3]`" + ` | choice, a name for a value, whole numbers from a to b, a part of a text or list |
| ` + "`any(list, .field == 1)`" + ` | ` + "`#`" + ` is the element, ` + "`.field`" + ` a field of it |
| ` + "`macros.name`, `lists.name`" + ` | a macro or list of the rule files |

## Limits

`)
	d := engine.Limits{}.WithDefaults()
	fmt.Fprintf(b, "A condition has at most %d bytes, and %d parts with its macros expanded. It may take %d steps: one for each function, one for each element of a list that `any`, `filter` and the like are given, one for each %d bytes of text that it looks at or makes, one for each %d bytes that a pattern reads. The count is the same on every machine. A condition that needs more fails, is reported, and counts as `on_error` says.\n", maxCondition, maxNodes, d.ConditionOp, stepBytes, patternBytes)
}

// ActionsReference is the page of everything that a rule can want.
func ActionsReference() string {
	var b strings.Builder
	b.WriteString("# What rules can want\n\n" + generated)
	b.WriteString("A rule file is YAML with the keys of these tables and no others. Several files are one set: they share lists, macros and the ids of rules.\n")
	for _, t := range []struct {
		title string
		keys  []key
	}{{"A rule file", fileKeyTable}, {"A rule", ruleKeyTable}, {"A list", listKeyTable}, {"Defaults", defaultKeyTable}} {
		writeKeys(&b, t.title, t.keys)
	}
	b.WriteString("\n## Actions\n\n")
	b.WriteString("`then` is a list of actions. An action describes; the engine carries it out when all rules have been asked. `T` is text in which `{{ expression }}` stands for a value; what an expression yields is never read as a template again. The phase is the last in which an action can act: a rule that reads what is known only later cannot have it.\n\n")
	b.WriteString("| action | form | until phase | several matches |\n|---|---|---|---|\n")
	for _, a := range actionTable() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", a.Name, a.Name, a.Form, phaseName(a.Until), a.Combine)
	}
	for _, a := range actionTable() {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n```yaml\n- %s\n```\n", a.Name, a.Doc, a.Example)
	}
	b.WriteString("\n### keep\n\nNot an action but a rule of its own kind: a condition on one `indicator`, asked for each in the findings phase. All keep rules must hold; where one is false, the indicator is dropped and the trace names the rule. With `otherwise` it ships all the same, with a status of its own: what is well known may be told to the platform as such.\n\n```yaml\n- id: not-our-partners\n  keep: '!(indicator.type == \"FQDN\" && indicator.value in lists.partners)'\n- id: listed-are-known\n  keep: '!(\"listed\" in indicator.flags)'\n  otherwise: { status: Whitelisted }\n```\n")
	return b.String()
}

func writeKeys(b *strings.Builder, title string, keys []key) {
	fmt.Fprintf(b, "\n## %s\n\n| key | value; default | meaning |\n|---|---|---|\n", title)
	for _, k := range keys {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", k.Name, k.Form, k.Doc)
	}
}

func phaseName(p engine.Phase) string {
	if p == engine.PhaseFindings {
		return "any"
	}
	return p.String()
}
