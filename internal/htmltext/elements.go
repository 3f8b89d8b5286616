package htmltext

import "golang.org/x/net/html/atom"

// kind is what an element does to the layout.
type kind struct {
	gap, after gap
	void       bool // has no content
	raw        bool // its content is no text, or text that nobody sees
	block      bool // ends an open paragraph
	scope      bool // end tags inside do not reach beyond it
	table      bool // its own end tag does
	image      bool // shows something that is not text
}

var (
	blockKind = kind{gap: newline, after: newline, block: true}
	lineKind  = kind{gap: newline, after: newline}
	rawKind   = kind{raw: true}
	voidKind  = kind{void: true}
)

// kinds lists the elements that are not simply inline.
var kinds = map[atom.Atom]kind{
	atom.Address: blockKind, atom.Article: blockKind, atom.Aside: blockKind, atom.Blockquote: blockKind, atom.Center: blockKind,
	atom.Details: blockKind, atom.Dialog: blockKind, atom.Dir: blockKind, atom.Div: blockKind, atom.Dl: blockKind, atom.Dd: blockKind,
	atom.Dt: blockKind, atom.Fieldset: blockKind, atom.Figcaption: blockKind, atom.Figure: blockKind, atom.Footer: blockKind,
	atom.Form: blockKind, atom.H1: blockKind, atom.H2: blockKind, atom.H3: blockKind, atom.H4: blockKind, atom.H5: blockKind,
	atom.H6: blockKind, atom.Header: blockKind, atom.Hgroup: blockKind, atom.Li: blockKind, atom.Listing: blockKind,
	atom.Main: blockKind, atom.Menu: blockKind, atom.Nav: blockKind, atom.Ol: blockKind, atom.P: blockKind, atom.Pre: blockKind,
	atom.Section: blockKind, atom.Summary: blockKind, atom.Ul: blockKind, atom.Xmp: blockKind, atom.Plaintext: blockKind,

	atom.Body: lineKind, atom.Html: lineKind, atom.Option: lineKind, atom.Optgroup: lineKind, atom.Legend: lineKind,
	atom.Select: lineKind, atom.Textarea: lineKind, atom.Noscript: lineKind,

	atom.Table:   {gap: newline, after: newline, block: true, scope: true, table: true},
	atom.Caption: {gap: newline, after: newline, scope: true, table: true},
	atom.Tr:      {gap: newline, after: newline, table: true},
	atom.Tbody:   {gap: newline, after: newline, table: true},
	atom.Thead:   {gap: newline, after: newline, table: true},
	atom.Tfoot:   {gap: newline, after: newline, table: true},
	atom.Td:      {gap: tab, after: tab, scope: true, table: true},
	atom.Th:      {gap: tab, after: tab, scope: true, table: true},

	atom.Br: {gap: newline, void: true}, atom.Hr: {gap: newline, after: newline, void: true, block: true},
	atom.Img: {void: true, image: true}, atom.Input: {void: true, image: true}, atom.Embed: {void: true, image: true},
	atom.Area: voidKind, atom.Base: voidKind, atom.Col: voidKind, atom.Frame: voidKind, atom.Link: voidKind, atom.Meta: voidKind,
	atom.Param: voidKind, atom.Source: voidKind, atom.Track: voidKind, atom.Wbr: voidKind, atom.Basefont: voidKind, atom.Bgsound: voidKind,

	atom.Script: rawKind, atom.Style: rawKind, atom.Title: rawKind,
	atom.Iframe: {raw: true, scope: true}, atom.Noembed: {raw: true, scope: true}, atom.Noframes: {raw: true, scope: true},

	atom.Object: {scope: true, image: true}, atom.Marquee: {scope: true}, atom.Applet: {scope: true}, atom.Template: {scope: true},
	atom.Button: {gap: space, after: space}, atom.Video: {image: true}, atom.Audio: {image: true}, atom.Svg: {image: true},
	atom.Canvas: {image: true},
}
