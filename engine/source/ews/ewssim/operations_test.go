package ewssim_test

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// TestRefusals has a request and the response codes of its answer in each row.
func TestRefusals(t *testing.T) {
	s := loaded(t, ewssim.Config{Version: "Exchange2013_SP1"})
	item, folder := s.Mails("inbox")[0].ID, s.FolderID("inbox")
	wrong := item[:len(item)-8] + "AAAAAAA="
	for _, row := range []struct{ name, version, body, want string }{
		{"well-known folder", "", getFolder(known("inbox")), "NoError"},
		{"folder by id", "", getFolder(folderID(folder)), "NoError"},
		{"some good, some not", "", getFolder(known("inbox") + known("archiveroot") + folderID("x") + folderID(item)), "fault ErrorIncorrectSchemaVersion"},
		{"some good, some not", "Exchange2013", getFolder(known("inbox") + known("archiveroot") + folderID("x") + folderID(item)), "NoError ErrorFolderNotFound ErrorInvalidIdMalformed ErrorCannotUseItemIdForFolderId"},
		{"folder of another", "Exchange2013", getFolder(knownOf("inbox", "zoe@corp.example")), "ErrorAccessDenied"},
		{"own folder by address", "Exchange2013", getFolder(knownOf("inbox", "SOC@corp.example")), "NoError"},
		{"folder of nobody", "Exchange2013", getFolder(knownOf("inbox", "nobody@corp.example")), "ErrorNonExistentMailbox"},
		{"no such name", "Exchange2013", getFolder(known("nonsense")), "fault ErrorSchemaValidation"},
		{"no ids", "Exchange2013", getFolder(""), "fault ErrorSchemaValidation"},
		{"no shape", "Exchange2013", `<m:GetFolder><m:FolderIds>` + known("inbox") + `</m:FolderIds></m:GetFolder>`, "fault ErrorSchemaValidation"},
		{"wrong base shape", "Exchange2013", `<m:GetFolder><m:FolderShape><t:BaseShape>All</t:BaseShape></m:FolderShape><m:FolderIds>` + known("inbox") + `</m:FolderIds></m:GetFolder>`, "fault ErrorSchemaValidation"},
		{"version that is none", "Exchange2099", getFolder(known("inbox")), "fault ErrorInvalidServerVersion"},
		{"version that is too new", "Exchange2016", getFolder(known("inbox")), "fault ErrorInvalidServerVersion"},
		{"no operation", "Exchange2013", `<m:FormatDisk/>`, "fault ErrorInvalidRequest"},
		{"two operations", "Exchange2013", getFolder(known("inbox")) + getFolder(known("inbox")), "fault ErrorSchemaValidation"},
		{"other namespace", "Exchange2013", `<t:GetFolder/>`, "fault ErrorSchemaValidation"},

		{"items", "Exchange2013", getItem("", item, wrong, "x", folder), "NoError ErrorItemNotFound ErrorInvalidIdMalformed ErrorCannotUseFolderIdForItemId"},
		{"change key that is none", "Exchange2013", `<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:ItemIds><t:ItemId Id="` + item + `" ChangeKey="x"/></m:ItemIds></m:GetItem>`, "ErrorInvalidChangeKey"},
		{"unknown field", "Exchange2013", getItem(`<t:AdditionalProperties><t:FieldURI FieldURI="item:Nonsense"/></t:AdditionalProperties>`, item), "fault ErrorSchemaValidation"},
		{"field of a later version", "Exchange2010_SP2", getItem(`<t:AdditionalProperties><t:FieldURI FieldURI="item:Preview"/></t:AdditionalProperties>`, item), "fault ErrorIncorrectSchemaVersion"},
		{"extended property without a type", "Exchange2013", getItem(`<t:AdditionalProperties><t:ExtendedFieldURI PropertyTag="0x1000"/></t:AdditionalProperties>`, item), "fault ErrorSchemaValidation"},
		{"extended property with too many names", "Exchange2013", getItem(`<t:AdditionalProperties><t:ExtendedFieldURI PropertyTag="0x1000" PropertyName="x" PropertyType="String"/></t:AdditionalProperties>`, item), "fault ErrorInvalidExtendedProperty"},

		{"MIME content in a list", "Exchange2013", strings.Replace(find(`<m:IndexedPageItemView Offset="0" BasePoint="Beginning"/>`), "item:Subject", "item:MimeContent", 1), "ErrorInvalidPropertyForOperation"},
		{"negative offset", "Exchange2013", find(`<m:IndexedPageItemView Offset="-1" BasePoint="Beginning"/>`), "fault ErrorSchemaValidation"},
		{"page of none", "Exchange2013", find(`<m:IndexedPageItemView MaxEntriesReturned="0" Offset="0" BasePoint="Beginning"/>`), "fault ErrorSchemaValidation"},
		{"no base point", "Exchange2013", find(`<m:IndexedPageItemView Offset="0"/>`), "fault ErrorSchemaValidation"},
		{"other views", "Exchange2013", find(`<m:CalendarView StartDate="2026-01-01T00:00:00Z" EndDate="2026-02-01T00:00:00Z"/>`), "fault ErrorInvalidOperation"},
		{"deep list of items", "Exchange2013", strings.Replace(find(""), "Shallow", "Deep", 1), "fault ErrorSchemaValidation"},
		{"empty restriction", "Exchange2013", find(`<m:Restriction/>`), "fault ErrorSchemaValidation"},
		{"And of one", "Exchange2013", find(`<m:Restriction><t:And><t:Exists><t:FieldURI FieldURI="item:Subject"/></t:Exists></t:And></m:Restriction>`), "fault ErrorSchemaValidation"},
		{"restriction by what cannot be compared", "Exchange2013", find(`<m:Restriction><t:Exists><t:FieldURI FieldURI="item:MimeContent"/></t:Exists></m:Restriction>`), "fault ErrorUnsupportedPathForQuery"},
		{"unknown operator", "Exchange2013", find(`<m:Restriction><t:IsAlmost><t:FieldURI FieldURI="item:Subject"/></t:IsAlmost></m:Restriction>`), "fault ErrorSchemaValidation"},
		{"unknown order", "Exchange2013", find(`<m:SortOrder><t:FieldOrder Order="Up"><t:FieldURI FieldURI="item:Subject"/></t:FieldOrder></m:SortOrder>`), "fault ErrorSchemaValidation"},

		{"receipts suppressed too early", "Exchange2013", mark("AlwaysOverwrite", ` SuppressReadReceipts="true"`, item, "", "1"), "fault ErrorIncorrectSchemaVersion"},
		{"receipts suppressed", "Exchange2013_SP1", mark("AlwaysOverwrite", ` SuppressReadReceipts="true"`, item, "", "1"), "NoError"},
		{"read flag that is none", "Exchange2013", mark("AlwaysOverwrite", "", item, "", "yes"), "fault ErrorSchemaValidation"},
		{"no change key", "Exchange2013", mark("AutoResolve", "", item, "", "true"), "ErrorChangeKeyRequiredForWriteOperations"},
		{"unknown resolution", "Exchange2013", mark("Ask", "", item, "", "true"), "fault ErrorSchemaValidation"},
		{"change of what is gone", "Exchange2013", mark("AlwaysOverwrite", "", wrong, "", "true"), "ErrorItemNotFound"},
		{"change of what cannot change", "Exchange2013", strings.Replace(mark("AlwaysOverwrite", "", item, "", "true"), "message:IsRead", "item:Size", 1), "ErrorInvalidPropertySet"},

		{"sync of too many", "Exchange2013", syncItems("", "513"), "fault ErrorSchemaValidation"},
		{"sync state that is none", "Exchange2013", syncItems("AAAA", "10"), "ErrorInvalidSyncStateData"},
		{"sync of a folder that is gone", "Exchange2013", strings.Replace(syncItems("", "10"), known("inbox"), folderID(folder[:len(folder)-8]+"AAAAAAA="), 1), "ErrorSyncFolderNotFound"},

		{"move to nowhere", "Exchange2013", `<m:MoveItem><m:ToFolderId>` + known("archiveroot") + `</m:ToFolderId><m:ItemIds>` + itemIDs(item) + `</m:ItemIds></m:MoveItem>`, "ErrorFolderNotFound"},
		{"delete as nobody does", "Exchange2013", `<m:DeleteItem DeleteType="Shred"><m:ItemIds>` + itemIDs(item) + `</m:ItemIds></m:DeleteItem>`, "fault ErrorSchemaValidation"},
		{"delete the inbox", "Exchange2013", `<m:DeleteFolder DeleteType="HardDelete"><m:FolderIds>` + known("inbox") + `</m:FolderIds></m:DeleteFolder>`, "ErrorDeleteDistinguishedFolder"},
		{"folder twice", "Exchange2013", `<m:CreateFolder><m:ParentFolderId>` + known("inbox") + `</m:ParentFolderId><m:Folders><t:Folder><t:DisplayName>ABUSE</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>`, "ErrorFolderExists"},
		{"attachment that is none", "Exchange2013", `<m:GetAttachment><m:AttachmentIds><t:AttachmentId Id="` + item + `"/></m:AttachmentIds></m:GetAttachment>`, "ErrorInvalidAttachmentId"},
		{"MIME content that is none", "Exchange2013", `<m:CreateItem MessageDisposition="SaveOnly"><m:Items><t:Message><t:MimeContent>***</t:MimeContent></t:Message></m:Items></m:CreateItem>`, "ErrorMimeContentInvalidBase64String"},
		{"nothing is sent", "Exchange2013", `<m:CreateItem MessageDisposition="SendOnly"><m:Items><t:Message/></m:Items></m:CreateItem>`, "ErrorSendAsDenied"},
		{"no word of what becomes of it", "Exchange2013", strings.Replace(mark("AlwaysOverwrite", "", item, "", "true"), `MessageDisposition="SaveOnly" `, "", 1), "ErrorMessageDispositionRequired"},
		{"restriction without end", "Exchange2013", find(`<m:Restriction><t:Or>` + strings.Repeat(`<t:Exists><t:FieldURI FieldURI="item:Subject"/></t:Exists>`, 2500) + `</t:Or></m:Restriction>`), "fault ErrorRestrictionTooComplex"},
		{"names of nobody", "Exchange2013", `<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>nobody</m:UnresolvedEntry></m:ResolveNames>`, "ErrorNameResolutionNoResults"},
		{"names", "Exchange2013", `<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>soc</m:UnresolvedEntry></m:ResolveNames>`, "NoError"},
		{"names of several", "Exchange2013", `<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>corp</m:UnresolvedEntry></m:ResolveNames>`, "ErrorNameResolutionMultipleResults"},
		{"stored settings", "Exchange2013", `<m:GetUserConfiguration><m:UserConfigurationName Name="x">` + known("inbox") + `</m:UserConfigurationName><m:UserConfigurationProperties>All</m:UserConfigurationProperties></m:GetUserConfiguration>`, "ErrorItemNotFound"},
		{"time zones", "Exchange2013", `<m:GetServerTimeZones/>`, "NoError"},
		{"time zones before there were any", "Exchange2007_SP1", `<m:GetServerTimeZones/>`, "fault ErrorIncorrectSchemaVersion"},
	} {
		if row.name == "some good, some not" && row.version == "" {
			row.version = "Exchange2010" // archives came with the next one
		}
		t.Run(row.name+" "+row.version, func(t *testing.T) {
			c := dial(t, s)
			if c.version = row.version; row.version == "" {
				c.version = "Exchange2010_SP2"
			}
			c.ask(row.body).want(row.want)
		})
	}
}

func TestOlderServersDoNotKnowNewerThings(t *testing.T) {
	s := loaded(t, ewssim.Config{Version: "Exchange2010_SP2"})
	c := dial(t, s)
	c.ask(getFolder(known("inbox"))).want("fault ErrorInvalidServerVersion")
	c.version = "Exchange2010_SP2"
	r := c.ask(getFolder(known("inbox"))).want("NoError")
	if got := r.attrs("ServerVersionInfo", "MajorVersion"); !slices.Equal(got, []string{"14"}) {
		t.Errorf("major version %v", got)
	}
	c.ask(mark("AlwaysOverwrite", ` SuppressReadReceipts="true"`, s.Mails("inbox")[0].ID, "", "1")).want("fault ErrorSchemaValidation")
	c.ask(mark("AlwaysOverwrite", "", s.Mails("inbox")[0].ID, "", "1")).want("NoError")
}

// TestRestrictions has a condition and the mails of the inbox for which it holds.
func TestRestrictions(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	inbox := s.Mails("inbox")
	s.SetCategories(inbox[2].ID, "red", "done")
	c := dial(t, s)
	compare := func(op, uri, value string) string {
		return `<t:` + op + `><t:FieldURI FieldURI="` + uri + `"/><t:FieldURIOrConstant><t:Constant Value="` + value + `"/></t:FieldURIOrConstant></t:` + op + `>`
	}
	contains := func(mode, how, value string) string {
		return `<t:Contains ContainmentMode="` + mode + `" ContainmentComparison="` + how + `"><t:FieldURI FieldURI="item:Subject"/><t:Constant Value="` + value + `"/></t:Contains>`
	}
	for _, row := range []struct{ name, where, want string }{
		{"unread, as 0", compare("IsEqualTo", "message:IsRead", "0"), "01 03 05 07 09 11 meet"},
		{"unread, as false", compare("IsEqualTo", "message:IsRead", "false"), "01 03 05 07 09 11 meet"},
		{"read, as 1", compare("IsEqualTo", "message:IsRead", "1"), "02 04 06 08 10"},
		{"not read", compare("IsNotEqualTo", "message:IsRead", "true"), "01 03 05 07 09 11 meet"},
		{"since", compare("IsGreaterThanOrEqualTo", "item:DateTimeReceived", "2026-03-01T00:09:00Z"), "09 10 11 meet"},
		{"after", compare("IsGreaterThan", "item:DateTimeReceived", "2026-03-01T00:09:00.000Z"), "10 11 meet"},
		{"before, in a zone", compare("IsLessThan", "item:DateTimeReceived", "2026-03-01T01:03:00+01:00"), "01 02"},
		{"until", compare("IsLessThanOrEqualTo", "item:DateTimeReceived", "2026-03-01T00:03:00"), "01 02 03"},
		{"time that is none", compare("IsLessThan", "item:DateTimeReceived", "yesterday"), ""},
		{"small", compare("IsLessThan", "item:Size", "600"), "meet"},
		{"subject without regard to case", compare("IsEqualTo", "item:Subject", "MAIL 04"), "04"},
		{"class", compare("IsEqualTo", "item:ItemClass", "IPM.Schedule.Meeting.Request"), "meet"},
		{"category", compare("IsEqualTo", "item:Categories", "done"), "03"},
		{"message id", compare("IsEqualTo", "message:InternetMessageId", "&lt;7@evil.example&gt;"), "07"},
		{"substring", contains("Substring", "IgnoreCase", "AIL 0"), "01 02 03 04 05 06 07 08 09"},
		{"substring exactly", contains("Substring", "Exact", "AIL 0"), ""},
		{"prefix", contains("Prefixed", "IgnoreCase", "Mail 1"), "10 11"},
		{"prefix of a word", contains("PrefixOnWords", "IgnoreCase", "1"), "10 11"},
		{"words of the body", strings.Replace(contains("Substring", "IgnoreCase", "BODY 1"), "item:Subject", "item:Body", 1), "01 10"},
		{"whole", contains("FullString", "IgnoreCase", "mail 1"), ""},
		{"exists", `<t:Exists><t:FieldURI FieldURI="message:InternetMessageId"/></t:Exists>`, "01 02 03 04 05 06 07 08 09 10"},
		{"not", `<t:Not><t:Exists><t:FieldURI FieldURI="message:InternetMessageId"/></t:Exists></t:Not>`, "11 meet"},
		{"and", `<t:And>` + compare("IsEqualTo", "message:IsRead", "0") + contains("Substring", "IgnoreCase", "mail 0") + `</t:And>`, "01 03 05 07 09"},
		{"or", `<t:Or>` + compare("IsEqualTo", "item:Subject", "meet") + compare("IsEqualTo", "item:HasAttachments", "true") + `</t:Or>`, "11 meet"},
		{"two fields", `<t:IsEqualTo><t:FieldURI FieldURI="item:DateTimeSent"/><t:FieldURIOrConstant><t:FieldURI FieldURI="item:DateTimeReceived"/></t:FieldURIOrConstant></t:IsEqualTo>`, "01 02 03 04 05 06 07 08 09 10 11 meet"},
		{"extended number", `<t:IsGreaterThan><t:ExtendedFieldURI PropertyTag="0x0e23" PropertyType="Integer"/><t:FieldURIOrConstant><t:Constant Value="10"/></t:FieldURIOrConstant></t:IsGreaterThan>`, "11 meet"},
		{"extended by decimal tag", `<t:IsEqualTo><t:ExtendedFieldURI PropertyTag="3619" PropertyType="Integer"/><t:FieldURIOrConstant><t:Constant Value="0x2"/></t:FieldURIOrConstant></t:IsEqualTo>`, "02"},
		{"bits", `<t:Excludes><t:ExtendedFieldURI PropertyTag="0x0e07" PropertyType="Integer"/><t:Bitmask Value="0x11"/></t:Excludes>`, "01 03 05 07 09 meet"},
	} {
		t.Run(row.name, func(t *testing.T) {
			sorted := `<m:SortOrder><t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:DateTimeReceived"/></t:FieldOrder></m:SortOrder>`
			r := c.ask(find(`<m:Restriction>` + row.where + `</m:Restriction>` + sorted)).want("NoError")
			if got := strings.ReplaceAll(strings.Join(r.texts("Subject"), " "), "mail ", ""); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// page asks for a part of the inbox and says what came: subjects, the offset of
// the next page, how many there are, and whether that is the end.
func page(c *client, view, where string) string {
	r := c.ask(find(`<m:IndexedPageItemView ` + view + `/>` + where)).want("NoError")
	root := func(attr string) string { return strings.Join(r.attrs("RootFolder", attr), "") }
	return strings.ReplaceAll(strings.Join(r.texts("Subject"), " "), "mail ", "") + " | " + root("IndexedPagingOffset") + " of " + root("TotalItemsInView") + " " + root("IncludesLastItemInRange")
}

func TestPages(t *testing.T) {
	s := loaded(t, ewssim.Config{MaxItems: 5})
	c := dial(t, s)
	for _, row := range []struct{ view, want string }{
		{`MaxEntriesReturned="4" Offset="0" BasePoint="Beginning"`, "meet 11 10 09 | 4 of 12 false"},
		{`MaxEntriesReturned="4" Offset="8" BasePoint="Beginning"`, "04 03 02 01 | 12 of 12 true"},
		{`MaxEntriesReturned="100" Offset="0" BasePoint="Beginning"`, "meet 11 10 09 08 | 5 of 12 false"},
		{`Offset="10" BasePoint="Beginning"`, "02 01 | 12 of 12 true"},
		{`MaxEntriesReturned="4" Offset="99" BasePoint="Beginning"`, " | 12 of 12 true"},
		{`MaxEntriesReturned="4" Offset="0" BasePoint="End"`, "04 03 02 01 | 4 of 12 false"},
		{`MaxEntriesReturned="5" Offset="10" BasePoint="End"`, "meet 11 | 12 of 12 true"},
		{`MaxEntriesReturned="2147483647" Offset="2147483647" BasePoint="End"`, " | 12 of 12 true"},
	} {
		if got := page(c, row.view, ""); got != row.want {
			t.Errorf("%s: %q, want %q", row.view, got, row.want)
		}
	}
}

// TestUnreadListShrinksWhileItIsMarked is the trap: the second page of a filter is
// that of another list.
func TestUnreadListShrinksWhileItIsMarked(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	unread := `<m:Restriction><t:IsEqualTo><t:FieldURI FieldURI="message:IsRead"/><t:FieldURIOrConstant><t:Constant Value="0"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>` +
		`<m:SortOrder><t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:DateTimeReceived"/></t:FieldOrder></m:SortOrder>`
	if got, want := page(c, `MaxEntriesReturned="2" Offset="0" BasePoint="Beginning"`, unread), "01 03 | 2 of 7 false"; got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	for _, m := range s.Mails("inbox")[:3] {
		c.ask(mark("AlwaysOverwrite", "", m.ID, "", "1")).want("NoError")
	}
	if got, want := page(c, `MaxEntriesReturned="2" Offset="2" BasePoint="Beginning"`, unread), "09 11 | 4 of 5 false"; got != want {
		t.Errorf("%q, want %q: 05 and 07 were skipped", got, want)
	}
}

func TestConflicts(t *testing.T) {
	for _, row := range []struct {
		resolution, meanwhile, read, want string
	}{
		{"NeverOverwrite", "", "true", "NoError"},
		{"NeverOverwrite", "category", "true", "ErrorIrresolvableConflict"},
		{"AutoResolve", "category", "true", "NoError"},
		{"AutoResolve", "same", "true", "NoError"},
		{"AutoResolve", "other", "false", "ErrorIrresolvableConflict"},
		{"AlwaysOverwrite", "other", "false", "NoError"},
	} {
		t.Run(row.resolution+" "+row.meanwhile, func(t *testing.T) {
			s := loaded(t, ewssim.Config{})
			c := dial(t, s)
			id := s.Mails("inbox")[0].ID
			key := c.ask(getItem("", id)).want("NoError").attrs("ItemId", "ChangeKey")[0]
			switch row.meanwhile {
			case "category":
				s.SetCategories(id, "x")
			case "same", "other":
				s.SetRead(id, true)
			}
			r := c.ask(mark(row.resolution, "", id, key, row.read)).want(row.want)
			if row.want == "NoError" && row.meanwhile != "same" && r.attrs("ItemId", "ChangeKey")[0] == key {
				t.Error("the change key is the old one")
			}
		})
	}
}

// follow syncs until there is nothing more, and says what came: c, u, d or r, and
// the number of pages.
func follow(c *client, state *string, most string) (changes string, pages int) {
	c.t.Helper()
	for {
		r := c.ask(syncItems(*state, most)).want("NoError")
		*state = r.one("SyncState")
		pages++
		for _, kind := range []string{"Create", "Update", "Delete", "ReadFlagChange"} {
			changes += strings.Repeat(strings.ToLower(kind[:1]), strings.Count(r.body, "<t:"+kind+">"))
		}
		if r.one("IncludesLastItemInRange") == "true" {
			return changes, pages
		}
	}
}

func TestSyncTellsEachChangeOnce(t *testing.T) {
	s := loaded(t, ewssim.Config{MaxSync: 5})
	c := dial(t, s)
	state := ""
	expect := func(changes string, pages int) {
		t.Helper()
		if got, n := follow(c, &state, "512"); got != changes || n != pages {
			t.Errorf("%q on %d pages, want %q on %d", got, n, changes, pages)
		}
	}
	expect(strings.Repeat("c", 12), 3)
	expect("", 1)
	inbox := s.Mails("inbox")
	s.SetRead(inbox[0].ID, true)
	expect("r", 1)
	s.SetRead(inbox[2].ID, true)
	s.SetCategories(inbox[2].ID, "x")
	s.Remove(inbox[4].ID)
	moved := s.Move(inbox[6].ID, "Inbox/Abuse")
	expect("udd", 1)
	s.Move(moved, "inbox")
	came := s.AddMail("inbox", raw(50), time.Now(), false)
	expect("cc", 1)
	s.Remove(s.AddMail("inbox", raw(51), time.Now(), false)) // nobody ever saw it
	s.SetRead(came, true)
	expect("r", 1)
	old := state
	s.InvalidateSync()
	c.ask(syncItems(old, "10")).want("ErrorInvalidSyncStateData")
	state = ""
	expect(strings.Repeat("c", 12), 3)
	c.ask(strings.Replace(syncItems(state, "10"), known("inbox"), known("drafts"), 1)).want("ErrorInvalidSyncStateData")
}

// TestSyncStateOfAPageGoesOn reads page by page while mail comes and changes.
func TestSyncStateOfAPageGoesOn(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	state, seen := "", map[string]bool{}
	for n := 0; ; n++ {
		r := c.ask(syncItems(state, "3")).want("NoError")
		state = r.one("SyncState")
		for _, id := range r.attrs("ItemId", "Id") {
			seen[id] = true
		}
		if n < 5 {
			s.SetRead(s.Mails("inbox")[n].ID, n%2 == 0)
			s.AddMail("inbox", raw(60+n), time.Now(), false)
		}
		if r.one("IncludesLastItemInRange") == "true" && n >= 5 {
			break
		}
	}
	for _, m := range s.Mails("inbox") {
		if !seen[m.ID] {
			t.Errorf("%s was never told", m.Subject)
		}
	}
	if len(seen) != 17 {
		t.Errorf("%d items", len(seen))
	}
}

func TestMoveGivesAnotherID(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	id := s.Mails("inbox")[0].ID
	move := `<m:MoveItem><m:ToFolderId>` + folderID(s.FolderID("Inbox/Abuse")) + `</m:ToFolderId><m:ItemIds>` + itemIDs(id) + `</m:ItemIds></m:MoveItem>`
	r := c.ask(move).want("NoError")
	if now := r.attrs("ItemId", "Id")[0]; now == id || s.Mails("Inbox/Abuse")[1].ID != now {
		t.Errorf("%s became %s", id, now)
	}
	c.ask(move).want("ErrorItemNotFound")
	c.ask(getItem(withMIME, id)).want("ErrorItemNotFound")
	remove := func(how, id string) {
		c.ask(`<m:DeleteItem DeleteType="` + how + `"><m:ItemIds>` + itemIDs(id) + `</m:ItemIds></m:DeleteItem>`).want("NoError")
	}
	remove("MoveToDeletedItems", s.Mails("inbox")[0].ID)
	remove("MoveToDeletedItems", s.Mails("deleteditems")[0].ID) // and from there it is hidden
	remove("SoftDelete", s.Mails("inbox")[0].ID)
	remove("HardDelete", s.Mails("inbox")[0].ID)
	if in, bin, hidden := len(s.Mails("inbox")), len(s.Mails("deleteditems")), len(s.Mails("recoverableitemsdeletions")); in != 8 || bin != 0 || hidden != 2 {
		t.Errorf("%d, %d and %d items", in, bin, hidden)
	}
	c.ask(`<m:MoveItem><m:ToFolderId>` + known("junkemail") + `</m:ToFolderId><m:ItemIds>` + itemIDs(s.Mails("inbox")[0].ID) + `</m:ItemIds><m:ReturnNewItemIds>false</m:ReturnNewItemIds></m:MoveItem>`).want("NoError")
	if got := s.Mails("junkemail"); len(got) != 1 || got[0].Subject != "mail 05" {
		t.Errorf("%v", got)
	}
}

func mimeOf(t *testing.T, r reply) string {
	t.Helper()
	content, err := base64.StdEncoding.DecodeString(r.one("MimeContent"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestMIMEContentIsMadeAnew(t *testing.T) {
	s := loaded(t, ewssim.Config{Regenerate: true})
	c := dial(t, s)
	mails := s.Mails("inbox")
	ask := func(id string) string { return mimeOf(t, c.ask(getItem(withMIME, id)).want("NoError")) }
	first, again := ask(mails[10].ID), ask(mails[10].ID)
	if first == again || first == withFiles {
		t.Error("the text is the same")
	}
	for _, part := range []string{"Subject: mail 11", "see files", "UEsDBA==", "a.zip", "Subject: inner", "inside"} {
		if !strings.Contains(first, part) && !strings.Contains(first, base64.StdEncoding.EncodeToString([]byte(part))) {
			t.Errorf("%q is not in %s", part, first)
		}
	}
	if text := ask(mails[0].ID); strings.Contains(text, "X-Odd") || !strings.Contains(text, "Message-ID: <1@evil.example>") {
		t.Error(text)
	}
}

// TestMIMEMadeAnewHasAllParts reads a mail with everything back with the standard
// library.
func TestMIMEMadeAnewHasAllParts(t *testing.T) {
	s := loaded(t, ewssim.Config{Regenerate: true})
	everything := "From: a@b.example\r\nSubject: all\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n" +
		"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain\r\n--a\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<img src=cid:i1>\r\n" +
		"--r\r\nContent-Type: image/png\r\nContent-ID: <i1>\r\nContent-Disposition: inline\r\n\r\npicture\r\n--r--\r\n--a--\r\n" +
		"--m\r\nContent-Type: application/zip; name=\"=?utf-8?q?r=C3=A4t.zip?=\"\r\nContent-Disposition: attachment\r\n\r\nzip\r\n--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nbody\r\n--m--\r\n"
	id := s.AddMail("inbox", []byte(everything), time.Now(), false)
	again := mimeOf(t, dial(t, s).ask(getItem(withMIME, id)).want("NoError"))
	var got []string
	walk(t, again, &got)
	want := []string{"text/plain  plain", "text/html  <img src=cid:i1>", "image/png  picture", "application/zip rät.zip zip", "message/rfc822 ", "text/plain  body"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s\n%s", diff, again)
	}
}

// walk lists the parts of a mail: type, name and content.
func walk(t *testing.T, text string, all *[]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	if boundary := params["boundary"]; boundary != "" {
		parts := strings.Split(string(content), "--"+boundary)
		for _, p := range parts[1 : len(parts)-1] {
			walk(t, strings.TrimPrefix(p, "\r\n"), all)
		}
		return
	}
	if m.Header.Get("Content-Transfer-Encoding") == "base64" {
		if content, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(string(content), "\r\n", "")); err != nil {
			t.Fatal(err)
		}
	}
	_, disposition, _ := mime.ParseMediaType(m.Header.Get("Content-Disposition"))
	if kind == "message/rfc822" {
		*all = append(*all, kind+" "+disposition["filename"])
		walk(t, string(content), all)
		return
	}
	*all = append(*all, kind+" "+disposition["filename"]+" "+string(content))
}

func TestLargeAnswersAreRefusedItemByItem(t *testing.T) {
	s := loaded(t, ewssim.Config{MaxResponse: 400})
	c := dial(t, s)
	mails := s.Mails("inbox")
	c.ask(getItem(withMIME, mails[0].ID, mails[1].ID, mails[2].ID, mails[11].ID)).want("NoError NoError ErrorMessageSizeExceeded NoError")
	c.ask(getItem("", mails[0].ID, mails[1].ID, mails[2].ID)).want("NoError NoError NoError")
	id := s.AddItem("inbox", "IPM.Contact", "Eve", nil, time.Now(), true)
	c.ask(getItem(withMIME, id)).want("ErrorUnsupportedMimeConversion")
	if got := c.ask(getItem(`<t:AdditionalProperties><t:FieldURI FieldURI="item:Subject"/></t:AdditionalProperties>`, id)); len(got.texts("Contact")) != 1 || got.one("Subject") != "Eve" {
		t.Error(got.body)
	}
}

// elements are the names of the children of the first element of a name, in order.
func (r reply) elements(name string) []string {
	d := xml.NewDecoder(strings.NewReader(r.body))
	var all []string
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return all
		}
		switch e := token.(type) {
		case xml.StartElement:
			if depth == 1 && !slices.Contains(all, e.Name.Local) {
				all = append(all, e.Name.Local)
			}
			if depth > 0 || e.Name.Local == name {
				depth++
			}
		case xml.EndElement:
			if depth--; depth == 0 {
				return all
			}
			depth = max(depth, 0)
		}
	}
}

// TestElementsStandInTheOrderOfTheSchema matters to clients whose readers are made
// from it.
func TestElementsStandInTheOrderOfTheSchema(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	c.version = "Exchange2016"
	extra := `<t:AdditionalProperties><t:FieldURI FieldURI="item:Preview"/><t:ExtendedFieldURI PropertyTag="0x0e08" PropertyType="Integer"/><t:FieldURI FieldURI="item:Flag"/><t:FieldURI FieldURI="item:LastModifiedTime"/>` +
		`<t:FieldURI FieldURI="message:ReceivedBy"/></t:AdditionalProperties>`
	r := c.ask(strings.Replace(getItem(withMIME+extra, s.Mails("inbox")[10].ID), "IdOnly", "AllProperties", 1)).want("NoError")
	want := strings.Fields(`MimeContent ItemId ParentFolderId ItemClass Subject Sensitivity Body Attachments DateTimeReceived Size Importance IsSubmitted IsDraft IsFromMe IsResend IsUnmodified
		InternetMessageHeaders DateTimeSent DateTimeCreated ReminderIsSet DisplayCc DisplayTo HasAttachments ExtendedProperty Culture LastModifiedTime Flag Preview
		Sender ToRecipients IsReadReceiptRequested IsDeliveryReceiptRequested ConversationTopic From IsRead IsResponseRequested ReceivedBy`)
	if diff := cmp.Diff(want, r.elements("Message")); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	r = c.ask(`<m:GetFolder><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape><t:AdditionalProperties><t:ExtendedFieldURI PropertyTag="0x3602" PropertyType="Integer"/></t:AdditionalProperties></m:FolderShape><m:FolderIds>` +
		known("inbox") + `</m:FolderIds></m:GetFolder>`).want("NoError")
	want = strings.Fields("FolderId ParentFolderId FolderClass DisplayName TotalCount ChildFolderCount ExtendedProperty EffectiveRights UnreadCount")
	if diff := cmp.Diff(want, r.elements("Folder")); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestSingleHeaders(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	uri := `<t:IndexedFieldURI FieldURI="item:InternetMessageHeader" FieldIndex="x-odd"/>`
	r := c.ask(getItem(`<t:AdditionalProperties>`+uri+`</t:AdditionalProperties>`, s.Mails("inbox")[0].ID)).want("NoError")
	if got := r.attrs("InternetMessageHeader", "HeaderName"); !slices.Equal(got, []string{"X-Odd"}) || r.one("InternetMessageHeader") != "yes" {
		t.Error(r.body)
	}
	if got := len(c.ask(find(`<m:Restriction><t:Exists>` + uri + `</t:Exists></m:Restriction>`)).want("NoError").texts("Subject")); got != 10 {
		t.Errorf("%d mails have it", got)
	}
	for _, bad := range []string{
		`<t:IndexedFieldURI FieldURI="item:InternetMessageHeader"/>`,
		`<t:IndexedFieldURI FieldURI="item:Subject" FieldIndex="x"/>`,
		`<t:ExtendedFieldURI PropertyTag="0b1" PropertyType="Integer"/>`,
		`<t:ExtendedFieldURI PropertySetId="x" PropertyName="y" PropertyType="String"/>`,
		`<t:ExtendedFieldURI DistinguishedPropertySetId="x" PropertyName="y" PropertyType="String"/>`,
	} {
		c.ask(getItem(`<t:AdditionalProperties>`+bad+`</t:AdditionalProperties>`, s.Mails("inbox")[0].ID)).want("fault ErrorSchemaValidation")
	}
}

// TestMailsInMails has one that costs as much as a mail may when it is taken apart.
func TestMailsInMails(t *testing.T) {
	s := loaded(t, ewssim.Config{Regenerate: true})
	text := strings.Repeat("x", 1<<20)
	for n := range 100 {
		text = fmt.Sprintf("Subject: %d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--b%d--\r\n", n, n, n, text, n)
	}
	id := s.AddMail("inbox", []byte(text), time.Now(), false)
	if got := mimeOf(t, dial(t, s).ask(getItem(withMIME, id)).want("NoError")); len(got) > 2<<20 || !strings.Contains(got, "Subject: 98") {
		t.Errorf("%d bytes", len(got))
	}
}

// TestControlCharacters has a subject that XML cannot have.
func TestControlCharacters(t *testing.T) {
	for controls, want := range map[bool]string{true: "a&#x1;b&#x1F; &amp; c", false: "a\uFFFDb\uFFFD &amp; c"} {
		s := loaded(t, ewssim.Config{Controls: controls})
		id := s.AddMail("inbox", []byte("Subject: =?utf-8?b?YQFiHyAmIGM=?=\r\n\r\n"), time.Now(), false)
		r := dial(t, s).ask(getItem(`<t:AdditionalProperties><t:FieldURI FieldURI="item:Subject"/></t:AdditionalProperties>`, id)).want("NoError")
		if !strings.Contains(r.body, ">"+want+"<") {
			t.Errorf("%q is not in %s", want, r.body)
		}
	}
}

func TestAttachments(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	deep := "Subject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n" + withFiles + "\r\n--o--\r\n"
	id := s.AddMail("inbox", []byte(deep), time.Now(), false)
	c := dial(t, s)
	ids := c.ask(getItem(`<t:AdditionalProperties><t:FieldURI FieldURI="item:Attachments"/></t:AdditionalProperties>`, id)).want("NoError").attrs("AttachmentId", "Id")
	get := func(shape, id string) reply {
		return c.ask(`<m:GetAttachment><m:AttachmentShape>` + shape + `</m:AttachmentShape><m:AttachmentIds><t:AttachmentId Id="` + id + `"/></m:AttachmentIds></m:GetAttachment>`)
	}
	outer := get(withMIME, ids[0]).want("NoError")
	if mimeOf(t, outer) != withFiles {
		t.Errorf("%q", mimeOf(t, outer))
	}
	inner := outer.attrs("AttachmentId", "Id") // itself, then what is in it
	if len(inner) != 3 {
		t.Fatal(outer.body)
	}
	if got := get("", inner[1]).want("NoError").one("Content"); got != "UEsDBA==" {
		t.Error(got)
	}
	if got := mimeOf(t, get(withMIME, inner[2]).want("NoError")); !strings.Contains(got, "inside") {
		t.Error(got)
	}
	s.Move(id, "drafts")
	get("", inner[1]).want("ErrorAttachmentNotFound")
}

func TestPropertiesOfTheirOwn(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	id := s.Mails("inbox")[0].ID
	const uri = `<t:ExtendedFieldURI PropertySetId="C11FF724-AA03-4555-9952-8FA248A11C3E" PropertyName="tqDone" PropertyType="String"/>`
	c.ask(`<m:UpdateItem MessageDisposition="SaveOnly" ConflictResolution="AlwaysOverwrite"><m:ItemChanges><t:ItemChange><t:ItemId Id="` + id + `"/><t:Updates><t:SetItemField>` + uri +
		`<t:Message><t:ExtendedProperty>` + uri + `<t:Value>yes</t:Value></t:ExtendedProperty></t:Message></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`).want("NoError")
	where := `<m:Restriction><t:Not><t:Exists>` + uri + `</t:Exists></t:Not></m:Restriction>`
	if got := len(c.ask(find(where)).want("NoError").texts("Subject")); got != 11 {
		t.Errorf("%d without it", got)
	}
	if got := c.ask(getItem(`<t:AdditionalProperties>`+uri+`</t:AdditionalProperties>`, id)).want("NoError").one("Value"); got != "yes" {
		t.Error(got)
	}
	if !strings.Contains(string(s.Dump()), "tqdone  = yes") {
		t.Errorf("%s", s.Dump())
	}
}

func TestSharedMailboxes(t *testing.T) {
	s := ewssim.New(ewssim.Config{
		Users:     map[string]string{"soc": "s3cret", "svc": "s3cret", "zoe": "0ther"},
		Mailboxes: map[string]string{"soc@corp.example": "soc", "zoe@corp.example": "zoe", "abuse@corp.example": ""},
		Delegates: map[string][]string{"soc": {"Abuse@corp.example"}}, Impersonators: []string{"svc"},
	})
	id := s.AddMail("abuse@corp.example/Inbox/Phish", raw(1), time.Now(), false)
	c := dial(t, s)
	as := func(user, acted string) *client {
		c.user, c.header = user, ""
		if acted != "" {
			c.header = `<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>` + acted + `</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>`
		}
		return c
	}
	shared := getFolder(knownOf("inbox", "abuse@corp.example"))
	as("soc", "").ask(shared).want("NoError")
	as("soc", "").ask(getItem("", id)).want("NoError")
	as("soc", "zoe@corp.example").ask(shared).want("fault ErrorImpersonateUserDenied")
	as("soc", "soc@corp.example").ask(getFolder(known("inbox"))).want("NoError")
	as("svc", "").ask(getFolder(known("inbox"))).want("ErrorMissingEmailAddress")
	as("svc", "").ask(getItem("", id)).want("ErrorAccessDenied")
	as("svc", "abuse@corp.example").ask(getFolder(known("inbox"))).want("NoError")
	as("svc", "ABUSE@corp.example").ask(getItem("", id)).want("NoError")
	as("svc", "nobody@corp.example").ask(shared).want("fault ErrorNonExistentMailbox")
	as("svc", "zoe@corp.example").ask(shared).want("ErrorAccessDenied")
}

func TestFoldersInAnyLanguage(t *testing.T) {
	for language, want := range map[string]string{"en": "Inbox", "de": "Posteingang", "fr": "Boîte de réception", "ja": "受信トレイ", "": "Inbox"} {
		s := loaded(t, ewssim.Config{Language: language})
		c := dial(t, s)
		r := c.ask(`<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:ParentFolderIds>` + known("msgfolderroot") + `</m:ParentFolderIds></m:FindFolder>`).want("NoError")
		if names := r.texts("DisplayName"); len(names) != 12 || !slices.Contains(names, want) || !slices.Contains(names, "Abuse") {
			t.Errorf("%s: %q", language, names)
		}
		if got := len(s.Mails("Inbox/Abuse")) + len(s.Mails(want+"/abuse")); got != 2 {
			t.Errorf("%s: %d mails by both names", language, got)
		}
	}
}

func TestFolderWork(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	hierarchy := func(state string) reply {
		return c.ask(`<m:SyncFolderHierarchy><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:SyncState>` + state + `</m:SyncState></m:SyncFolderHierarchy>`).want("NoError")
	}
	r := hierarchy("")
	if n := strings.Count(r.body, "<t:Create>"); n != 12 {
		t.Errorf("%d folders", n)
	}
	c.ask(`<m:CreateFolder><m:ParentFolderId>` + known("inbox") + `</m:ParentFolderId><m:Folders><t:Folder><t:DisplayName>Done</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>`).want("NoError")
	s.RemoveFolder("Inbox/Abuse")
	r = hierarchy(r.one("SyncState"))
	if strings.Count(r.body, "<t:Create>") != 1 || strings.Count(r.body, "<t:Delete>") != 1 {
		t.Error(r.body)
	}
	c.ask(`<m:DeleteFolder DeleteType="MoveToDeletedItems"><m:FolderIds>` + folderID(s.FolderID("Inbox/Done")) + `</m:FolderIds></m:DeleteFolder>`).want("NoError")
	if s.FolderID("deleteditems/Done") == "" {
		t.Error("it is not among the deleted items")
	}
	where := `<m:FindFolder Traversal="Shallow"><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:IndexedPageFolderView MaxEntriesReturned="2" Offset="1" BasePoint="Beginning"/>` +
		`<m:Restriction><t:IsEqualTo><t:FieldURI FieldURI="folder:FolderClass"/><t:FieldURIOrConstant><t:Constant Value="IPF.Note"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>` +
		`<m:ParentFolderIds>` + known("msgfolderroot") + `</m:ParentFolderIds></m:FindFolder>`
	if got := c.ask(where).want("NoError").texts("DisplayName"); !slices.Equal(got, []string{"Drafts", "Outbox"}) {
		t.Errorf("%q", got)
	}
}

func TestIDsConvert(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	id := s.Mails("inbox")[0].ID
	convert := func(id, from, to string) reply {
		return c.ask(`<m:ConvertId DestinationFormat="` + to + `"><m:SourceIds><t:AlternateId Format="` + from + `" Id="` + id + `" Mailbox="soc@corp.example"/></m:SourceIds></m:ConvertId>`)
	}
	for _, format := range []string{"EntryId", "HexEntryId", "OwaId", "StoreId", "EwsLegacyId", "EwsId"} {
		other := convert(id, "EwsId", format).want("NoError").attrs("AlternateId", "Id")[0]
		if back := convert(other, format, "EwsId").want("NoError").attrs("AlternateId", "Id")[0]; back != id {
			t.Errorf("%s: %s became %s", format, id, back)
		}
	}
	convert("DUMMY", "EwsId", "EntryId").want("ErrorInvalidIdMalformed")
	convert("", "HexEntryId", "EwsId").want("ErrorInvalidIdMalformed")
	convert(id, "EwsId", "Roman").want("fault ErrorSchemaValidation")
}

func TestIDsHaveTwoCases(t *testing.T) {
	s := ewssim.New(ewssim.Config{Users: map[string]string{"soc": "s3cret"}})
	all, folded := map[string]bool{}, map[string]bool{}
	for n := range 20_000 {
		id := s.AddMail("inbox", raw(n), time.Now(), false)
		all[id], folded[strings.ToLower(id)] = true, true
	}
	if len(all) != 20_000 || len(folded) != 10_000 {
		t.Errorf("%d ids, %d without regard to case", len(all), len(folded))
	}
}

// TestSeedsDecideIDs makes the same server twice, and another one.
func TestSeedsDecideIDs(t *testing.T) {
	ids := func(seed uint64) []string {
		s := loaded(t, ewssim.Config{Seed: seed})
		var all []string
		for _, m := range s.Mails("inbox") {
			all = append(all, m.ID)
		}
		return all
	}
	one, again, other := ids(1), ids(1), ids(2)
	if diff := cmp.Diff(one, again); diff != "" || one[0] == other[0] {
		t.Errorf("%s\n%s %s", diff, one[0], other[0])
	}
	if a, b := loaded(t, ewssim.Config{Seed: 1}).Dump(), loaded(t, ewssim.Config{Seed: 2}).Dump(); string(a) != string(b) {
		t.Error("dumps differ by the seed")
	}
}

func TestHTTPManners(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	good := c.url
	for _, row := range []struct {
		name, method, url, kind, body string
		want                          int
	}{
		{"GET", "GET", good, "", "", 200},
		{"other case", "GET", strings.Replace(good, "/EWS/Exchange.asmx", "/ews/exchange.ASMX", 1), "", "", 200},
		{"PUT", "PUT", good, "text/xml", "", 405},
		{"elsewhere", "GET", strings.Replace(good, "/EWS/", "/owa/", 1), "", "", 404},
		{"JSON", "POST", good, "application/json", "{}", 415},
		{"SOAP 1.2", "POST", good, "application/soap+xml; charset=utf-8", "<x/>", 415},
		{"UTF-16", "POST", good, "text/xml; charset=utf-16", "<x/>", 415},
		{"no type", "POST", good, "", "<x/>", 415},
		{"no XML", "POST", good, "text/xml", "hello", 500},
		{"nothing", "POST", good, "text/xml", "", 500},
		{"document type", "POST", good, "text/xml", `<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>`, 500},
		{"too deep", "POST", good, "text/xml", strings.Repeat("<a>", 5000), 500},
		{"too many", "POST", good, "text/xml", "<a>" + strings.Repeat("<b/>", 300_000) + "</a>", 500},
		{"too large", "POST", good, "text/xml", "<a>" + strings.Repeat("x", 5<<20) + "</a>", 413},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), row.method, row.url, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", row.kind)
			if got := c.send(r); got.status != row.want {
				t.Errorf("status %d, want %d: %v %.300s", got.status, row.want, got.err, got.body)
			}
		})
	}
}

// TestBrokenRequests cuts a request at every byte and flips a bit of each. Nothing may
// happen but an answer.
func TestBrokenRequests(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	whole := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header/><s:Body>` +
		find(`<m:IndexedPageItemView MaxEntriesReturned="2" Offset="0" BasePoint="Beginning"/><m:Restriction><t:IsEqualTo><t:FieldURI FieldURI="message:IsRead"/><t:FieldURIOrConstant><t:Constant Value="0"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>`) + `</s:Body></s:Envelope>`
	if w := serveOnce(t.Context(), s, "/EWS/Exchange.asmx", basic, []byte(whole)); w.Code != 200 || !strings.Contains(w.Body.String(), "NoError") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := serveOnce(t.Context(), s, "/EWS/Exchange.asmx", basic, []byte("\uFEFF<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- hello -->"+whole+"\n")); w.Code != 200 {
		t.Errorf("with a byte order mark: %d %s", w.Code, w.Body)
	}
	for i := range whole {
		if w := serveOnce(t.Context(), s, "/EWS/Exchange.asmx", basic, []byte(whole[:i])); w.Code != 500 || !strings.Contains(w.Body.String(), "ErrorSchemaValidation") {
			t.Fatalf("cut at %d: %d %s", i, w.Code, w.Body)
		}
		for bit := range 8 {
			flipped := []byte(whole)
			flipped[i] ^= 1 << bit
			checkAnswer(t, serveOnce(t.Context(), s, "/EWS/Exchange.asmx", basic, flipped))
		}
	}
}

func TestLoadOfALargeMail(t *testing.T) {
	s := loaded(t, ewssim.Config{})
	c := dial(t, s)
	large := append(raw(1), []byte(strings.Repeat("x", 4<<20))...)
	create := `<m:CreateItem MessageDisposition="SaveOnly"><m:SavedItemFolderId>` + known("junkemail") + `</m:SavedItemFolderId><m:Items><t:Message><t:MimeContent>%s</t:MimeContent><t:IsRead>false</t:IsRead></t:Message></m:Items></m:CreateItem>`
	r := c.ask(fmt.Sprintf(create, base64.StdEncoding.EncodeToString(large))).want("NoError")
	if got := mimeOf(t, c.ask(getItem(withMIME, r.attrs("ItemId", "Id")[0])).want("NoError")); got != string(large) {
		t.Errorf("%d bytes came back", len(got))
	}
	if got := s.Mails("junkemail"); len(got) != 1 || got[0].Read {
		t.Errorf("%d mails", len(got))
	}
}

func TestAutodiscovery(t *testing.T) {
	for _, row := range []struct{ redirect, email, want string }{
		{"", "soc@corp.example", "EwsUrl"},
		{"", "nobody@corp.example", "ErrorCode"},
		{"", "", "ErrorCode"},
		{"other@corp.example", "soc@corp.example", "RedirectAddr"},
		{"https://other.example/autodiscover/autodiscover.xml", "soc@corp.example", "RedirectUrl"},
	} {
		s := loaded(t, ewssim.Config{Redirect: row.redirect})
		c := dial(t, s)
		c.url = strings.Replace(c.url, "/EWS/Exchange.asmx", "/Autodiscover/Autodiscover.xml", 1)
		r := c.post(`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>` + row.email +
			`</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`)
		if got := r.texts(row.want); r.status != 200 || len(got) == 0 {
			t.Errorf("%v: %d %s", row, r.status, r.body)
		}
		c.user = ""
		if r := c.post("<x/>"); r.status != 401 {
			t.Errorf("status %d without a login", r.status)
		}
	}
}
