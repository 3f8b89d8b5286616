package ewssim

import (
	"slices"
	"strconv"
	"strings"
)

// folderField is a property of a folder.
type folderField struct {
	uri   string
	value func(*folder) any
	write func(*Server, *text, *folder)
	shape shapes
}

// extendedHere is no URI, but the place of the extended properties.
const extendedHere = "extended"

// Fields of folders in the order of the schema.
var folderFields = []folderField{
	{uri: "folder:FolderId", write: func(s *Server, x *text, f *folder) { x.leaf("t:FolderId", "", s.folderID(f)...) }, shape: byID},
	{uri: "folder:ParentFolderId", write: func(s *Server, x *text, f *folder) {
		if f.parent != nil {
			x.leaf("t:ParentFolderId", "", s.folderID(f.parent)...)
		}
	}, shape: byAll},
	{uri: "folder:FolderClass", value: func(f *folder) any { return word(f.class) }, shape: byAll},
	{uri: "folder:DisplayName", value: func(f *folder) any { return f.name }, shape: byBasic},
	{uri: "folder:TotalCount", value: func(f *folder) any { return len(f.items) }, shape: byBasic},
	{uri: "folder:ChildFolderCount", value: func(f *folder) any { return len(f.kids) }, shape: byBasic},
	{uri: extendedHere},
	{uri: "folder:ManagedFolderInformation"},
	{uri: "folder:EffectiveRights", write: func(_ *Server, x *text, _ *folder) { writeRights(x) }, shape: byAll},
	{uri: "folder:DistinguishedFolderId", value: func(f *folder) any { return word(f.known) }},
	{uri: "folder:PolicyTag"},
	{uri: "folder:ArchiveTag"},
	{uri: "folder:ReplicaList"},
	{uri: "folder:SearchParameters"},
	{uri: "folder:SharingEffectiveRights"},
	{uri: "folder:PermissionSet"},

	{uri: "folder:UnreadCount", value: func(f *folder) any { return f.unread() }, shape: byBasic},
}

// folderElements by the class of the folder; others are t:Folder, which alone has
// a count of unread items.
var folderElements = map[string]string{
	"IPF.Appointment": "t:CalendarFolder", "IPF.Contact": "t:ContactsFolder", "IPF.Task": "t:TasksFolder",
}

func (s *Server) renderFolder(x *text, f *folder, sh *shape) {
	element := "t:Folder"
	if special := folderElements[f.class]; special != "" {
		element = special
	}
	if f.parent != nil && f.parent.known == "searchfolders" {
		element = "t:SearchFolder"
	}
	x.begin(element)
	for _, field := range folderFields {
		switch {
		case field.uri == extendedHere:
			s.folderProperties(x, f, sh)
		case !sh.uris[field.uri] && (field.shape == byName || field.shape < sh.base):
		case field.uri == "folder:UnreadCount" && element == "t:ContactsFolder":
		case field.uri == "folder:UnreadCount" && element == "t:CalendarFolder":
		case field.write != nil:
			field.write(s, x, f)
		case field.value != nil:
			writeValue(x, "t:"+strings.TrimPrefix(field.uri, "folder:"), field.value(f))
		}
	}
	x.end()
}

func (s *Server) folderProperties(x *text, f *folder, sh *shape) {
	for _, uri := range sh.extra {
		value := folderProperty(f, uri)
		if value == nil {
			continue
		}
		x.begin("t:ExtendedProperty")
		var attrs []string
		for _, a := range uri.attrs {
			attrs = append(attrs, a.Name.Local, a.Value)
		}
		x.leaf("t:ExtendedFieldURI", "", attrs...)
		writeValue(x, "t:Value", value)
		x.end()
	}
}

// folderProperty is an extended property of a folder: those of mail programs that
// list folders.
func folderProperty(f *folder, uri *node) any {
	number, _ := tag(uri)
	if !uri.has("PropertyTag") {
		return nil
	}
	switch number {
	case 0x3001: // name
		return f.name
	case 0x3613: // class
		return word(f.class)
	case 0x3602: // items
		return len(f.items)
	case 0x3603: // unread items
		return f.unread()
	case 0x360a: // has folders
		return len(f.kids) > 0
	case 0x6638, 0x6670: // UIDs and their validity
		return nil
	case 0x6751: // the next UID
		return f.nextUID
	case 0x670a: // the last change
		return int(f.changed)
	case 0x66bd, 0x10f4: // hidden
		return false
	}
	return nil
}

func (s *Server) getFolder(c *call) ([]result, error) {
	sh, err := s.wantShape(c, "FolderShape")
	if err != nil {
		return nil, err
	}
	return s.parents(c, "FolderIds", func(f *folder) result {
		x := s.text()
		x.begin("m:Folders")
		s.renderFolder(x, f, sh)
		x.end()
		return result{inner: x.Bytes()}
	})
}

func (s *Server) wantShape(c *call, name string) (*shape, error) {
	n, err := c.body.want(name)
	if err != nil {
		return nil, err
	}
	if _, err := n.want("BaseShape"); err != nil {
		return nil, err
	}
	sh, err := s.readShape(c, n)
	if r, ok := err.(*refusal); ok {
		err = r.err
	}
	return sh, err
}

func (s *Server) findFolder(c *call) ([]result, error) {
	sh, err := s.wantShape(c, "FolderShape")
	if err != nil {
		return nil, err
	}
	if t := c.body.attr("Traversal"); !slices.Contains([]string{"Shallow", "Deep", "SoftDeleted"}, t) {
		return nil, badValue(c.body, "Traversal", t, "FolderQueryTraversalType")
	}
	where, err := s.restriction(c, c.body.kid("Restriction"))
	if err != nil {
		return nil, err
	}
	view, err := readView(c.body.kid("IndexedPageFolderView"), 0)
	if err != nil {
		return nil, err
	}
	return s.parents(c, "ParentFolderIds", func(parent *folder) result {
		var all []*folder
		switch c.body.attr("Traversal") {
		case "Shallow":
			all = slices.Clone(parent.kids)
		case "Deep":
			all = parent.below()
		}
		found := slices.DeleteFunc(all, func(f *folder) bool { return !where.holds(folderValues{f}) })
		return result{inner: s.folderPage(found, sh, view)}
	})
}

func (s *Server) folderPage(found []*folder, sh *shape, v view) []byte {
	x := s.text()
	from, to := v.page(len(found))
	v.begin(x, from, to, len(found))
	x.begin("t:Folders")
	for _, f := range found[from:to] {
		s.renderFolder(x, f, sh)
	}
	x.end()
	x.end()
	return x.Bytes()
}

// view is a page of a list.
type view struct {
	offset  int
	max     int  // entries
	fromEnd bool // offset counts from the end, and pages go backwards
	paged   bool // it was asked for
}

// readView reads an IndexedPageItemView or IndexedPageFolderView. most is the
// server's own limit; 0: none.
func readView(n *node, most int) (view, error) {
	v := view{max: most}
	if n == nil {
		return v, nil
	}
	v.paged = true
	var err error
	if n.has("MaxEntriesReturned") {
		limit, bad := strconv.Atoi(n.attr("MaxEntriesReturned"))
		if bad != nil || limit < 1 {
			return v, badValue(n, "MaxEntriesReturned", n.attr("MaxEntriesReturned"), "int")
		}
		if most == 0 || limit < most {
			v.max = limit
		}
	}
	if v.offset, err = strconv.Atoi(n.attr("Offset")); err != nil || v.offset < 0 {
		return v, badValue(n, "Offset", n.attr("Offset"), "int")
	}
	switch n.attr("BasePoint") {
	case "Beginning":
	case "End":
		v.fromEnd = true
	default:
		return v, badValue(n, "BasePoint", n.attr("BasePoint"), "IndexBasePointType")
	}
	return v, nil
}

// page is the part of a list of n that is shown.
func (v view) page(n int) (from, to int) {
	offset := min(v.offset, n)
	size := n
	if v.max > 0 {
		size = v.max
	}
	if v.fromEnd {
		return max(n-offset-size, 0), n - offset
	}
	return offset, min(offset+min(size, n), n)
}

// begin writes the root of a list. The offset of the next page is only told to
// those who asked for a page.
func (v view) begin(x *text, from, to, n int) {
	last := to >= n
	next := to
	if v.fromEnd {
		last, next = from == 0, n-from
	}
	attrs := []string{"TotalItemsInView", strconv.Itoa(n), "IncludesLastItemInRange", boolean(last)}
	if v.paged {
		attrs = append([]string{"IndexedPagingOffset", strconv.Itoa(next)}, attrs...)
	}
	x.begin("m:RootFolder", attrs...)
}

func (s *Server) createFolder(c *call) ([]result, error) {
	parent, err := s.target(c, "ParentFolderId")
	if bad := whole(err); bad != nil {
		return nil, bad
	}
	list, missing := c.body.want("Folders")
	if missing != nil {
		return nil, missing
	}
	var all []result
	for _, n := range list.kids {
		name := n.kid("DisplayName").value()
		switch {
		case err != nil:
			all = append(all, result{err: err})
			continue
		case name == "":
			all = append(all, result{err: fail("ErrorMissingArgument")})
			continue
		case parent.kid(name) != nil:
			all = append(all, result{err: fail("ErrorFolderExists")})
			continue
		}
		all = append(all, s.newFolder(parent, n, name))
	}
	return all, nil
}

func (s *Server) newFolder(parent *folder, n *node, name string) result {
	class := n.kid("FolderClass").value()
	if class == "" {
		class = "IPF.Note"
	}
	f := s.store.newFolder(parent.box, parent, name, class)
	x := s.text()
	x.begin("m:Folders")
	s.renderFolder(x, f, &shape{base: byID})
	x.end()
	return result{inner: x.Bytes()}
}

func (s *Server) deleteFolder(c *call) ([]result, error) {
	how, err := disposal(c.body)
	if err != nil {
		return nil, err
	}
	return s.parents(c, "FolderIds", func(f *folder) result {
		bin := f.box.known["deleteditems"]
		switch {
		case f.known != "":
			return result{err: fail("ErrorDeleteDistinguishedFolder")}
		case how == "MoveToDeletedItems" && !f.within(bin):
			s.store.moveFolder(f, bin)
		default:
			s.store.bury(f)
		}
		return result{}
	})
}

// moveFolder keeps ids, as Exchange does.
func (st *store) moveFolder(f, to *folder) {
	kids := f.parent.kids[:0:0]
	for _, k := range f.parent.kids {
		if k != f {
			kids = append(kids, k)
		}
	}
	f.parent.kids = kids
	f.parent.changed = st.next()
	f.parent, f.changed = to, f.parent.changed
	to.kids = append(to.kids, f)
}

// disposal reads how something is deleted.
func disposal(n *node) (string, error) {
	how := n.attr("DeleteType")
	switch how {
	case "HardDelete", "SoftDelete", "MoveToDeletedItems":
		return how, nil
	}
	return "", badValue(n, "DeleteType", how, "DisposalType")
}
