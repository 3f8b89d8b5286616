// Package ewssim is an Exchange server to test against: an http.Handler that keeps
// mailboxes in memory and speaks Exchange Web Services as Exchange 2010 to 2019 do,
// as far as mail goes. It was written from the public documentation, from what users
// report, and from what real clients (exchangelib, DavMail, curl) ask and accept;
// no real Exchange was at hand. What that could not settle is marked inferred.
//
// It is made to catch clients that assume:
//
//   - An item that moves has another id, and the old one is ErrorItemNotFound. Change
//     keys change with every change. The id of every second item differs from that of
//     the one before by the case of a letter only.
//   - A restriction is evaluated anew for each page: who marks as read while he pages
//     through unread mail skips some. Pages are smaller than what was asked for.
//   - The last mail that came is first, unless a SortOrder says otherwise.
//   - MIME contents may be another text on each read, without some headers, and the
//     size of an item is not that of its text.
//   - Folders have the names of the server's language, and distinguished names in all.
//   - Booleans may be 1 and 0 in requests, and are words in answers. The path of the
//     service is without regard to case.
//   - Each thing that a request names has a response message, which may fail alone.
//   - A folder holds more than messages: meetings, posts, contacts.
//   - NTLM logs a connection in, not a client.
//
// One request is worked on at a time, under one lock. Nothing is kept on disk,
// nothing is fetched, and nothing is ever sent.
//
// # Paths
//
// /EWS/Exchange.asmx takes SOAP 1.1 by POST, and answers GET with a page once one is
// logged in. /autodiscover/autodiscover.xml is the older autodiscovery (POX): EWS
// addresses for both protocols, or Config.Redirect. /_sim is the simulator's own door;
// it asks for no password and is not counted:
//
//	GET    /_sim/dump    the state, see Server.Dump
//	GET    /_sim/counts  how often what came, see Server.Counts
//	DELETE /_sim/counts  count anew
//	GET    /_sim/faults  the scripts in force, and how often each struck
//	POST   /_sim/faults  a script or a list of them; below
//	POST   /_sim/chaos   odds; below
//	DELETE /_sim/faults  calm again, scripts and odds
//	POST   /_sim/sync    all sync states become ErrorInvalidSyncStateData
//
// # Operations
//
//	GetFolder             by id or distinguished name, of one's own or another's mailbox
//	FindFolder            Shallow and Deep, with a restriction and pages
//	CreateFolder          below any folder
//	DeleteFolder          for good, or to the deleted items; not the distinguished ones
//	SyncFolderHierarchy   below msgfolderroot or another folder
//	FindItem              Shallow; other traversals find nothing. Restriction, SortOrder,
//	                      IndexedPageItemView from either end; MIME contents, bodies and
//	                      attachments are ErrorInvalidPropertyForOperation
//	GetItem               MIME contents up to Config.MaxResponse, then ErrorMessageSizeExceeded
//	CreateItem            from MIME content, or from subject, body and recipients; SaveOnly
//	UpdateItem            read flag, categories, importance, subject, extended properties;
//	                      the three ways to resolve conflicts
//	MoveItem              answers with the new ids within a mailbox
//	CopyItem              the same
//	DeleteItem            SoftDelete, and a second deletion, hide in recoverableitemsdeletions
//	SyncFolderItems       what changed since a state: Create, Update, Delete, ReadFlagChange
//	GetAttachment         files, and mails with their MIME content, however deep
//	ConvertId             between all formats; the mailbox of the answer is that of the id
//	ResolveNames          by a part of the address
//	GetUserConfiguration  finds none
//	GetServerTimeZones    UTC
//
// Others are ErrorInvalidRequest. Required elements, known names of fields and values
// of attributes are checked (ErrorSchemaValidation in a SOAP fault, with the place);
// the order of elements is not. What a later schema has is ErrorIncorrectSchemaVersion
// when the server knows that schema and ErrorSchemaValidation when it does not
// (inferred); a schema that the server does not know is ErrorInvalidServerVersion.
// Restrictions: And, Or, Not, Exists, Contains, Excludes and the six comparisons, by
// FieldURI and ExtendedFieldURI, with constants and other fields; texts are compared
// without regard to case.
//
// Items have the extended properties that mail programs ask for by tag (0x0e23 and so
// on: the UID of IMAP, flags, size, times) and those that were set.
//
// Not simulated: calendars beyond the items as such, sending, notifications, search by
// words (QueryString), grouping, permissions of single folders, archives, public
// folders, delegates as Exchange has them.
//
// # Who may do what
//
// A user logs in with any spelling of the account: DOMAIN\user, user@domain, the bare
// user name, or the address of a mailbox that is his; without regard to case. A
// spelling with a domain fits an account with a domain when they are equal or one is
// the first label of the other (CORP and corp.example); it fits every account without
// a domain. A spelling that fits several accounts is none, unless it is written like
// one of them. All this holds for Basic and for NTLM.
//
// A user sees the mailboxes he owns and those of Config.Delegates; others are
// ErrorAccessDenied, and unknown ones ErrorNonExistentMailbox. Config.Impersonators
// act as the owner of any mailbox, by its address or his principal name; others get
// ErrorImpersonateUserDenied.
//
// NTLM is version 2 (MS-NLMP), in the schemes NTLM and Negotiate, where it stands as
// it is. The challenge has a time, so that a MIC over the three messages and that time
// are required, unless Config.OldClients. Channel bindings (RFC 5929,
// tls-server-end-point) are checked against Config.Certificate as Config.Protection
// says. Server.Counts says why a login was refused, which the client is never told.
//
// # Faults
//
// A script strikes the requests that are logged in and fit, by operation and item. It
// lets after of them pass and strikes the next times (1; below 0 always). What it does:
//
//	503               and any other status from 400 to 599, without doing anything; with
//	                  retry_after in seconds, the header
//	503-after         the same when all has been done
//	ErrorServerBusy   and any other code of EWS: in all response messages, without doing
//	                  anything; with back_off in milliseconds, and odd for the namespace
//	                  of errors. With item, in the response message of that item or
//	                  folder alone, by the id or distinguished name in the request
//	ErrorX-after      the same when all has been done
//	ErrorX-fault      the same in a SOAP fault with status 500, without doing anything
//	cut               done, and the connection is cut without an answer
//	cut-before        not done, and cut
//	truncated         done, and half of the answer before the connection is cut
//	truncated-xml     done, and half of the answer as if it were all
//	garbage           done, and bytes in the answer that are no XML
//	html              not done, and a proxy's page with status 502
//	html-200          not done, and a login page with status 200
//	slow              done, and the answer after delay (1s)
//	slow-body         done, and the body in eight pieces over delay
//	gzip              done, and compressed when the client takes that
//	chunked           done, and in chunks, without a length
//	reset-login       not done: 401 though logged in, and NTLM has to begin anew
//
// Examples, and odds by a seed for all operations:
//
//	[{"operation":"MoveItem","what":"cut"},
//	 {"operation":"GetItem","item":"AAMk…","what":"ErrorMimeContentConversionFailed","times":-1},
//	 {"what":"ErrorServerBusy-fault","back_off":1500,"after":3,"times":2}]
//
//	{"seed":7,"rate":0.2,"kinds":["503","ErrorServerBusy","cut"]}
package ewssim
