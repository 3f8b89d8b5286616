package threatqsim

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

const (
	maxChunks  = 10_000
	maxFields  = 100
	maxUploads = 1000 // unfinished, and finished but not claimed
)

// upload is a resumable upload that is under way.
type upload struct {
	name   string
	total  int
	chunks map[int][]byte
}

// form is a multipart body: its fields, and its one file.
type form struct {
	fields   map[string]string
	file     []byte
	fileName string
	hasFile  bool
}

func readForm(c *call) (form, bool) {
	f := form{fields: map[string]string{}}
	kind, params, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return f, false
	}
	r := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	for range maxFields {
		part, err := r.NextPart()
		if err == io.EOF {
			return f, true
		}
		if err != nil {
			return f, false
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return f, false
		}
		if part.FileName() != "" || part.FormName() == "file" {
			f.file, f.fileName, f.hasFile = content, part.FileName(), true
			continue
		}
		f.fields[part.FormName()] = string(content)
	}
	return f, false
}

func isForm(c *call) bool { return strings.HasPrefix(c.header.Get("Content-Type"), "multipart/") }

// upload takes one chunk of a resumable upload. When the last one is there, the
// file waits under its name for POST /attachments.
func (s *Server) upload(c *call) answer {
	f, ok := readForm(c)
	if !ok {
		return refuse(http.StatusBadRequest, "The body is no multipart form.")
	}
	p := problems{}
	name, content, done := s.chunk(f, p)
	if len(p) > 0 {
		return p.answer()
	}
	if done {
		s.state.staged[name] = content
	}
	return answer{code: http.StatusOK, body: object{"data": object{"name": name, "complete": done}}}
}

// chunk adds a chunk and gives the whole once it is there.
func (s *Server) chunk(f form, p problems) (name string, content []byte, done bool) {
	id, name := f.fields["resumableIdentifier"], f.fields["resumableFilename"]
	total, number := chunkNumber(f.fields, "resumableTotalChunks", p), chunkNumber(f.fields, "resumableChunkNumber", p)
	u := s.state.uploads[id]
	if u == nil {
		u = &upload{name: name, total: total, chunks: map[int][]byte{}}
	}
	if s.checkChunk(f, u, number, p); u.total != total {
		p.add("resumableTotalChunks", "The resumableTotalChunks differs from that of the first chunk.")
	}
	if len(p) > 0 {
		return "", nil, false
	}
	s.state.uploads[id] = u
	u.chunks[number] = f.file
	if len(u.chunks) < total {
		return name, nil, false
	}
	delete(s.state.uploads, id)
	for i := range total {
		content = append(content, u.chunks[i+1]...)
	}
	return name, content, true
}

func (s *Server) checkChunk(f form, u *upload, number int, p problems) {
	for _, field := range []string{"resumableIdentifier", "resumableFilename"} {
		if f.fields[field] == "" {
			p.add(field, "The %s field is required.", field)
		}
	}
	if !f.hasFile {
		p.add("file", "The file field is required.")
	}
	if number > u.total {
		p.add("resumableChunkNumber", "The resumableChunkNumber is greater than resumableTotalChunks.")
	}
	if u.name != f.fields["resumableFilename"] {
		p.add("resumableIdentifier", "The resumableIdentifier belongs to another upload.")
	}
	if len(u.chunks) == 0 && len(s.state.uploads)+len(s.state.staged) >= maxUploads {
		p.add("resumableIdentifier", "There are too many unfinished uploads.")
	}
}

// chunkNumber reads a count of chunks; one that is not there is 1.
func chunkNumber(fields map[string]string, name string, p problems) int {
	text, said := fields[name]
	if !said {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxChunks {
		p.add(name, "The %s must be between 1 and %d.", name, maxChunks)
	}
	return n
}

// postAttachment makes the object of a file: of an upload of the same name, or
// of a form that brings the file itself.
func (s *Server) postAttachment(c *call) answer {
	if isForm(c) {
		return s.postAttachmentForm(c)
	}
	var in wire.Object
	if a, ok := decode(c, &in); !ok {
		return a
	}
	content, there := s.state.staged[in.Name]
	p := problems{}
	if !there {
		p.add("name", "There is no uploaded file of this name.")
	}
	return s.newAttachment(c, in, content, p)
}

func (s *Server) postAttachmentForm(c *call) answer {
	if !s.cfg.OneShot {
		return refuse(http.StatusUnsupportedMediaType, "The request body must be JSON.")
	}
	f, ok := readForm(c)
	if !ok {
		return refuse(http.StatusBadRequest, "The body is no multipart form.")
	}
	p := problems{}
	in := formObject(f, p)
	if !f.hasFile {
		p.add("file", "The file field is required.")
	}
	return s.newAttachment(c, in, f.file, p)
}

// formObject reads the fields of a one-shot upload. Lists are JSON.
func formObject(f form, p problems) wire.Object {
	in := wire.Object{Name: f.fields["name"], Title: f.fields["title"], Type: wire.Named(f.fields["type"]), Description: f.fields["description"]}
	if in.Name == "" {
		in.Name = f.fileName
	}
	for field, into := range map[string]any{"sources": &in.Sources, "tags": &in.Tags, "attributes": &in.Attributes, "type_id": &in.TypeID, "malware_locked": &in.MalwareLocked} {
		text := []byte(f.fields[field])
		if len(text) > 0 && (wire.Check(text) != nil || json.Unmarshal(text, into) != nil) {
			p.add(field, "The %s is invalid.", field)
		}
	}
	return in
}

func (s *Server) newAttachment(c *call, in wire.Object, content []byte, p problems) answer {
	coll := s.state.collections["attachments"]
	if in.Name == "" {
		p.add("name", "The name field is required.")
	}
	if in.Title == "" {
		in.Title = in.Name
	}
	d := s.check(coll, in, "", true, p)
	if len(p) > 0 {
		return p.answer()
	}
	delete(s.state.staged, in.Name)
	d.file = newFile(in, content)
	n, _, _ := s.put(c, coll, d, false)
	return data(http.StatusCreated, render(n, expanded))
}

func newFile(in wire.Object, content []byte) *file {
	sum, weak := sha256.Sum256(content), md5.Sum(content)
	f := &file{name: in.Name, content: content, md5: hex.EncodeToString(weak[:]), sha256: hex.EncodeToString(sum[:]), contentType: int64(in.ContentTypeID)}
	f.locked = in.MalwareLocked != nil && bool(*in.MalwareLocked)
	return f
}
