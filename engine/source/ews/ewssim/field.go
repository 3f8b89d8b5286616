package ewssim

import (
	"encoding/base64"
	"html"
	netmail "net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is a property that requests name by its URI.
type field struct {
	uri string
	// value for restrictions and sorting: string, bool, int, time.Time or []string;
	// nil when the item has none, and for fields that cannot be compared.
	value func(*item) any
	// write is for fields that are more than a text; else the value is written as
	// the last part of the URI.
	write func(*rendering, *item)
	shape shapes // base shapes that have it
	large bool   // FindItem does not give it
	since string
}

// shapes are those that a field belongs to.
type shapes int

const (
	byName  shapes = iota // only when it is asked for
	byAll                 // AllProperties
	byBasic               // Default, too
	byID                  // and IdOnly
)

// rendering is an item that is being written.
type rendering struct {
	s     *Server
	x     *text
	c     *call
	shape *shape
}

// Fields of items in the order of the schema.
var itemFields = []field{
	{uri: "item:MimeContent", write: (*rendering).mimeContent, large: true},
	{uri: "item:ItemId", write: (*rendering).itemID, shape: byID},
	{uri: "item:ParentFolderId", write: func(r *rendering, it *item) {
		r.x.leaf("t:ParentFolderId", "", r.s.folderID(it.folder)...)
	}, shape: byAll},
	{uri: "item:ItemClass", value: func(it *item) any { return it.class }, shape: byAll},
	{uri: "item:Subject", value: func(it *item) any { return it.title() }, shape: byBasic},
	{uri: "item:Sensitivity", value: func(it *item) any { return sensitivity(it.mail.header("Sensitivity")) }, shape: byBasic},
	{uri: "item:Body", value: func(it *item) any { return it.words() }, write: (*rendering).body, shape: byAll, large: true},
	{uri: "item:Attachments", write: (*rendering).attachments, shape: byAll, large: true},
	{uri: "item:DateTimeReceived", value: func(it *item) any { return it.received }, shape: byAll},
	{uri: "item:Size", value: func(it *item) any { return it.size() }, shape: byBasic},
	{uri: "item:Categories", value: func(it *item) any { return some(it.categories) }, write: (*rendering).categories, shape: byAll},
	{uri: "item:Importance", value: func(it *item) any { return it.weight() }, shape: byAll},
	{uri: "item:InReplyTo", value: func(it *item) any { return word(it.mail.header("In-Reply-To")) }, shape: byAll},
	{uri: "item:IsSubmitted", value: never, shape: byAll},
	{uri: "item:IsDraft", value: func(it *item) any { return it.draft }, shape: byAll},
	{uri: "item:IsFromMe", value: never, shape: byAll},
	{uri: "item:IsResend", value: never, shape: byAll},
	{uri: "item:IsUnmodified", value: func(it *item) any { return it.content == it.created }, shape: byAll},
	{uri: "item:InternetMessageHeaders", write: (*rendering).headers, shape: byAll, large: true},
	{uri: "item:DateTimeSent", value: func(it *item) any { return it.sent() }, shape: byBasic},
	{uri: "item:DateTimeCreated", value: func(it *item) any { return it.stored }, shape: byBasic},
	{uri: "item:ResponseObjects", large: true},
	{uri: "item:ReminderDueBy"},
	{uri: "item:ReminderIsSet", value: never, shape: byAll},
	{uri: "item:ReminderNextTime", since: "Exchange2013"},
	{uri: "item:ReminderMinutesBeforeStart"},
	{uri: "item:DisplayCc", value: func(it *item) any { return it.names("Cc") }, shape: byAll},
	{uri: "item:DisplayTo", value: func(it *item) any { return it.names("To") }, shape: byAll},
	{uri: "item:DisplayBcc", value: func(it *item) any { return it.names("Bcc") }, since: "Exchange2016"},
	{uri: "item:HasAttachments", value: func(it *item) any { return it.hasFiles() }, shape: byBasic},
}

// Fields of items behind their extended properties.
var laterFields = []field{
	{uri: "item:Culture", value: func(it *item) any { return "en-US" }, shape: byAll},
	{uri: "item:EffectiveRights", write: (*rendering).rights, since: "Exchange2007_SP1"},
	{uri: "item:LastModifiedName", since: "Exchange2007_SP1"},
	{uri: "item:LastModifiedTime", value: func(it *item) any { return it.modified }, since: "Exchange2007_SP1"},
	{uri: "item:IsAssociated", value: never, since: "Exchange2010"},
	{uri: "item:WebClientReadFormQueryString", since: "Exchange2010"},
	{uri: "item:WebClientEditFormQueryString", since: "Exchange2010"},
	{uri: "item:ConversationId", write: (*rendering).conversation, since: "Exchange2010"},
	{uri: "item:UniqueBody", write: (*rendering).uniqueBody, large: true, since: "Exchange2010"},
	{uri: "item:Flag", write: (*rendering).flag, since: "Exchange2013"},
	{uri: "item:StoreEntryId", since: "Exchange2010_SP2"},
	{uri: "item:InstanceKey", value: func(it *item) any {
		return base64.StdEncoding.EncodeToString([]byte("key" + strconv.FormatUint(it.created, 10)))
	}, since: "Exchange2013"},
	{uri: "item:NormalizedBody", large: true, since: "Exchange2013"},
	{uri: "item:EntityExtractionResult", large: true, since: "Exchange2013"},
	{uri: "item:PolicyTag", since: "Exchange2013"},
	{uri: "item:ArchiveTag", since: "Exchange2013"},
	{uri: "item:RetentionDate", since: "Exchange2013"},
	{uri: "item:Preview", value: func(it *item) any { return word(it.preview()) }, since: "Exchange2013"},
	{uri: "item:RightsManagementLicenseData", since: "Exchange2013"},
	{uri: "item:NextPredictedAction", since: "Exchange2013"},
	{uri: "item:PredictedActionReasons", since: "Exchange2013"},
	{uri: "item:IsClutter", value: never, since: "Exchange2013"},
	{uri: "item:GroupingAction", since: "Exchange2013"},
	{uri: "item:BlockStatus", value: never, since: "Exchange2013"},
	{uri: "item:HasBlockedImages", value: never, since: "Exchange2013"},
	{uri: "item:TextBody", write: (*rendering).textBody, large: true, since: "Exchange2013"},
	{uri: "item:IconIndex", since: "Exchange2013"},
	{uri: "item:SearchKey", since: "Exchange2013"},
	{uri: "item:SortKey", since: "Exchange2016"},
	{uri: "item:Hashtags", since: "Exchange2016"},
	{uri: "item:Mentions", since: "Exchange2016"},
	{uri: "item:MentionedMe", value: never, since: "Exchange2016"},
}

// Fields of messages, behind those of items.
var messageFields = []field{
	{uri: "message:Sender", value: address("Sender", "From"), write: mailbox1("t:Sender", "Sender", "From"), shape: byAll},
	{uri: "message:ToRecipients", value: address("To"), write: recipients("t:ToRecipients", "To"), shape: byAll, large: true},
	{uri: "message:CcRecipients", value: address("Cc"), write: recipients("t:CcRecipients", "Cc"), shape: byAll, large: true},
	{uri: "message:BccRecipients", value: address("Bcc"), write: recipients("t:BccRecipients", "Bcc"), shape: byAll, large: true},
	{uri: "message:IsReadReceiptRequested", value: func(it *item) any { return it.mail.header("Disposition-Notification-To") != "" }, shape: byAll},
	{uri: "message:IsDeliveryReceiptRequested", value: never, shape: byAll},
	{uri: "message:ConversationIndex", value: func(it *item) any { return word(it.mail.header("Thread-Index")) }, shape: byAll},
	{uri: "message:ConversationTopic", value: func(it *item) any { return word(topic(it.title())) }, shape: byAll},
	{uri: "message:From", value: address("From"), write: mailbox1("t:From", "From"), shape: byBasic},
	{uri: "message:InternetMessageId", value: func(it *item) any { return word(it.mail.header("Message-Id")) }, shape: byAll},
	{uri: "message:IsRead", value: func(it *item) any { return it.read }, shape: byBasic},
	{uri: "message:IsResponseRequested", value: never, shape: byAll},
	{uri: "message:References", value: func(it *item) any { return word(it.mail.header("References")) }, shape: byAll},
	{uri: "message:ReplyTo", value: address("Reply-To"), write: recipients("t:ReplyTo", "Reply-To"), shape: byAll, large: true},
	{uri: "message:ReceivedBy", write: received("t:ReceivedBy"), since: "Exchange2007_SP1"},
	{uri: "message:ReceivedRepresenting", write: received("t:ReceivedRepresenting"), since: "Exchange2007_SP1"},
	{uri: "message:ReminderMessageData", large: true, since: "Exchange2013_SP1"},
}

// other URIs that a request may name, for items of other classes: nothing is
// known of them here.
var otherSpaces = []string{"calendar:", "contacts:", "meeting:", "meetingRequest:", "task:", "postitem:", "conversation:", "distributionlist:", "persona:"}

func never(*item) any { return false }

// word is nil for a text that is not there.
func word(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func some(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (it *item) title() any {
	if it.subject != "" {
		return it.subject
	}
	return word(it.mail.header("Subject"))
}

func (it *item) size() int { return len(it.raw) + 512 } // a store keeps more than the text

func (it *item) sent() any {
	if t := it.mail.date(); !t.IsZero() {
		return t
	}
	return it.received
}

func (it *item) names(header string) any {
	var all []string
	for _, a := range it.mail.addresses(header) {
		all = append(all, either(a.Name, a.Address))
	}
	return strings.Join(all, "; ")
}

// hasFiles is true for an attachment that no text shows.
func (it *item) hasFiles() bool {
	return slices.ContainsFunc(it.mail.files, func(p *part) bool { return !p.inline || p.id == "" })
}

func (it *item) weight() any {
	if it.importance != "" {
		return it.importance
	}
	switch strings.ToLower(it.mail.header("Importance")) {
	case "high":
		return "High"
	case "low":
		return "Low"
	}
	return "Normal"
}

func sensitivity(header string) any {
	switch strings.ToLower(header) {
	case "personal":
		return "Personal"
	case "private":
		return "Private"
	case "company-confidential":
		return "Confidential"
	}
	return "Normal"
}

// topic is a subject without its prefixes.
func topic(subject any) string {
	s, _ := subject.(string)
	for {
		before, after, ok := strings.Cut(s, ": ")
		if !ok || len(before) == 0 || len(before) > 3 {
			return s
		}
		s = after
	}
}

func (it *item) preview() string {
	words := strings.Join(strings.Fields(it.mail.text.words()), " ")
	runes := []rune(words)
	return string(runes[:min(len(runes), 255)])
}

// address is the first one of headers, for comparisons.
func address(headers ...string) func(*item) any {
	return func(it *item) any {
		for _, h := range headers {
			if list := it.mail.addresses(h); len(list) > 0 {
				return either(list[0].Name, list[0].Address)
			}
		}
		return nil
	}
}

func (r *rendering) mailbox(a netmail.Address) {
	r.x.begin("t:Mailbox")
	r.x.leaf("t:Name", either(a.Name, a.Address))
	if a.Address != "" {
		r.x.leaf("t:EmailAddress", a.Address)
		r.x.leaf("t:RoutingType", "SMTP")
	}
	r.x.leaf("t:MailboxType", "OneOff")
	r.x.end()
}

// mailbox1 writes the first address of the first header that has one.
func mailbox1(element string, headers ...string) func(*rendering, *item) {
	return func(r *rendering, it *item) {
		for _, h := range headers {
			if list := it.mail.addresses(h); len(list) > 0 {
				r.x.begin(element)
				r.mailbox(list[0])
				r.x.end()
				return
			}
		}
	}
}

func recipients(element, header string) func(*rendering, *item) {
	return func(r *rendering, it *item) {
		list := it.mail.addresses(header)
		if len(list) == 0 {
			return
		}
		r.x.begin(element)
		for _, a := range list {
			r.mailbox(a)
		}
		r.x.end()
	}
}

// received is the owner of the mailbox.
func received(element string) func(*rendering, *item) {
	return func(r *rendering, it *item) {
		r.x.begin(element)
		r.mailbox(netmail.Address{Address: it.folder.box.email})
		r.x.end()
	}
}

func (r *rendering) itemID(it *item) { r.x.leaf("t:ItemId", "", r.s.itemID(it)...) }

func (r *rendering) mimeContent(it *item) {
	r.x.base64("t:MimeContent", r.s.mime(it.raw, it.mail), "CharacterSet", "UTF-8")
}

func (r *rendering) categories(it *item) {
	if len(it.categories) == 0 {
		return
	}
	r.x.begin("t:Categories")
	for _, c := range it.categories {
		r.x.leaf("t:String", c)
	}
	r.x.end()
}

// headers are all of them, or those that were asked for by name.
func (r *rendering) headers(it *item) {
	if len(r.shape.headers) == 0 || r.shape.uris["item:InternetMessageHeaders"] || r.shape.base <= byAll {
		writeHeaders(r.x, it.mail.headers)
		return
	}
	writeHeaders(r.x, slices.DeleteFunc(slices.Clone(it.mail.headers), func(h header) bool { return !r.shape.headers[strings.ToLower(h.name)] }))
}

func writeHeaders(x *text, headers []header) {
	if len(headers) == 0 {
		return
	}
	x.begin("t:InternetMessageHeaders")
	for _, h := range headers {
		x.leaf("t:InternetMessageHeader", strings.ReplaceAll(h.value, "\r\n", ""), "HeaderName", h.name)
	}
	x.end()
}

// words are those of the body, for comparisons.
func (it *item) words() string {
	_, words := it.mail.best("Best")
	return words
}

// body is the text in the kind that the shape wants; Best is what there is.
func (r *rendering) body(it *item) {
	kind, words := it.mail.best(r.shape.body)
	r.x.leaf("t:Body", words, "BodyType", kind)
}

func (m *mail) best(want string) (kind, words string) {
	switch {
	case m.html == nil && want == "HTML":
		return "HTML", "<html><body><pre>" + html.EscapeString(m.text.words()) + "</pre></body></html>"
	case m.html == nil || want == "Text" && m.text != nil:
		return "Text", m.text.words()
	case want == "Text":
		return "Text", m.html.words() // tags and all: nobody here reads HTML
	}
	return "HTML", m.html.words()
}

func (r *rendering) uniqueBody(it *item) {
	kind, words := it.mail.best(r.shape.body)
	r.x.leaf("t:UniqueBody", words, "BodyType", kind)
}

func (r *rendering) textBody(it *item) {
	_, words := it.mail.best("Text")
	r.x.leaf("t:TextBody", words, "BodyType", "Text")
}

func (r *rendering) flag(*item) {
	r.x.begin("t:Flag")
	r.x.leaf("t:FlagStatus", "NotFlagged")
	r.x.end()
}

func (r *rendering) conversation(it *item) {
	r.x.leaf("t:ConversationId", "", "Id", base64.StdEncoding.EncodeToString(r.s.store.draw("topic "+topic(it.title()))))
}

func (r *rendering) rights(*item) { writeRights(r.x) }

func writeRights(x *text) {
	x.begin("t:EffectiveRights")
	for _, right := range []string{"CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read", "ViewPrivateItems"} {
		x.leaf("t:"+right, "true")
	}
	x.end()
}

// element is the name of a field's element.
func (f *field) element() string { return "t:" + f.uri[strings.IndexByte(f.uri, ':')+1:] }

// writeValue writes a value that is a text; nothing for nil.
func writeValue(x *text, element string, value any) {
	switch v := value.(type) {
	case string:
		x.leaf(element, v)
	case bool:
		x.leaf(element, boolean(v))
	case int:
		x.leaf(element, strconv.Itoa(v))
	case time.Time:
		x.leaf(element, stamp(v))
	}
}
