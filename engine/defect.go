package engine

import "fmt"

// Defect is something wrong with a message. It is data: the message goes on.
type Defect struct {
	Code   string `json:"code"`             // one of the constants below, stable
	Part   string `json:"part,omitempty"`   // where: MIME path, header name, or ""
	Detail string `json:"detail,omitempty"` // in words, without content of the mail beyond a short excerpt
	Cap    bool   `json:"cap,omitempty"`    // a limit fired: what lies beyond it was not looked at
}

func (d Defect) String() string {
	s := d.Code
	if d.Part != "" {
		s += " at " + d.Part
	}
	if d.Detail != "" {
		s += ": " + d.Detail
	}
	return s
}

// Codes of defects. Adapters may add their own with a prefix and a dash.
const (
	DefectEmpty          = "empty-message"
	DefectNotMail        = "not-a-mail"
	DefectMessageSize    = "cap-message-size"
	DefectHeaderSize     = "cap-header-size"
	DefectFieldSize      = "cap-header-field-size"
	DefectParams         = "cap-parameters"
	DefectDepth          = "cap-depth"
	DefectNesting        = "cap-nesting"
	DefectParts          = "cap-parts"
	DefectText           = "cap-text-size"
	DefectLinks          = "cap-links"
	DefectFindings       = "cap-findings"
	DefectItems          = "cap-items"
	DefectHTMLDepth      = "cap-html-depth"
	DefectCharset        = "unknown-charset"
	DefectEncoding       = "bad-transfer-encoding"
	DefectEncodedWord    = "bad-encoded-word"
	DefectBoundary       = "bad-boundary"
	DefectHeader         = "bad-header"
	DefectAddress        = "bad-address"
	DefectDate           = "bad-date"
	DefectName           = "unsafe-file-name"
	DefectExtractor      = "extractor-failed"
	DefectEvaluate       = "condition-failed"
	DefectEntry          = "broken-archive-entry"
	DefectUnknownExtract = "unknown-extractor"
	DefectSections       = "no-sections" // a rule splits the mail, and there is nothing to split it at

	DefectLocked       = "locked"                // no candidate opened it
	DefectUnreadable   = "unreadable-attachment" // of a known format, and not readable as that
	DefectUnsupported  = "unsupported-format"    // known, and this build cannot read it
	DefectLying        = "lying-attachment"      // sizes, names or checksums that contradict each other
	DefectMemberPath   = "unsafe-member-path"    // .., absolute, or a link out of its container
	DefectUnpackSize   = "cap-unpacked-size"
	DefectRatio        = "cap-compression-ratio"
	DefectMembers      = "cap-members"
	DefectPasswordWork = "cap-password-work"
	DefectUnpackTime   = "cap-unpack-time"
	DefectUnpackMemory = "cap-unpack-memory"
	DefectUnpackCrash  = "unpacker-crashed"
)

// Limits are the caps on one message, spent by every layer that handles it.
// The zero value of a field means its default.
type Limits struct {
	Message     int64 // bytes of a raw message; 512 MiB
	Header      int   // bytes of one header block; 1 MiB
	Field       int   // bytes of one header field; 64 KiB
	Params      int   // parameters of one header field; 200
	Depth       int   // multipart nesting of one message; 20
	Nesting     int   // messages and archives inside each other; 8
	Parts       int   // leaves and multiparts of one message; 1,000
	Leaf        int   // bytes above which a leaf is spooled; 1 MiB
	Text        int   // bytes of one text that is projected or scanned; 8 MiB
	HTMLDepth   int   // open elements; 512
	Links       int   // links of one text; 10,000
	Findings    int   // indicators of one item; 10,000
	Items       int   // items of one delivered mail; 200
	Memory      int64 // bytes of leaves held in memory per message; 16 MiB
	ConditionOp int   // fuel of one condition, in steps; 2,000,000

	Unpacked     int64 // bytes that come out of the attachments of one mail, of all layers together; 256 MiB
	Members      int   // members of containers of one mail; 2,000
	PasswordWork int64 // what trying passwords on one mail may cost, in units of 10 microseconds of work; 500,000
}

// WithDefaults fills the fields that are zero.
func (l Limits) WithDefaults() Limits {
	def := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	if l.Message <= 0 {
		l.Message = 512 << 20
	}
	if l.Memory <= 0 {
		l.Memory = 16 << 20
	}
	if l.Unpacked <= 0 {
		l.Unpacked = 256 << 20
	}
	if l.PasswordWork <= 0 {
		l.PasswordWork = 500_000
	}
	def(&l.Members, 2000)
	def(&l.Header, 1<<20)
	def(&l.Field, 64<<10)
	def(&l.Params, 200)
	def(&l.Depth, 20)
	def(&l.Nesting, 8)
	def(&l.Parts, 1000)
	def(&l.Leaf, 1<<20)
	def(&l.Text, 8<<20)
	def(&l.HTMLDepth, 512)
	def(&l.Links, 10_000)
	def(&l.Findings, 10_000)
	def(&l.Items, 200)
	def(&l.ConditionOp, 2_000_000)
	return l
}

// LimitDefect is the defect of a cap that fired.
func LimitDefect(code, part, format string, args ...any) Defect {
	return Defect{Code: code, Part: part, Detail: fmt.Sprintf(format, args...), Cap: true}
}

// Budget is what opening the attachments of one mail may still cost. It counts
// units, never seconds, so that a verdict does not depend on the machine. It is
// for one goroutine.
type Budget struct {
	Bytes   int64 `json:"bytes"`   // that may still come out of containers and streams
	Members int   `json:"members"` // of containers
	Work    int64 `json:"work"`    // units of Limits.PasswordWork
	Text    int   `json:"text"`    // bytes of text that may still be read
	Depth   int   `json:"depth"`   // containers inside each other, from the part that is opened; not used up
	Breaks  int   `json:"breaks"`  // readers that may still break: spin, eat memory or crash
}

// Budget is a fresh one.
func (l Limits) Budget() *Budget {
	return &Budget{Bytes: l.Unpacked, Members: l.Members, Work: l.PasswordWork, Text: 4 * l.Text, Depth: l.Nesting, Breaks: 3}
}
