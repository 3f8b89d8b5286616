package ewssim

import (
	"slices"
	"strings"
)

// known is a folder that every mailbox has.
type known struct {
	id     string
	parent string // "" is none
	class  string
	names  [4]string // in the order of languages
}

var languages = []string{"en", "de", "fr", "ja"}

// Every mailbox has these; parents come first. Names of folders that no user sees
// are those of the store, in all languages.
var knownFolders = []known{
	{"root", "", "", [4]string{"root", "root", "root", "root"}},
	{"msgfolderroot", "root", "IPF", [4]string{"Top of Information Store", "Oberste Ebene des Informationsspeichers", "Haut de la banque d'informations", "インフォメーション ストアの先頭"}},
	{"searchfolders", "root", "IPF", [4]string{"Finder", "Finder", "Finder", "Finder"}},
	{"recoverableitemsroot", "root", "", [4]string{"Recoverable Items", "Recoverable Items", "Recoverable Items", "Recoverable Items"}},
	{"recoverableitemsdeletions", "recoverableitemsroot", "", [4]string{"Deletions", "Deletions", "Deletions", "Deletions"}},
	{"inbox", "msgfolderroot", "IPF.Note", [4]string{"Inbox", "Posteingang", "Boîte de réception", "受信トレイ"}},
	{"drafts", "msgfolderroot", "IPF.Note", [4]string{"Drafts", "Entwürfe", "Brouillons", "下書き"}},
	{"outbox", "msgfolderroot", "IPF.Note", [4]string{"Outbox", "Postausgang", "Boîte d'envoi", "送信トレイ"}},
	{"sentitems", "msgfolderroot", "IPF.Note", [4]string{"Sent Items", "Gesendete Elemente", "Éléments envoyés", "送信済みアイテム"}},
	{"deleteditems", "msgfolderroot", "IPF.Note", [4]string{"Deleted Items", "Gelöschte Elemente", "Éléments supprimés", "削除済みアイテム"}},
	{"junkemail", "msgfolderroot", "IPF.Note", [4]string{"Junk Email", "Junk-E-Mail", "Courrier indésirable", "迷惑メール"}},
	{"calendar", "msgfolderroot", "IPF.Appointment", [4]string{"Calendar", "Kalender", "Calendrier", "予定表"}},
	{"contacts", "msgfolderroot", "IPF.Contact", [4]string{"Contacts", "Kontakte", "Contacts", "連絡先"}},
	{"tasks", "msgfolderroot", "IPF.Task", [4]string{"Tasks", "Aufgaben", "Tâches", "タスク"}},
	{"notes", "msgfolderroot", "IPF.StickyNote", [4]string{"Notes", "Notizen", "Notes", "メモ"}},
	{"journal", "msgfolderroot", "IPF.Journal", [4]string{"Journal", "Journal", "Journal", "履歴"}},
}

func (k known) name(language string) string {
	return k.names[max(slices.Index(languages, language), 0)]
}

// More names that a request may use: since which schema. A mailbox here has none
// of these folders, as one that Outlook has never opened.
var namesSince = map[string]string{
	"publicfoldersroot": "Exchange2007_SP1", "voicemail": "Exchange2007_SP1",
	"recoverableitemsversions": "Exchange2010_SP1", "recoverableitemspurges": "Exchange2010_SP1",
	"archiveroot": "Exchange2010_SP1", "archivemsgfolderroot": "Exchange2010_SP1", "archivedeleteditems": "Exchange2010_SP1",
	"archiverecoverableitemsroot": "Exchange2010_SP1", "archiverecoverableitemsdeletions": "Exchange2010_SP1",
	"archiverecoverableitemsversions": "Exchange2010_SP1", "archiverecoverableitemspurges": "Exchange2010_SP1",
	"syncissues": "Exchange2013", "conflicts": "Exchange2013", "localfailures": "Exchange2013", "serverfailures": "Exchange2013",
	"recipientcache": "Exchange2013", "quickcontacts": "Exchange2013", "conversationhistory": "Exchange2013", "adminauditlogs": "Exchange2013",
	"todosearch": "Exchange2013", "mycontacts": "Exchange2013", "directory": "Exchange2013", "imcontactlist": "Exchange2013",
	"peopleconnect": "Exchange2013", "favorites": "Exchange2013", "archiveinbox": "Exchange2013_SP1", "recoverableitemssubstrateholds": "Exchange2016",
	"recoverableitemsdiscoveryholds": "Exchange2013_SP1", "archiverecoverableitemsdiscoveryholds": "Exchange2013_SP1",
	"mecontact": "Exchange2016", "personmetadata": "Exchange2016", "teamspaceactivity": "Exchange2016", "teamspacemessaging": "Exchange2016",
	"teamspaceworkitems": "Exchange2016", "scheduled": "Exchange2016", "orionnotes": "Exchange2016", "tagitems": "Exchange2016",
	"alltaggeditems": "Exchange2016", "allcategorizeditems": "Exchange2016", "externalcontacts": "Exchange2016", "teamchat": "Exchange2016",
	"yammerroot": "Exchange2016", "yammerinbound": "Exchange2016", "yammeroutbound": "Exchange2016", "yammerfeeds": "Exchange2016",
	"onedriveroot": "Exchange2016", "onedriverecylebin": "Exchange2016", "onedrivesystem": "Exchange2016", "onedrivevolume": "Exchange2016",
}

// knownName tells the schema since which a distinguished name may be used.
func knownName(id string) (since int, ok bool) {
	if version, more := namesSince[id]; more {
		return schemaOf(version), true
	}
	if strings.HasPrefix(id, "recoverableitems") {
		since = schemaOf("Exchange2010_SP1")
	}
	return since, slices.ContainsFunc(knownFolders, func(k known) bool { return k.id == id })
}
