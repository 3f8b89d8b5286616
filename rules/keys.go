package rules

// key is one key of a mapping of the rule file: its name, how its value is
// written, and what it means. The checker knows no other keys; the schema and
// the reference say the same of them.
type key struct{ Name, Form, Doc string }

func keyNames(keys []key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

func keyDocs(keys []key) map[string]string {
	docs := map[string]string{}
	for _, k := range keys {
		docs[k.Name] = k.Doc
	}
	return docs
}

var fileKeyTable = []key{
	{"version", "1", "the version of this format; must be there"},
	{"lists", "name: list", "named lists, asked by `x in lists.name`"},
	{"macros", "name: condition", "named conditions and values, used as `macros.name`"},
	{"defaults", "mapping", "what holds for everything that is shipped"},
	{"rules", "list of rules", "the rules"},
}

var listKeyTable = []key{
	{"kind", "exact, suffix or cidr; exact", "how `in` asks it: regardless of case, a domain or any below it, an address in a block"},
	{"values", "list of text", "the entries"},
	{"file", "path", "a file of entries, beside the rule file: one per line with # comments; .csv by its first column; .jsonl of texts or of objects with value"},
}

var defaultKeyTable = []key{
	{"mailbox_type", "intelligence or spearphish", "what the mails of the mailbox are, unless a rule says otherwise"},
	{"event_type", "text", "type of the event of an intelligence mail"},
	{"file_type", "text", "type of its attachments"},
	{"status", "text", "status of indicators"},
	{"source", "text", "source that what is shipped is credited to"},
	{"tlp", "RED, AMBER+STRICT, AMBER, GREEN or CLEAR", "Traffic Light Protocol level"},
	{"keep_raw", "true or false; false", "ship the raw mail as a file"},
}

var ruleKeyTable = []key{
	{"id", "letters, digits, dots, - and _", "names the rule in reports; unique over all files"},
	{"name", "text; the id", "a title"},
	{"description", "text", "what the rule is for"},
	{"mode", "live, shadow or off; live", "shadow: evaluated and reported, what it wants is left out; off: not asked"},
	{"priority", "whole number; 0", "low ones are asked first, equal ones in the order of the files"},
	{"when", "condition", "what must hold of the mail; stands with then"},
	{"keep", "condition", "what must hold of an indicator for it to stay; stands without when and then"},
	{"otherwise", "{status: text}; dropped", "for a keep rule: the status of an indicator that it refuses, which ships all the same"},
	{"then", "list of actions", "what is wanted when the condition holds"},
	{"stop", "none, phase or message; none", "when the rule matches, no further rule is asked in this phase, or for this mail"},
	{"on_error", "skip, match or stop; skip", "what a condition that fails counts as; it is reported in any case"},
	{"tags", "list of text", "for people"},
	{"references", "list of text", "for people"},
	{"owner", "text", "who answers for the rule"},
	{"severity", "info, low, medium, high or critical", "for people"},
	{"version", "text", "for people"},
	{"expires", "day such as 2027-01-31", "`check` warns of the rule from then on"},
}
