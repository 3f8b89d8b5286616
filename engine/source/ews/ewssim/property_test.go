package ewssim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

const rich = "From: =?utf-8?q?Ev=C3=A9?= <eve@evil.example>\r\nSender: robot@evil.example\r\nTo: soc@corp.example, Zoe <zoe@corp.example>\r\nReply-To: drop@evil.example\r\nSubject: RE: FW: odd\r\n" +
	"Importance: high\r\nSensitivity: Company-Confidential\r\nMessage-ID: <1@evil.example>\r\nReferences: <0@evil.example>\r\nDisposition-Notification-To: eve@evil.example\r\n" +
	"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xe9  au lait\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>café</p>\r\n--b--\r\n"

// TestProperties asks for one property at a time, of a mail with many and of one
// with few.
func TestProperties(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	full := s.AddMail("inbox", []byte(rich), time.Date(2026, 3, 1, 1, 2, 3, 0, time.UTC), true)
	bare := s.AddMail("inbox", []byte("\r\nonly <words>\r\n"), time.Date(2026, 3, 1, 1, 2, 3, 0, time.UTC), false)
	s.SetCategories(full, "red", "done")
	c := dial(t, s)
	c.version = "Exchange2016"
	field := func(uri string) string { return `<t:FieldURI FieldURI="` + uri + `"/>` }
	tag := func(n, typ string) string {
		return `<t:ExtendedFieldURI PropertyTag="` + n + `" PropertyType="` + typ + `"/>`
	}
	for _, row := range []struct{ shape, uri, element, full, bare string }{
		{"", field("item:Subject"), "Subject", "RE: FW: odd", ""},
		{"", field("message:ConversationTopic"), "ConversationTopic", "odd", ""},
		{"", field("item:Importance"), "Importance", "High", "Normal"},
		{"", field("item:Sensitivity"), "Sensitivity", "Confidential", "Normal"},
		{"", field("item:Categories"), "String", "red|done", ""},
		{"", field("item:DateTimeReceived"), "DateTimeReceived", "2026-03-01T01:02:03Z", "2026-03-01T01:02:03Z"},
		{"", field("item:DisplayTo"), "DisplayTo", "soc@corp.example; Zoe", ""},
		{"", field("item:IsUnmodified"), "IsUnmodified", "false", "true"},
		{"", field("item:Preview"), "Preview", "café au lait", "only <words>"},
		{"", field("message:IsRead"), "IsRead", "true", "false"},
		{"", field("message:IsReadReceiptRequested"), "IsReadReceiptRequested", "true", "false"},
		{"", field("message:From"), "EmailAddress", "eve@evil.example", ""},
		{"", field("message:From"), "Name", "Evé", ""},
		{"", field("message:Sender"), "EmailAddress", "robot@evil.example", ""},
		{"", field("message:ReplyTo"), "EmailAddress", "drop@evil.example", ""},
		{"", field("message:ToRecipients"), "EmailAddress", "soc@corp.example|zoe@corp.example", ""},
		{"", field("message:References"), "References", "<0@evil.example>", ""},
		{"", field("message:ReceivedBy"), "EmailAddress", "soc@corp.example", "soc@corp.example"},
		{"", field("item:Body"), "Body", "<p>café</p>", "only <words>\r\n"},
		{"<t:BodyType>Text</t:BodyType>", field("item:Body"), "Body", "café  au lait", "only <words>\r\n"},
		{"<t:BodyType>HTML</t:BodyType>", field("item:Body"), "Body", "<p>café</p>", "<html><body><pre>only &lt;words&gt;\r\n</pre></body></html>"},
		{"", field("item:TextBody"), "TextBody", "café  au lait", "only <words>\r\n"},
		{"", field("item:UniqueBody"), "UniqueBody", "<p>café</p>", "only <words>\r\n"},
		{"", field("item:EffectiveRights"), "Read", "true", "true"},
		{"", tag("0x0037", "String"), "Value", "RE: FW: odd", ""},
		{"", tag("0x001a", "String"), "Value", "IPM.Note", "IPM.Note"},
		{"", tag("0x0017", "Integer"), "Value", "2", "1"},
		{"", tag("0x0e06", "SystemTime"), "Value", "2026-03-01T01:02:03Z", "2026-03-01T01:02:03Z"},
		{"", tag("0x0e07", "Integer"), "Value", "1", "0"},
		{"", tag("0x0e1b", "Boolean"), "Value", "false", "false"},
		{"", tag("0x0e23", "Integer"), "Value", "13", "14"},
		{"", tag("0x0e69", "Boolean"), "Value", "true", "false"},
		{"", tag("0x1035", "String"), "Value", "<1@evil.example>", ""},
		{"", tag("0x3007", "SystemTime"), "Value", "2026-03-01T01:02:03Z", "2026-03-01T01:02:03Z"},
		{"", tag("0x7fff", "String"), "Value", "", ""},
	} {
		for id, want := range map[string]string{full: row.full, bare: row.bare} {
			r := c.ask(getItem(row.shape+`<t:AdditionalProperties>`+row.uri+`</t:AdditionalProperties>`, id)).want("NoError")
			if got := strings.TrimPrefix(strings.Join(r.texts(row.element), "|"), "|"); strings.TrimSpace(got) != strings.TrimSpace(want) {
				t.Errorf("%s: %q, want %q", row.uri, got, want)
			}
		}
	}
	r := c.ask(getItem(`<t:AdditionalProperties>`+tag("0x007d", "String")+`</t:AdditionalProperties>`, full)).want("NoError")
	if got := strings.ReplaceAll(r.one("Value"), "\r\n", "\n"); !strings.HasPrefix(got, "From: ") || !strings.HasSuffix(got, "boundary=b\n\n") {
		t.Errorf("%q", got)
	}
}

// TestUpdates changes one thing after the other and looks at what the item has then.
func TestUpdates(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	id := s.Mails("inbox")[0].ID
	const own = `<t:ExtendedFieldURI DistinguishedPropertySetId="PublicStrings" PropertyName="tq" PropertyType="%s"/>`
	texts, list, number, truth := strings.Replace(own, "%s", "String", 1), strings.Replace(own, "%s", "StringArray", 1), strings.Replace(own, "%s", "Integer", 1), strings.Replace(own, "%s", "Boolean", 1)
	set := func(uri, value string) string {
		return `<t:SetItemField>` + uri + `<t:Message>` + value + `</t:Message></t:SetItemField>`
	}
	field := func(uri string) string { return `<t:FieldURI FieldURI="` + uri + `"/>` }
	extended := func(uri, value string) string {
		return set(uri, `<t:ExtendedProperty>`+uri+value+`</t:ExtendedProperty>`)
	}
	for _, row := range []struct{ update, want, asked, element, have string }{
		{set(field("item:Categories"), `<t:Categories><t:String>a</t:String><t:String>b</t:String></t:Categories>`), "NoError", field("item:Categories"), "String", "a|b"},
		{`<t:DeleteItemField>` + field("item:Categories") + `</t:DeleteItemField>`, "NoError", field("item:Categories"), "String", ""},
		{set(field("item:Importance"), `<t:Importance>Low</t:Importance>`), "NoError", field("item:Importance"), "Importance", "Low"},
		{set(field("item:Importance"), `<t:Importance>Huge</t:Importance>`), "fault ErrorSchemaValidation", field("item:Importance"), "Importance", "Low"},
		{set(field("item:Subject"), `<t:Subject>new</t:Subject>`), "NoError", field("item:Subject"), "Subject", "new"},
		{set(field("item:Flag"), `<t:Flag><t:FlagStatus>Flagged</t:FlagStatus></t:Flag>`), "NoError", field("item:Subject"), "Subject", "new"},
		{extended(texts, `<t:Value>one</t:Value>`), "NoError", texts, "Value", "one"},
		{extended(list, `<t:Values><t:Value>one</t:Value><t:Value>two</t:Value></t:Values>`), "NoError", list, "Value", "one|two"},
		{extended(number, `<t:Value>7</t:Value>`), "NoError", number, "Value", "7"},
		{extended(truth, `<t:Value>1</t:Value>`), "NoError", truth, "Value", "true"},
		{`<t:DeleteItemField>` + texts + `</t:DeleteItemField>`, "NoError", texts, "Value", ""},
		{`<t:DeleteItemField>` + field("item:Subject") + `</t:DeleteItemField>`, "ErrorInvalidPropertyDelete", field("item:Subject"), "Subject", "new"},
		{`<t:AppendToItemField>` + field("item:Body") + `<t:Message><t:Body BodyType="Text">x</t:Body></t:Message></t:AppendToItemField>`, "ErrorInvalidPropertyAppend", field("item:Subject"), "Subject", "new"},
		{`<t:SetItemField>` + field("item:Subject") + `</t:SetItemField>`, "fault ErrorSchemaValidation", field("item:Subject"), "Subject", "new"},
		{`<t:SetItemField/>`, "fault ErrorSchemaValidation", field("item:Subject"), "Subject", "new"},
		{`<t:Paint>` + field("item:Subject") + `</t:Paint>`, "fault ErrorSchemaValidation", field("item:Subject"), "Subject", "new"},
		{set(field("item:Subject"), `<t:Subject>newer</t:Subject>`) + set(field("item:Size"), `<t:Size>1</t:Size>`), "ErrorInvalidPropertySet", field("item:Subject"), "Subject", "new"},
	} {
		c.ask(`<m:UpdateItem MessageDisposition="SaveOnly" ConflictResolution="AlwaysOverwrite"><m:ItemChanges><t:ItemChange><t:ItemId Id="` + id + `"/><t:Updates>` + row.update + `</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`).want(row.want)
		r := c.ask(getItem(`<t:AdditionalProperties>`+row.asked+`</t:AdditionalProperties>`, id)).want("NoError")
		if got := strings.Join(r.texts(row.element), "|"); got != row.have {
			t.Errorf("%s: %q, want %q", row.update, got, row.have)
		}
	}
}

// TestOtherClasses has the element of each class of items.
func TestOtherClasses(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	for class, element := range map[string]string{
		"IPM.Note": "Message", "IPM.Note.SMIME": "Message", "REPORT.IPM.Note.NDR": "Message", "IPM.Schedule.Meeting.Request": "MeetingRequest",
		"IPM.Schedule.Meeting.Canceled": "MeetingCancellation", "IPM.Schedule.Meeting.Resp.Pos": "MeetingResponse", "IPM.Post": "PostItem", "IPM.Contact": "Contact",
		"IPM.DistList": "DistributionList", "IPM.Appointment": "CalendarItem", "IPM.Task": "Task", "IPM.Document.pdf": "Item",
	} {
		id := s.AddItem("inbox", class, "", raw(1), time.Now(), false)
		r := c.ask(strings.Replace(getItem("", id), "IdOnly", "AllProperties", 1)).want("NoError")
		if len(r.texts(element)) != 1 || r.one("ItemClass") != class {
			t.Errorf("%s: %s", class, r.body)
		}
	}
	s.AddFolder("Archive/2026/March")
	if s.FolderID("archive/2026/march") == "" || s.RemoveFolder("Archive/None") || s.RemoveFolder("inbox") || s.AddMail("nobody@corp.example/Inbox", nil, time.Now(), false) != "" {
		t.Error("folders")
	}
}
