package unpack

import (
	"context"
	"image"
	"maps"
	"slices"
	"strconv"

	"github.com/tqmailrules/tqmailrules/engine/unpack/agenda"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive"
	"github.com/tqmailrules/tqmailrules/engine/unpack/mails"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office"
	"github.com/tqmailrules/tqmailrules/engine/unpack/pdf"
	"github.com/tqmailrules/tqmailrules/engine/unpack/picture"
	"github.com/tqmailrules/tqmailrules/engine/unpack/sealed"
	"github.com/tqmailrules/tqmailrules/engine/unpack/shortcut"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/engine/unpack/tnef"
)

// reader is a row of the table: what reads a type of file.
type reader struct {
	read      task.Reader
	keyed     func(sealed.Keys, context.Context, *task.Task) error // instead of read: needs private keys
	container bool                                                 // has members: its depth counts
	textOnly  bool                                                 // for members only: the parser of mails reads such attachments itself
}

// readers is the table of types (as package filetype names them) and what reads
// them. A type without a row is shipped as it is.
var readers = table(
	row(reader{read: text, textOnly: true}, "txt", "csv", "tsv", "log", "md", "json", "xml", "py", "pl", "rb", "php", "reg", "inf", "scf", "iqy", "slk", "css",
		"yaml", "yml", "asc", "rdp", "desktop", "url", "website", "sh", "command", "library-ms", "search-ms", "settingcontent-ms", "application", "appinstaller"),
	row(reader{read: scripted, container: true}, "html", "htm", "shtml", "xhtml", "hta", "svg", "js", "jse", "vbs", "vbe", "wsf", "wsh", "sct", "ps1", "psm1", "bat", "cmd"),
	row(reader{read: agenda.Read, container: true}, "ics", "vcf"),
	row(reader{read: shortcut.Read}, "lnk"),
	row(reader{read: mails.Message, container: true}, "msg"),
	row(reader{read: mails.Store, container: true}, "pst"),
	row(reader{read: mails.Mbox, container: true}, "mbox"),
	row(reader{read: tnef.Read, container: true}, "tnef"),
	row(reader{keyed: sealed.Keys.CMS, container: true}, "p7m"),
	row(reader{keyed: sealed.Keys.PGP, container: true}, "pgp"),
	row(reader{read: pdf.Reader(onPage), container: true}, "pdf"),
	row(reader{read: picture.Read}, "png", "jpg", "gif"),
	row(reader{read: office.Read, container: true}, officeTypes...),
	row(reader{read: archive.Zip, container: true}, "zip", "jar", "apk", "kmz", "appx", "epub", "vsdx", "crx"),
	row(reader{read: archive.SevenZip, container: true}, "7z"),
	row(reader{read: archive.RAR, container: true}, "rar"),
	row(reader{read: archive.Disc, container: true}, "iso"),
	row(reader{read: archive.Cabinet, container: true}, "cab"),
	row(reader{read: archive.Tar, container: true}, "tar"),
	row(reader{read: archive.Stream, container: true}, "gz", "bz2", "xz", "zst", "lz", "lzma"),
	row(reader{read: archive.Program, container: true}, "exe", "scr"),
	row(reader{read: archive.Unsupported}, "arj", "lzh", "ace", "vhd", "vhdx", "dmg"),
)

// officeTypes have one reader, which looks at the bytes: an encrypted document is
// of the type that its name says, or "ooxml".
var officeTypes = []string{
	"docx", "docm", "dotx", "dotm", "xlsx", "xlsm", "xlsb", "xltx", "xltm", "xlam", "pptx", "pptm", "ppsx", "ppsm", "potx", "potm", "ppam", "sldx", "sldm",
	"doc", "dot", "xls", "xlt", "xla", "xlm", "xlw", "ppt", "pps", "pot", "ppa", "docb", "ooxml", "ole",
	"odt", "ott", "ods", "ots", "odp", "otp", "odg", "rtf",
}

// Kinds lists the types that have a reader, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(readers)) }

type rows map[string]reader

func row(r reader, kinds ...string) rows {
	m := rows{}
	for _, k := range kinds {
		m[k] = r
	}
	return m
}

func table(all ...rows) rows {
	m := rows{}
	for _, rs := range all {
		for k, r := range rs {
			if _, twice := m[k]; twice {
				panic("two readers of " + k)
			}
			m[k] = r
		}
	}
	return m
}

// onPage looks for codes in the pictures of a document.
func onPage(ctx context.Context, t *task.Task, img pdf.Image) error {
	place := "page " + strconv.Itoa(img.Page)
	if img.JPEG != nil {
		picture.Codes(ctx, t, img.JPEG, place) // a picture that cannot be read is no trouble of the document
		return nil
	}
	picture.Look(ctx, t, &image.Gray{Pix: img.Gray, Stride: img.W, Rect: image.Rect(0, 0, img.W, img.H)}, place)
	return nil
}
