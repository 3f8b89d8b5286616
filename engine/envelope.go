package engine

// typeSubject and typeAttachment are what a spearphish has beside the indicators in
// its text: what it was called, and what its attachments were.
const typeSubject, typeAttachment = "Email Subject", "Email Attachment"

// envelope are the subject and the names of the attachments of a spearphish, as
// indicators of their own: other mails of the same wave have them, too. Those of a
// report are its author's words.
func envelope(it *Item) []Finding {
	if it.Ships != Spearphish {
		return nil
	}
	var found []Finding
	if s := it.Message.Subject.Subject; s != "" {
		found = append(found, Finding{Type: typeSubject, Value: s, Original: s, Spot: Spot{Part: PartSubject, Context: InSubject, Span: Span{0, len(s)}}})
	}
	for _, a := range it.Message.Attachments {
		if name := a.FileName; name != "" && !a.IsInline {
			found = append(found, Finding{Type: typeAttachment, Value: name, Original: name, Spot: Spot{Part: a.Path, Context: InName, Span: Span{0, len(name)}}})
		}
	}
	return found
}
