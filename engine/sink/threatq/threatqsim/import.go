package threatqsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// fileWork is an import of a file or a text that is neither committed nor
// abandoned.
type fileWork struct {
	id      int64
	from    *node // the attachment; nil: a text
	found   []Indicator
	staged  []int64 // ids of found
	options wire.SessionOptions
	source  *wire.Source
	status  *row
}

// importBody is what POST /imports takes as JSON.
type importBody struct {
	AttachmentID  wire.Int   `json:"attachment_id"`
	Text          string     `json:"text"`
	ContentTypeID wire.Int   `json:"content_type_id"`
	Normalize     *wire.Flag `json:"normalize"`
}

// postImport reads a file, a text, or an upload, and stages what it holds.
func (s *Server) postImport(c *call) answer {
	if isForm(c) {
		return s.postImportForm(c)
	}
	var in importBody
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	content := []byte(in.Text)
	from := s.state.collections["attachments"].objects[int64(in.AttachmentID)]
	switch {
	case from != nil:
		content = from.file.content
	case in.AttachmentID != 0:
		p.add("attachment_id", "The selected attachment_id is invalid.")
	case in.Text == "":
		p.add("text", "The text field is required when attachment_id is not present.")
	}
	if s.checkParsable(in.ContentTypeID, p); len(p) > 0 {
		return p.answer()
	}
	return s.stageFile(c, in, from, content)
}

// postImportForm takes a chunk, and stages the file when the last one is there.
func (s *Server) postImportForm(c *call) answer {
	f, ok := readForm(c)
	if !ok {
		return refuse(http.StatusBadRequest, "The body is no multipart form.")
	}
	p := problems{}
	in := importForm(f, p)
	s.checkParsable(in.ContentTypeID, p)
	_, content, done := s.chunk(f, p)
	switch {
	case len(p) > 0:
		return p.answer()
	case !done:
		return data(http.StatusOK, object{"complete": false})
	}
	return s.stageFile(c, in, nil, content)
}

func importForm(f form, p problems) importBody {
	var in importBody
	for field, into := range map[string]any{"content_type_id": &in.ContentTypeID, "normalize": &in.Normalize} {
		if text := f.fields[field]; text != "" && json.Unmarshal([]byte(`"`+text+`"`), into) != nil {
			p.add(field, "The %s is invalid.", field)
		}
	}
	return in
}

func (s *Server) checkParsable(id wire.Int, p problems) {
	typ := s.state.collections["attachments"].types.byID(int64(id))
	if typ == nil || !slices.Contains(parsableTypes, typ.name) {
		p.add("content_type_id", "The selected content_type_id is invalid.")
	}
}

func (s *Server) stageFile(c *call, in importBody, from *node, content []byte) answer {
	if s.cfg.Extract == nil {
		return refuse(http.StatusNotImplemented, "This simulator was given no extractor.")
	}
	w := &fileWork{id: s.state.nextImport(), from: from, options: wire.SessionOptions{Normalize: in.Normalize}}
	w.found = s.cfg.Extract(c.ctx, strings.ToValidUTF8(string(content), "\uFFFD"))
	for range w.found {
		w.staged = append(w.staged, s.state.nextStaged())
	}
	s.state.imports[w.id] = w
	return data(http.StatusCreated, object{"id": w.id})
}

func (s *Server) work(c *call) *fileWork { return s.state.imports[c.number("id")] }

func (s *Server) getImport(c *call) answer {
	w := s.work(c)
	if w == nil {
		return missing("import")
	}
	return data(http.StatusOK, w.render())
}

func (w *fileWork) render() object {
	o := object{"id": w.id, "indicator_global_status": w.status.number(), "attachment_id": nil, "import_source": nil, "indicator_count": len(w.found)}
	if w.from != nil {
		o["attachment_id"] = w.from.id
	}
	if w.source != nil {
		o["import_source"] = w.source.Name
	}
	return o
}

// putImport sets what goes for all that the import brings.
func (s *Server) putImport(c *call) answer {
	w := s.work(c)
	if w == nil {
		return missing("import")
	}
	var in struct {
		wire.SessionOptions
		ImportSource json.RawMessage `json:"import_source"` // a name, or an object
	}
	if a, ok := decode(c, &in); !ok {
		return a
	}
	p := problems{}
	status := checkRow(s.state.collections["indicators"].statuses, wire.Ref{}, in.IndicatorGlobalStatus, "indicator_global_status", p)
	source := s.importSource(in.ImportSource, p)
	if len(p) > 0 {
		return p.answer()
	}
	if in.Normalize == nil {
		in.Normalize = w.options.Normalize
	}
	w.options, w.source, w.status = in.SessionOptions, source, status
	return data(http.StatusOK, w.render())
}

func (s *Server) importSource(raw json.RawMessage, p problems) *wire.Source {
	if raw == nil || string(raw) == "null" {
		return nil
	}
	src := &wire.Source{}
	if json.Unmarshal(raw, &src.Name) != nil && json.Unmarshal(raw, src) != nil {
		p.add("import_source", "The import_source is invalid.")
		return nil
	}
	s.checkSource(*src, "import_source.", p)
	return src
}

// getImportIndicators shows what a commit would bring.
func (s *Server) getImportIndicators(c *call) answer {
	w := s.work(c)
	if w == nil {
		return missing("import")
	}
	types := s.state.collections["indicators"].types
	out := []any{}
	for i, found := range w.found {
		out = append(out, object{"id": w.staged[i], "value": found.Value, "type": found.Type, "type_id": types.byName(found.Type).number()})
	}
	return page(c, out)
}

func (s *Server) deleteImport(c *call) answer {
	if s.work(c) == nil {
		return missing("import")
	}
	delete(s.state.imports, c.number("id"))
	return noContent
}

// commitImport makes the indicators, linked to the file that they stood in.
func (s *Server) commitImport(c *call) answer {
	w := s.work(c)
	if w == nil {
		return missing("import")
	}
	delete(s.state.imports, w.id)
	var in wire.Object
	if w.source != nil {
		in.Sources = wire.List[wire.Source]{*w.source}
	}
	var peers []*node
	if w.from != nil && s.state.collections["attachments"].objects[w.from.id] != nil {
		peers = []*node{w.from}
	}
	normal := s.cfg.Normalize
	if w.options.Normalize != nil {
		normal = bool(*w.options.Normalize)
	}
	made := s.putFound(c, w.found, in, w.status, peers, normal)
	if bool(w.options.DeleteAfterImport) && len(peers) > 0 {
		s.state.collections["attachments"].remove(w.from)
	}
	return data(http.StatusOK, object{"id": w.id, "message": "Import committed.", "indicator_count": len(made)})
}
