package rules

import (
	"github.com/tqmailrules/tqmailrules/engine"
)

var (
	treatments    = []string{string(engine.Intelligence), string(engine.Spearphish), string(engine.Skip)}
	unwrapKinds   = []string{"forward", "nested", "archive"}
	extractFrom   = []string{"body", "attachments", "headers"}
	attributeOn   = []string{"event", "files", "indicators"}
	relationTypes = []string{"adversary", "malware", "campaign", "attack_pattern", "tool", "vulnerability"}
	trimFrom      = []string{"start", "end"}
	splitRests    = []string{"ship", "skip"}
)

// actionKeys are the keys of the actions that are mappings of known keys.
var actionKeys = map[string][]string{
	"trim":    {"chars", "from", "after"},
	"pair":    {"subject", "password_prefix", "window", "default_password", "scope", "take"},
	"unlock":  {"passwords", "secrets"},
	"split":   {"at", "until", "rest"},
	"extract": {"use", "only", "from", "config"},
	"event":   {"type", "title", "happened_at"},
	"relate":  relationTypes,
	"ship":    {"sinks"},
	"route":   {"seen", "move_to", "flag"},
	"hold":    {"for"},
}

// actionTable is the closed set. Its order is that of the reference.
func actionTable() []Action {
	return []Action{
		{
			Name: "treat_as", Form: "intelligence, spearphish or skip", Until: engine.PhaseContent, Combine: "the first by priority",
			Doc:     "Says what the mail is: intelligence ships one event with what it carries; spearphish makes each attached or forwarded mail an event of its own; skip ships nothing, and the ledger says why.",
			Example: "treat_as: spearphish", read: readTreatAs,
		},
		{
			Name: "trim", Form: "N, or {chars: N, from: start or end}, or {after: pattern}", Until: engine.PhaseMessage, Combine: "all, in order",
			Doc:     "Shortens body.text before extraction, by a number of characters or from the first fit of a pattern on. What was cut is kept in the trace, and findings that stood only there are listed as trimmed.",
			Example: "trim: { chars: 180, from: start }", read: readTrim,
		},
		{
			Name: "pair", Form: "{subject, password_prefix, window, default_password, scope, take}", Until: engine.PhaseMessage, Combine: "union",
			Doc:     "Joins a mail with a locked attachment and the mail that brings its password, in any order. subject (a text, or a pattern whose first group or whole fit counts) finds what both subjects share; password_prefix (a text or pattern; by default words for password in many languages) what stands before the password. scope is domain (of the sender; default), thread or mailbox; window is 72h by default; take is a pattern of the password itself. A mail with a locked attachment that nothing opens waits until its window has passed, then ships as it is. [attachments.md](attachments.md) has the whole of it.",
			Example: `pair: { subject: '\[(CASE-\d+)\]', window: 72h }`, read: readPair,
		},
		{
			Name: "unlock", Form: "{passwords: [text], secrets: [name]}", Until: engine.PhaseMessage, Combine: "union",
			Doc:     "Further passwords to try on locked attachments, before those that the mail announces.",
			Example: "unlock: { passwords: [infected] }", read: readUnlock,
		},
		{
			Name: "unwrap", Form: "forward, nested, archive (one or a list), or none", Until: engine.PhaseMessage, Combine: "union",
			Doc:     "Which inner mails become items of their own: nested are attached ones, archive those inside other attachments, forward the inline original.",
			Example: "unwrap: [forward, nested]", read: readUnwrap,
		},
		{
			Name: "split", Form: "headings, or {at: pattern, until: pattern, rest: ship or skip}", Until: engine.PhaseContent, Combine: "the first by priority",
			Doc:     "Makes each section of a newsletter a report of its own: an event with the heading for its title, the text and the links of the section, and the indicators that stand in it. headings are those of HTML, of the highest level that comes twice, or bold lines; in plain text those of Markdown, underlined, framed, numbered or capital lines that stand apart, or what rulers part. at is a pattern of the lines at which sections begin instead, its first group the title; until one of the line at which the last section ends. The rules are asked again for each section: its `subject` is the heading, `message.carrier.via` is `section`, `message.carrier.subject` the subject of the mail, everything else as in the mail. The mail keeps its attachments and what stands in no section, and ships with that, unless rest is skip. trim acts before; only a mail that ships as intelligence is split, and no section is split again. Where there is nothing to split at, the mail ships as one, with the defect `no-sections`.",
			Example: "split: { at: '^Story \\d+: (.+)', until: '^Unsubscribe', rest: skip }", read: readSplit,
		},
		{
			Name: "extract", Form: "{use: [name], only: [name], from: [body, attachments, headers], config: {...}}", Until: engine.PhaseContent, Combine: "union; only wins",
			Doc:     "Chooses extractors beside the built-in ones (use) or instead of them (only), and the parts they see.",
			Example: "extract: { use: [wallets], from: [body, attachments] }", read: readExtract,
		},
		{
			Name: "event", Form: "{type: T, title: T, happened_at: T}", Until: engine.PhaseFindings, Combine: "the first by priority, per field",
			Doc:     "Overrides the event that the mail becomes.",
			Example: "event: { type: Phishing, title: '{{ subject.base }}' }", read: readEvent,
		},
		{
			Name: "attribute", Form: "{Name: T, ...}, or {Name: {value: T, on: event, files or indicators}}", Until: engine.PhaseFindings, Combine: "union",
			Doc:     "Adds attributes. A list gives one for each element, an empty value none.",
			Example: "attribute: { Reporter: '{{ sender.email.email }}' }", read: readAttribute,
		},
		{
			Name: "tag", Form: "T, or a list of them", Until: engine.PhaseFindings, Combine: "union",
			Doc:     "Tags the event and its indicators.",
			Example: "tag: macro", read: readTag,
		},
		{
			Name: "relate", Form: "{adversary: T, malware: T, campaign: T, attack_pattern: T, tool: T, vulnerability: T}", Until: engine.PhaseFindings, Combine: "union",
			Doc:     "Ties the event by name to what it is about: an adversary, malware, a campaign, an attack pattern, a tool, a vulnerability.",
			Example: "relate: { malware: Emotet }", read: readRelate,
		},
		{
			Name: "status", Form: "T", Until: engine.PhaseFindings, Combine: "the first by priority",
			Doc:     "The status of the indicators.",
			Example: "status: Active", read: readStatus,
		},
		{
			Name: "source", Form: "T", Until: engine.PhaseFindings, Combine: "the first by priority",
			Doc:     "The source that what is shipped is credited to.",
			Example: "source: Phishing Mailbox", read: readSource,
		},
		{
			Name: "tlp", Form: "T: RED, AMBER+STRICT, AMBER, GREEN or CLEAR", Until: engine.PhaseFindings, Combine: "the most restrictive",
			Doc:     "The Traffic Light Protocol level of every source of the item.",
			Example: "tlp: AMBER", read: readTLP,
		},
		{
			Name: "score", Form: "a whole number", Until: engine.PhaseFindings, Combine: "sum",
			Doc:     "Adds to the score, which conditions can read in later phases.",
			Example: "score: 60", read: readScore,
		},
		{
			Name: "ship", Form: "{sinks: [name]}, or none", Until: engine.PhaseFindings, Combine: "the first by priority",
			Doc:     "Which sinks get the item; without it, all of them.",
			Example: "ship: { sinks: [threatq] }", read: readShip,
		},
		{
			Name: "route", Form: "{seen: true or false, move_to: folder, flag: name}", Until: engine.PhaseFindings, Combine: "the first by priority",
			Doc:     "What the source is told to do with the mail once it is handled.",
			Example: "route: { move_to: Handled }", read: readRoute,
		},
		{
			Name: "parse", Form: "server", Until: engine.PhaseFindings, Combine: "any",
			Doc:     "Has ThreatQ parse the source of the item itself (its import), beside what is extracted here, when it ships as a spearphish. What it finds cannot be known in a dry run; other sinks are as ever.",
			Example: "parse: server", read: readParse,
		},
		{
			Name: "hold", Form: "{for: duration}", Until: engine.PhaseMessage, Combine: "the longest",
			Doc:     "Parks the mail without a partner; it is handled when the time has passed.",
			Example: "hold: { for: 24h }", read: readHold,
		},
	}
}
