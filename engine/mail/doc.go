// Package mail turns the raw bytes of a mail into an engine.Message.
//
// # The idea
//
// One pass over the lines finds the structure (scan.go): where each header and
// each body begins and ends, and nothing else. enmime then reads a skeleton of
// the message (skeleton.go): the headers of its parts between boundaries of our
// own, with nothing in them; what each part is, its type, parameters, disposition,
// charset, content id and file name, is what enmime makes of that, mended where
// it loses what a client shows (entity.go). A second pass decodes the leaves in
// document order (leaf.go), hashes them, and keeps the large ones in a file.
// Everything that makes a message, from addresses to forwards, is computed from
// these, in memory, in an order in which nothing is needed before it is known
// (builder.go). A message of any size is read in two passes of constant memory;
// one that fits into a quarter of Limits.Memory is read once, and its leaves are
// slices of it.
//
// # What can go wrong
//
// Nothing that is in the bytes: whatever they are, Parse returns a total Message
// and says in Defects what was wrong. A cap that fires is a Defect with Cap set,
// and what lies beyond it is not looked at; the rest is. An error means that the
// bytes could not be read, that a temporary file could not be written, or that
// the context has ended: the mail may be tried again.
//
// Time is linear in the size of the message. Limits bound the rest: the bytes of
// a header and of a field, parameters, parts, the depth of multiparts and of
// messages in each other. A multipart below the depth cap is one leaf.
//
// # How it reads
//
// As the mail programs of its readers do, where they agree, and otherwise so
// that nothing stays hidden: senders break the rules in order to show a person
// what a filter does not see. Bodies are kept apart from what is attached
// (roleOf), digests are those of the bytes as they were sent before any charset
// is converted, and file names are kept twice, as sent and as may be shown.
//
// Why the structure and the bodies are not enmime's as well: it would hold every
// body in memory, convert the charset of attachments before they are hashed, drop
// one with a stray character in its base64, and take a boundary anywhere in a
// line for one; and its time is quadratic in parts, depth and parameters
// (TestWhereEnmimeLosesEvidence, TestHostileMessagesEndSoonWithADefect). Parts
// are paired by number, so that two parsers that disagree are no hole: a part
// that enmime does not give back is read by the pre-scan, with a defect. Tests
// compare the whole with enmime and with Python's email package.
//
// # What it never does
//
// It opens no attachment beyond a look at its edges, follows no link, resolves
// no name, knows no rules and no clock.
package mail
