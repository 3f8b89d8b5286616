package ewssim

import (
	"cmp"
	"strconv"
)

// failure is an EWS error: a response message, or a SOAP fault when the request
// as a whole is refused.
type failure struct {
	code string
	text string
	// values stand in MessageXml: names and values in turn.
	values []string
	odd    bool // values are in the namespace of errors, not in that of types
	// line and col of the element that the schema does not allow; 0: unknown
	line, col int
	violation string
}

func (f *failure) Error() string { return f.code + ": " + f.text }

// fail is a failure with the words of Exchange.
func fail(code string) *failure { return &failure{code: code, text: cmp.Or(words[code], code)} }

// words are what Exchange says with a code.
var words = map[string]string{
	"ErrorAccessDenied":                        "Access is denied. Check credentials and try again.",
	"ErrorAttachmentNotFound":                  "The attachment could not be found in the store.",
	"ErrorCannotDeleteObject":                  "The object cannot be deleted.",
	"ErrorCannotUseFolderIdForItemId":          "Id must be an item id.",
	"ErrorCannotUseItemIdForFolderId":          "Id must be a folder id.",
	"ErrorChangeKeyRequiredForWriteOperations": "A valid change key is required for this operation.",
	"ErrorDeleteDistinguishedFolder":           "Distinguished folders cannot be deleted.",
	"ErrorExceededConnectionCount":             "You have exceeded the available concurrent connections for your account. Try again once your other requests have completed.",
	"ErrorFolderExists":                        "A folder with the specified name already exists.",
	"ErrorFolderNotFound":                      "The specified folder could not be found in the store.",
	"ErrorImpersonateUserDenied":               "The account does not have permission to impersonate the requested user.",
	"ErrorIncorrectSchemaVersion":              "The request is valid but does not specify the correct server version in the RequestServerVersion SOAP header. Ensure that the RequestServerVersion SOAP header is set with the correct RequestServerVersionValue.",
	"ErrorInternalServerError":                 "An internal server error occurred. The operation failed.",
	"ErrorInternalServerTransientError":        "An internal server error occurred. Try again later.",
	"ErrorInvalidAttachmentId":                 "The attachment ID is invalid.",
	"ErrorInvalidChangeKey":                    "The change key is invalid.",
	"ErrorInvalidExtendedProperty":             "The extended property attribute combination is invalid.",
	"ErrorInvalidIdMalformed":                  "Id is malformed.",
	"ErrorInvalidOperation":                    "The operation is invalid.",
	"ErrorInvalidPropertyForOperation":         "Property is not valid for this operation.",
	"ErrorInvalidPropertyRequest":              "Property is not valid for this object type.",
	"ErrorInvalidPropertySet":                  "Set action is invalid for property.",
	"ErrorInvalidRequest":                      "The request is invalid.",
	"ErrorInvalidServerVersion":                "The specified server version is invalid.",
	"ErrorInvalidSyncStateData":                "Synchronization state data is corrupt or otherwise invalid.",
	"ErrorIrresolvableConflict":                "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
	"ErrorItemCorrupt":                         "The item is corrupt.",
	"ErrorItemNotFound":                        "The specified object was not found in the store.",
	"ErrorItemSave":                            "An error occurred while saving the item.",
	"ErrorMailboxStoreUnavailable":             "The mailbox database is temporarily unavailable.",
	"ErrorMessageSizeExceeded":                 "The message exceeds the maximum supported size.",
	"ErrorMimeContentConversionFailed":         "The conversion of the MIME content failed.",
	"ErrorMimeContentInvalid":                  "The MIME content is invalid.",
	"ErrorMimeContentInvalidBase64String":      "The MIME content is not a valid base64 string.",
	"ErrorMissingArgument":                     "A required argument is missing.",
	"ErrorNameResolutionNoResults":             "No results were found.",
	"ErrorMissingEmailAddress":                 "When making a request as an account that does not have a mailbox, you must specify the mailbox primary SMTP address for any distinguished folder Ids.",
	"ErrorMoveCopyFailed":                      "The move or copy operation failed.",
	"ErrorNameResolutionMultipleResults":       "Multiple results were found.",
	"ErrorInvalidPropertyAppend":               "Append action is invalid for property.",
	"ErrorInvalidPropertyDelete":               "Delete action is invalid for property.",
	"ErrorSendAsDenied":                        "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.",
	"ErrorNonExistentMailbox":                  "The SMTP address has no mailbox associated with it.",
	"ErrorMessageDispositionRequired":          "Message disposition is required for messages.",
	"ErrorRestrictionTooComplex":               "The restriction is too complex.",
	"ErrorSchemaValidation":                    "The request failed schema validation.",
	"ErrorServerBusy":                          "The server cannot service this request right now. Try again later.",
	"ErrorStaleObject":                         "The object is stale.",
	"ErrorSyncFolderNotFound":                  "The folder to sync could not be found.",
	"ErrorTimeoutExpired":                      "The request timed out.",
	"ErrorUnsupportedPathForQuery":             "The property can not be used with this type of restriction.",
	"ErrorUnsupportedPathForSortGroup":         "The property can not be used for sorting.",
	"ErrorUnsupportedMimeConversion":           "The MIME conversion is not supported for this item type.",
}

// invalid is what the schema does not allow at an element.
func invalid(n *node, violation string) *failure {
	f := fail("ErrorSchemaValidation")
	f.violation = violation
	if n != nil {
		f.line, f.col = n.line, n.col
	}
	return f
}

// badValue is an attribute or text that its type does not allow.
func badValue(n *node, name, value, typ string) *failure {
	return invalid(n, "The '"+name+"' attribute is invalid - The value '"+value+"' is invalid according to its datatype '"+nsTypes+":"+typ+"' - The Enumeration constraint failed.")
}

// unexpected is an element that must not stand where it stands.
func unexpected(up, n *node) *failure {
	return invalid(n, "The element '"+up.name+"' in namespace '"+up.space+"' has invalid child element '"+n.name+"' in namespace '"+n.space+"'.")
}

// message writes what stands in a response message before its content.
func (f *failure) message(x *text) {
	x.leaf("m:MessageText", f.text)
	x.leaf("m:ResponseCode", f.code)
	x.leaf("m:DescriptiveLinkKey", "0")
	if len(f.values) > 0 {
		x.begin("m:MessageXml")
		f.writeValues(x)
		x.end()
	}
}

func (f *failure) writeValues(x *text) {
	for i := 0; i+1 < len(f.values); i += 2 {
		if f.odd {
			x.leaf("e:Value", f.values[i+1], "xmlns:e", nsErrors, "Name", f.values[i])
			continue
		}
		x.leaf("t:Value", f.values[i+1], "xmlns:t", nsTypes, "Name", f.values[i])
	}
}

// fault writes a SOAP fault, which has no header.
func (f *failure) fault() []byte {
	x := &text{}
	x.WriteString(`<?xml version="1.0" encoding="utf-8"?>`)
	x.begin("s:Envelope", "xmlns:s", nsSOAP)
	x.begin("s:Body")
	x.begin("s:Fault")
	x.leaf("faultcode", "a:"+f.code, "xmlns:a", nsTypes)
	said := f.text
	if f.violation != "" {
		said = "The request failed schema validation: " + f.violation
	}
	x.leaf("faultstring", said, "xml:lang", "en-US")
	x.begin("detail")
	x.leaf("e:ResponseCode", f.code, "xmlns:e", nsErrors)
	x.leaf("e:Message", f.text, "xmlns:e", nsErrors)
	if f.violation != "" || len(f.values) > 0 {
		if f.odd {
			x.begin("e:MessageXml", "xmlns:e", nsErrors)
		} else {
			x.begin("t:MessageXml", "xmlns:t", nsTypes)
		}
		if f.violation != "" {
			x.leaf("t:LineNumber", strconv.Itoa(f.line))
			x.leaf("t:LinePosition", strconv.Itoa(f.col))
			x.leaf("t:Violation", f.violation)
		}
		f.writeValues(x)
		x.end()
	}
	for len(x.open) > 0 {
		x.end()
	}
	return x.Bytes()
}
