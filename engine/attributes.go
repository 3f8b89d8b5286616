package engine

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxAttribute is the length at which the value of an attribute is cut, in bytes.
const maxAttribute = 10_000

// fact is a row of the table of default event attributes: a name, and what a
// message has to say under it.
type fact struct {
	name   string
	values func(m *Message) []string
}

// facts are the event attributes that a mail fills by itself.
var facts = []fact{
	{"From", func(m *Message) []string { return one(m.Sender.Email.Email) }},
	{"From Name", func(m *Message) []string { return one(m.Sender.DisplayName) }},
	{"To", func(m *Message) []string { return emails(m.Recipients.To) }},
	{"Cc", func(m *Message) []string { return emails(m.Recipients.Cc) }},
	{"Reply-To", func(m *Message) []string { return emails(m.Headers.ReplyTo) }},
	{"Return-Path", func(m *Message) []string { return one(m.Headers.ReturnPath.Email.Email) }},
	{"Sender", header("Sender")},
	{"Subject", func(m *Message) []string { return one(m.Subject.Subject) }},
	{"Date", func(m *Message) []string { return stamp(m.Meta.Date) }},
	{"Received At", func(m *Message) []string { return stamp(m.Meta.Received) }},
	{"Message-ID", func(m *Message) []string { return one(m.Headers.MessageID) }},
	{"In-Reply-To", func(m *Message) []string { return one(m.Headers.InReplyTo) }},
	{"X-Mailer", header("X-Mailer")},
	{"User-Agent", header("User-Agent")},
	{"X-Originating-IP", header("X-Originating-IP")},
	{"Sender IP", func(m *Message) []string { return one(senderIP(m)) }},
	{"SPF", func(m *Message) []string { return result(m.Auth.SPF) }},
	{"DKIM", func(m *Message) []string { return result(m.Auth.DKIM) }},
	{"DMARC", func(m *Message) []string { return result(m.Auth.DMARC) }},
	{"Authentication-Results", header("Authentication-Results")},
	{"List-Id", header("List-Id")},
	{"Content-Language", header("Content-Language")},
	{"Mailbox", func(m *Message) []string { return one(cmp.Or(m.Mailbox.Name, m.Meta.Account)) }},
	{"Folder", func(m *Message) []string { return one(m.Meta.Folder) }},
}

// eventAttributes are the facts, the hops, the attachments, the rules and the
// caps of an item, and the key by which its event is found again.
func eventAttributes(out *Outcome, it *Item, key string) []AttributeRecord {
	m := it.Message
	all := make([]AttributeRecord, 0, len(facts)+len(m.Headers.Hops)+2*len(m.Attachments)+8)
	add := func(name string, values ...string) {
		for _, v := range values {
			all = append(all, AttributeRecord{name, cut(v, maxAttribute)})
		}
	}
	for _, f := range facts {
		add(f.name, f.values(m)...)
	}
	for i, h := range m.Headers.Hops {
		add("Received Hop "+strconv.Itoa(i+1), h.Received)
	}
	add("Attachment Count", strconv.Itoa(len(m.Attachments)))
	for _, a := range m.Attachments {
		add("Attachment Name", one(a.FileName)...)
		add("Attachment SHA-256", one(a.SHA256)...)
	}
	add("Rules", matchedRules(it)...)
	for _, d := range slices.Concat(m.Defects, it.Defects) {
		if d.Cap {
			add("Limit Reached", d.Code)
		}
	}
	for _, a := range m.Attachments {
		if hasLocked([]*Part{a}) {
			add("Locked Attachment", cmp.Or(a.FileName, a.Path))
		}
	}
	if c := m.Meta.Carrier; c.Via == ViaSection {
		add("Section Of", one(c.Subject)...)
	} else if c.ID != "" {
		add("Reporter", one(c.Sender.Email.Email)...)
		add("Reported At", stamp(c.Received)...)
	}
	add("tqmailrules-key", key)
	return all
}

func matchedRules(it *Item) []string {
	var ids []string
	for _, r := range it.Plan.Results {
		if r.Result == Match && !r.Shadow {
			ids = append(ids, r.Rule)
		}
	}
	return sortedSet(ids)
}

// chosenAttributes are those that attribute actions add to events, files or
// indicators.
func (it *Item) chosenAttributes(on string) []AttributeRecord {
	var all []AttributeRecord
	for _, a := range it.Decision.Attributes {
		if cmp.Or(a.On, "event") != on {
			continue
		}
		for _, v := range a.Values {
			all = append(all, AttributeRecord{a.Name, cut(v, maxAttribute)})
		}
	}
	return all
}

// TagLocked is on every file that nobody could open, and on its event.
const TagLocked = "locked"

// fileAttributes are what opening a file told about it.
func fileAttributes(a *Part) []AttributeRecord {
	var all []AttributeRecord
	if strings.Contains(a.Path, "/") {
		all = append(all, named("Path", a.Path)...)
	}
	if a.Decrypted {
		all = append(all, named("Decrypted", "yes")...)
		all = append(all, named("Opened By", one(a.OpenedBy)...)...)
	}
	if a.Locked() {
		all = append(all, named("Locked", "yes")...)
	}
	if a.HasMacros {
		all = append(all, named("Has Macros", "yes")...)
	}
	all = append(all, named("QR Code", a.QR...)...)
	for k, v := range a.Metadata {
		all = append(all, named(title(k), v)...)
	}
	return all
}

// title makes the name of an attribute of that of a fact: "launch_action" is
// "Launch Action".
func title(fact string) string {
	words := strings.Split(fact, "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

func named(name string, values ...string) []AttributeRecord {
	var all []AttributeRecord
	for _, v := range values {
		all = append(all, AttributeRecord{name, cut(v, maxAttribute)})
	}
	return all
}

func extraAttributes(ind *Indicator) []AttributeRecord {
	var all []AttributeRecord
	for k, v := range ind.Extra {
		all = append(all, AttributeRecord{k, cut(v, maxAttribute)})
	}
	return all
}

// sortAttributes orders by name, then value, each pair once.
func sortAttributes(all []AttributeRecord) []AttributeRecord {
	slices.SortFunc(all, func(a, b AttributeRecord) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	return slices.Compact(all)
}

func header(name string) func(m *Message) []string {
	return func(m *Message) []string { return one(m.Headers.Get(name)) }
}

func one(s string) []string {
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	return []string{s}
}

func stamp(t time.Time) []string {
	if t.IsZero() {
		return nil
	}
	return []string{t.UTC().Format("2006-01-02 15:04:05")}
}

func result(r AuthResult) []string {
	if r.Result == "" || r.Result == "unknown" {
		return nil
	}
	return []string{r.Result}
}

func emails(list []Address) []string {
	var all []string
	for _, a := range list {
		all = append(all, one(a.Email.Email)...)
	}
	return all
}

// senderIP is the address from which the mail first came in: that of the last
// hop that has a public one.
func senderIP(m *Message) string {
	for i := len(m.Headers.Hops) - 1; i >= 0; i-- {
		ip, err := netip.ParseAddr(m.Headers.Hops[i].IP)
		if err == nil && ip.IsGlobalUnicast() && !ip.IsPrivate() {
			return ip.String()
		}
	}
	return ""
}
