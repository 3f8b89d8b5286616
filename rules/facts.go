package rules

import (
	"fmt"
	"strings"
)

// fileFacts are what readers of formats put into attachments[].metadata. A fact
// that a file does not have reads as the empty text.
var fileFacts = []struct{ names, doc string }{
	{"auto_macro", "names under which macros run by themselves: AutoOpen, Workbook_Open, ..."},
	{"macro_sheets", "sheets of Excel 4 macros"},
	{"macro_signature", "true: the macros are signed; by whom is not checked"},
	{"dde", "commands that opening the document runs"},
	{"external_target", "what is loaded from outside: templates, objects, pictures, shares"},
	{"external_formula connection", "formulas that reach out, connections to data"},
	{"template", "the template that a document names"},
	{"action", "what a click or a shown slide runs"},
	{"object_class object_source object_update", "what an embedded object is, where it came from, whether it updates itself"},
	{"javascript", "the start of a script"},
	{"launch_action", "a program or file that a document starts"},
	{"open_action", "the kind of what happens when a document is opened"},
	{"submit_form remote_file", "where a form is sent, a document that is fetched"},
	{"embedded_files", "how many"},
	{"hidden_text deleted_text hidden_sheets hidden_slides unlisted_slides", "what a reader does not see"},
	{"smuggled", "a file that a page builds on the reader's machine: its name and size"},
	{"target arguments working_directory icon description environment_target icon_target made_on", "of a shortcut"},
	{"signer smime", "whom the signature of an S/MIME mail names, which is not checked; its kind"},
	{"sender subject message_class", "of winmail.dat, of messages of Outlook's and of documents"},
	{"store_name password_protected", "of Outlook's files of folders"},
	{"method organizer summary location name organisation", "of an invitation or a business card"},
	{"encryption permissions pretended_encryption", "how it is locked; opened with the owner's password; flags that only claim to be"},
	{"self_extracting", "the archive inside a program: zip, 7z or rar"},
	{"locked_names hidden_members unread_members", "of archives: names behind the password, members that the directory hides, members that were not read"},
	{"prepended_bytes appended_bytes", "what stands before or behind an archive"},
	{"damaged_archive checksum repaired", "what does not fit together"},
	{"comment volume udf doctype pdf_version signed unmapped_glyphs", "of the format"},
	{"title author keywords producer creator created modified", "what it says about itself"},
}

func writeFacts(b *strings.Builder) {
	b.WriteString("\n## Facts of files\n\nKeys of `metadata`. Several values of one stand behind each other with `; `. One that a file does not have is the empty text: `any(files, present(.metadata[\"auto_macro\"]))`. They are attributes of files at sinks, `auto_macro` as `Auto Macro`.\n\n")
	b.WriteString("| key | meaning |\n|---|---|\n")
	for _, f := range fileFacts {
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(f.names, " ", "` `"), f.doc)
	}
	b.WriteString("\nA document says more about itself by the names it uses (`last_modified_by`, `company`, ...); `tqmailrules dry-run --json` shows all that an example has.\n")
}
