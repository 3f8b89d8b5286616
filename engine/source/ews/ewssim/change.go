package ewssim

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// onlyID is the shape of what an item has become.
var onlyID = &shape{base: byID}

// moveItem gives items another folder and other ids.
func (s *Server) moveItem(c *call) ([]result, error) { return s.transfer(c, s.store.move) }

// copyItem leaves them where they are.
func (s *Server) copyItem(c *call) ([]result, error) { return s.transfer(c, s.store.copy) }

// transfer answers with the new ids, unless it is asked not to.
func (s *Server) transfer(c *call, do func(*item, *folder, time.Time) *item) ([]result, error) {
	to, toErr := s.target(c, "ToFolderId")
	if bad := whole(toErr); bad != nil {
		return nil, bad
	}
	ids := true
	if n := c.body.kid("ReturnNewItemIds"); n != nil {
		if err := s.since(c, n, schemaOf("Exchange2010_SP1")); err != nil {
			return nil, err
		}
		is, ok := truth(n.value())
		if !ok {
			return nil, badValue(n, "ReturnNewItemIds", n.value(), "boolean")
		}
		ids = is
	}
	return s.items(c, func(it *item, _ *node) result {
		switch {
		case toErr != nil:
			return result{err: toErr}
		case to.known == "root" || to.known == "searchfolders":
			return result{err: fail("ErrorMoveCopyFailed")}
		}
		within := to.box == it.folder.box
		moved := do(it, to, c.now)
		if !ids || !within { // another mailbox's ids are not told
			return result{inner: []byte("<m:Items/>")}
		}
		return result{inner: s.oneItem(c, moved, onlyID)}
	})
}

// deleteItem removes items, or moves them to the deleted ones.
func (s *Server) deleteItem(c *call) ([]result, error) {
	how, err := disposal(c.body)
	if err != nil {
		return nil, err
	}
	if c.body.has("SuppressReadReceipts") {
		if err := s.since(c, c.body, schema2013SP1); err != nil {
			return nil, err
		}
	}
	return s.items(c, func(it *item, _ *node) result {
		bin := it.folder.box.known["deleteditems"]
		switch {
		case how == "HardDelete":
			s.store.take(it)
		case how == "SoftDelete" || it.folder.within(bin):
			s.store.move(it, it.folder.box.known["recoverableitemsdeletions"], c.now)
		default:
			s.store.move(it, bin, c.now)
		}
		return result{}
	})
}

var (
	resolutions  = []string{"NeverOverwrite", "AutoResolve", "AlwaysOverwrite"}
	dispositions = []string{"SaveOnly", "SendOnly", "SendAndSaveCopy", ""}
)

// updateItem changes items. Each change is taken whole or not at all.
func (s *Server) updateItem(c *call) ([]result, error) {
	resolution := c.body.attr("ConflictResolution")
	switch {
	case !slices.Contains(resolutions, resolution):
		return nil, badValue(c.body, "ConflictResolution", resolution, "ConflictResolutionType")
	case !slices.Contains(dispositions, c.body.attr("MessageDisposition")):
		return nil, badValue(c.body, "MessageDisposition", c.body.attr("MessageDisposition"), "MessageDispositionType")
	}
	if c.body.has("SuppressReadReceipts") {
		if err := s.since(c, c.body, schema2013SP1); err != nil {
			return nil, err
		}
	}
	changes, err := c.body.want("ItemChanges")
	if err != nil {
		return nil, err
	}
	if len(changes.kids) == 0 {
		return nil, invalid(changes, "The element 'ItemChanges' has incomplete content.")
	}
	var plans []*plan
	for _, n := range changes.kids { // the schema is checked before anything is done
		p, err := s.plan(c, n)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	var all []result
	for _, p := range plans { // nothing that is asked for makes an answer large
		all = append(all, s.carryOut(c, p, resolution))
	}
	return all, nil
}

// plan is an ItemChange that has been read.
type plan struct {
	id    *node
	steps []step
}

// step changes one property.
type step struct {
	what string // URI, or the key of an extended property
	same func(*item) bool
	do   func(*item)
	err  error // of this item alone
}

func (s *Server) plan(c *call, n *node) (*plan, error) {
	id, err := n.want("ItemId")
	if err != nil {
		return nil, err
	}
	updates, err := n.want("Updates")
	if err != nil {
		return nil, err
	}
	p := &plan{id: id}
	for _, u := range updates.kids {
		if len(u.kids) == 0 {
			return nil, invalid(u, "The element '"+u.name+"' in namespace '"+u.space+"' has incomplete content.")
		}
		st, err := s.step(c, u)
		if err != nil {
			return nil, err
		}
		p.steps = append(p.steps, st)
	}
	return p, nil
}

func (s *Server) step(c *call, u *node) (step, error) {
	uri := u.kids[0]
	switch uri.name {
	case "FieldURI":
		if err := s.checkURI(c, uri); err != nil {
			return step{}, err
		}
	case "ExtendedFieldURI":
		if err := checkExtended(uri); err != nil {
			return step{}, unwrap(err)
		}
	case "IndexedFieldURI":
		if err := checkIndexed(uri); err != nil {
			return step{}, err
		}
	default:
		return step{}, unexpected(u, uri)
	}
	switch u.name {
	case "SetItemField":
		if len(u.kids) != 2 || len(u.kids[1].kids) != 1 {
			return step{}, invalid(u, "The element 'SetItemField' has to have a property and an item with its value.")
		}
		return setting(uri, u.kids[1].kids[0])
	case "DeleteItemField":
		return removal(uri), nil
	case "AppendToItemField":
		return step{err: fail("ErrorInvalidPropertyAppend")}, nil
	}
	return step{}, unexpected(&node{name: "Updates", space: nsTypes}, u)
}

// setting is a SetItemField.
func setting(uri, value *node) (step, error) {
	if uri.name == "ExtendedFieldURI" {
		return extendedSetting(uri, value), nil
	}
	name := uri.attr("FieldURI")
	st := step{what: name}
	switch name {
	case "message:IsRead":
		is, ok := truth(value.value())
		if !ok {
			return st, badValue(value, "IsRead", value.value(), "boolean")
		}
		st.same = func(it *item) bool { return it.read == is }
		st.do = func(it *item) { it.read = is }
	case "item:Categories":
		var list []string
		for _, k := range value.kids {
			list = append(list, k.value())
		}
		st.same = func(it *item) bool { return slices.Equal(it.categories, list) }
		st.do = func(it *item) { it.categories = list }
	case "item:Importance":
		if !slices.Contains([]string{"Low", "Normal", "High"}, value.value()) {
			return st, badValue(value, "Importance", value.value(), "ImportanceChoicesType")
		}
		st.same = func(it *item) bool { return it.weight() == value.value() }
		st.do = func(it *item) { it.importance = value.value() }
	case "item:Subject":
		st.same = func(it *item) bool { return it.title() == value.value() }
		st.do = func(it *item) { it.subject = value.value() }
	case "item:Flag", "item:ReminderIsSet", "item:ReminderDueBy", "item:Sensitivity":
		st.same, st.do = func(*item) bool { return true }, func(*item) {} // taken, and not kept
	default:
		st.err = fail("ErrorInvalidPropertySet")
	}
	return st, nil
}

func removal(uri *node) step {
	switch {
	case uri.name == "ExtendedFieldURI":
		key := propertyKey(uri)
		return step{what: key, same: func(it *item) bool { _, has := it.props[key]; return !has }, do: func(it *item) { delete(it.props, key) }}
	case uri.attr("FieldURI") == "item:Categories":
		return step{what: "item:Categories", same: func(it *item) bool { return len(it.categories) == 0 }, do: func(it *item) { it.categories = nil }}
	}
	return step{err: fail("ErrorInvalidPropertyDelete")}
}

func extendedSetting(uri, value *node) step {
	key := propertyKey(uri)
	p := readProperty(uri, value)
	st := step{what: key}
	st.same = func(it *item) bool {
		have, ok := it.props[key]
		return ok && have.value == p.value && slices.Equal(have.values, p.values)
	}
	st.do = func(it *item) {
		if it.props == nil {
			it.props = map[string]property{}
		}
		it.props[key] = p
	}
	if number, _ := tag(uri); uri.has("PropertyTag") && number == 0x0e07 { // a draft that is none any more
		flags := p.value
		st.do = func(it *item) { it.draft = strings.TrimSpace(flags) == "8" }
	}
	return st
}

// readProperty reads an ExtendedProperty.
func readProperty(uri, n *node) property {
	p := property{uri: uri, value: n.kid("Value").value()}
	if list := n.kid("Values"); list != nil {
		p.array = true
		for _, v := range list.kids {
			p.values = append(p.values, v.value())
		}
	}
	return p
}

// carryOut does what is planned, if nobody did the like since the client looked.
func (s *Server) carryOut(c *call, p *plan, resolution string) result {
	it, err := s.itemOf(c, p.id)
	if struck := c.struck(p.id.attr("Id")); struck != nil {
		err = struck
	}
	if err == nil && asMessage(elementOf(it.class)) && c.body.attr("MessageDisposition") == "" {
		err = fail("ErrorMessageDispositionRequired")
	}
	if err != nil {
		return result{err: err}
	}
	for _, st := range p.steps {
		if st.err != nil {
			return result{err: st.err}
		}
	}
	if err := conflict(it, p, resolution); err != nil {
		return result{err: err}
	}
	for _, st := range p.steps {
		if !st.same(it) || st.what != "message:IsRead" {
			st.do(it)
			s.store.touch(it, st.what, c.now)
		}
	}
	x := s.text()
	x.Write(s.oneItem(c, it, onlyID))
	x.begin("m:ConflictResults")
	x.leaf("t:Count", "0")
	x.end()
	return result{inner: x.Bytes()}
}

// conflict tells whether a change key is too old. AutoResolve bears changes of
// other properties, and of the same one to the same value.
func conflict(it *item, p *plan, resolution string) error {
	if resolution == "AlwaysOverwrite" {
		return nil
	}
	if p.id.attr("ChangeKey") == "" {
		return fail("ErrorChangeKeyRequiredForWriteOperations")
	}
	seen, _ := changeOf(p.id.attr("ChangeKey"))
	for _, st := range p.steps {
		if seen < it.changed && (resolution == "NeverOverwrite" || it.touched[st.what] > seen && !st.same(it)) {
			return fail("ErrorIrresolvableConflict")
		}
	}
	return nil
}

// createItem stores items: from MIME content, or from a subject and a body.
func (s *Server) createItem(c *call) ([]result, error) {
	list, err := c.body.want("Items")
	if err != nil {
		return nil, err
	}
	if how := c.body.attr("MessageDisposition"); !slices.Contains(dispositions, how) {
		return nil, badValue(c.body, "MessageDisposition", how, "MessageDispositionType")
	}
	f, toErr, err := s.saved(c)
	if err != nil {
		return nil, err
	}
	var all []result
	for _, n := range list.kids {
		if toErr != nil {
			all = append(all, result{err: toErr})
			continue
		}
		it, err := s.build(c, n)
		if err == nil && asMessage(elementOf(it.class)) && c.body.attr("MessageDisposition") == "" {
			err = fail("ErrorMessageDispositionRequired")
		}
		if err != nil {
			all = append(all, result{err: err})
			continue
		}
		s.store.add(f, it)
		all = append(all, result{inner: s.oneItem(c, it, onlyID)})
	}
	return all, nil
}

// saved is the folder for new items: drafts when none is said. Nothing is ever
// sent from here.
func (s *Server) saved(c *call) (f *folder, item, request error) {
	switch c.body.attr("MessageDisposition") {
	case "SendOnly", "SendAndSaveCopy":
		return nil, fail("ErrorSendAsDenied"), nil
	}
	n := c.body.kid("SavedItemFolderId")
	if n == nil {
		n = &node{name: "SavedItemFolderId", kids: []*node{{name: "DistinguishedFolderId", attrs: attributes("Id", "drafts")}}}
	}
	if len(n.kids) != 1 {
		return nil, nil, invalid(n, "The element 'SavedItemFolderId' has to have one id.")
	}
	f, item = s.folderOf(c, n.kids[0])
	return f, item, whole(item)
}

func (s *Server) build(c *call, n *node) (*item, error) {
	it := &item{class: classOf(n), stored: c.now, modified: c.now, received: c.now, draft: true, props: map[string]property{}}
	if content := n.kid("MimeContent"); content != nil {
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(content.text)), ""))
		if err != nil {
			return nil, fail("ErrorMimeContentInvalidBase64String")
		}
		it.raw = raw
	} else {
		it.raw = composed(n)
	}
	it.mail = read(it.raw)
	if is, ok := truth(n.kid("IsRead").value()); ok {
		it.read = is
	} else {
		it.read = true // as drafts are
	}
	for _, k := range n.kid("Categories").all() {
		it.categories = append(it.categories, k.value())
	}
	for _, k := range n.kids {
		if uri := k.kid("ExtendedFieldURI"); k.name == "ExtendedProperty" && uri != nil {
			if err := checkExtended(uri); err != nil {
				return nil, unwrap(err)
			}
			extendedSetting(uri, k).do(it)
		}
	}
	return it, nil
}

// classOf is the class of a new item: what it says, or what its element says.
func classOf(n *node) string {
	if said := n.kid("ItemClass").value(); said != "" {
		return said
	}
	for _, c := range classes {
		if c.element == "t:"+n.name {
			return c.class
		}
	}
	return "IPM.Note"
}

// composed makes a mail of the properties of a new item.
func composed(n *node) []byte {
	x := &strings.Builder{}
	for _, k := range []struct{ header, element string }{{"From", "From"}, {"To", "ToRecipients"}, {"Cc", "CcRecipients"}} {
		var list []string
		for _, box := range n.kid(k.element).all() {
			list = append(list, oneLine(box.kid("EmailAddress").value()))
		}
		if len(list) > 0 {
			x.WriteString(k.header + ": " + strings.Join(list, ", ") + "\r\n")
		}
	}
	x.WriteString("Subject: " + encoded(oneLine(n.kid("Subject").value())) + "\r\nMIME-Version: 1.0\r\n")
	kind := "text/plain"
	if n.kid("Body").attr("BodyType") == "HTML" {
		kind = "text/html"
	}
	x.WriteString("Content-Type: " + kind + "; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	if body := n.kid("Body"); body != nil {
		x.WriteString(lines64(body.text))
	}
	return []byte(x.String())
}
