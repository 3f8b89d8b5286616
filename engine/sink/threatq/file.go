package threatq

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// sums are what a file is known by: at the server MD5 and size, here SHA-256.
type sums struct {
	md5, sha256 string
	size        int64
}

// sumsOf reads the content; where it is gone, the record's word counts.
func sumsOf(f *engine.FileRecord) (sums, error) {
	if f.Content == nil {
		return sums{strings.ToLower(f.MD5), strings.ToLower(f.Key), f.Size}, nil
	}
	r, err := f.Content.Open()
	if err != nil {
		return sums{}, fmt.Errorf("read file %s: %w: %w", f.Key, engine.ErrTemporary, err)
	}
	defer r.Close()
	got, err := sumsFrom(r)
	if err != nil {
		return sums{}, fmt.Errorf("read file %s: %w: %w", f.Key, engine.ErrTemporary, err)
	}
	return got, nil
}

func sumsFrom(r io.Reader) (sums, error) {
	weak, strong := md5.New(), sha256.New()
	n, err := io.Copy(io.MultiWriter(weak, strong), r)
	return sums{hex.EncodeToString(weak.Sum(nil)), hex.EncodeToString(strong.Sum(nil)), n}, err
}

// shipFiles uploads the files that are not there. What is known of none of them
// is asked for in one request.
func (p *shipment) shipFiles(ctx context.Context) error {
	var strangers []*filePlan
	for _, f := range p.files {
		var err error
		if f.sums, err = sumsOf(f.rec); err != nil {
			return err
		}
		id, name, err := p.recallFile(ctx, f.sums.sha256)
		if err != nil {
			return err
		}
		if id == 0 {
			strangers = append(strangers, f)
			continue
		}
		p.shipped(f.ref, id)
		f.known(name)
	}
	var there map[string][]wire.Object
	err := p.persist(ctx, func(bool) (err error) {
		there, err = p.filesByHash(ctx, strangers)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range p.files {
		if err := p.shipFile(ctx, f, there[f.sums.md5]); err != nil {
			return err
		}
		if id := p.ids[f.ref]; id != 0 && there != nil {
			there[f.sums.md5] = append(there[f.sums.md5], wire.Object{ID: wire.Int(id), Hash: f.sums.md5, FileSize: wire.Int(f.sums.size)})
		}
	}
	return nil
}

// recallFile is the id of a file and the name that it has at the server.
func (p *shipment) recallFile(ctx context.Context, sha256 string) (int64, string, error) {
	if p.doubting {
		return 0, "", nil
	}
	text, _, err := p.cfg.Memory.Recall(ctx, p.scope(), noteFile, sha256)
	number, name, _ := strings.Cut(text, " ")
	id, parseErr := strconv.ParseInt(number, 10, 64)
	if err != nil || parseErr != nil {
		return 0, "", remembering(err)
	}
	return id, name, nil
}

// known notes under which name the server has a file that was there.
func (f *filePlan) known(name string) {
	if name != "" && name != f.want.Name {
		f.alias = f.want.Name
	}
}

// filesByHash finds the files with the MD5s of plans.
func (s *Sink) filesByHash(ctx context.Context, plans []*filePlan) (map[string][]wire.Object, error) {
	found := map[string][]wire.Object{}
	keep := func(o wire.Object) bool {
		found[strings.ToLower(o.Hash)] = append(found[strings.ToLower(o.Hash)], o)
		return true
	}
	if len(plans) > 1 && s.maybe(attachQuery) {
		var any []object
		for _, f := range plans {
			any = append(any, object{"hash": f.sums.md5})
		}
		err := s.query(ctx, "/attachments/query", object{"+or": any}, "", keep)
		if err == nil {
			s.learn(attachQuery, true)
		}
		if err == nil || !s.lacks(attachQuery, err) {
			return found, err
		}
	}
	for _, f := range plans {
		if err := each(ctx, s.api, "/attachments", filter("hash", f.sums.md5), keep); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// object is a JSON object that is made up on the spot.
type object = map[string]any

// shipFile makes sure of one file. there are files of its MD5, as read before.
func (p *shipment) shipFile(ctx context.Context, f *filePlan, there []wire.Object) error {
	err := p.persist(ctx, func(again bool) error { return p.placeFile(ctx, f, there, again) })
	switch {
	case isKind(err, refused, tooLarge, doubted):
		p.refuse(f.ref, cause(err).Error())
		return nil
	case err != nil || p.ids[f.ref] == 0:
		return err
	}
	return p.completeFile(ctx, f, p.ids[f.ref])
}

func (p *shipment) placeFile(ctx context.Context, f *filePlan, there []wire.Object, again bool) error {
	if p.ids[f.ref] != 0 {
		return nil
	}
	if again {
		found, err := p.filesByHash(ctx, []*filePlan{f})
		if err != nil {
			return err
		}
		there = found[f.sums.md5]
	}
	same, err := p.sameFile(ctx, f, there)
	if err != nil {
		return err
	}
	name := f.want.Name
	if same != nil {
		p.shipped(f.ref, int64(same.ID))
		name = cmp.Or(same.Name, same.Title)
		f.known(name)
	} else if err := p.uploadFile(ctx, f); err != nil || p.ids[f.ref] == 0 {
		return err
	}
	id := strconv.FormatInt(p.ids[f.ref], 10)
	if err := p.keep(ctx, noteFile, f.sums.sha256, id+" "+name); err != nil {
		return err
	}
	return p.keep(ctx, noteAttachment, id, f.sums.sha256)
}

// sameFile finds the file itself among those of its MD5; nil when it is not
// there. One that merely has the same MD5 is noted.
func (p *shipment) sameFile(ctx context.Context, f *filePlan, there []wire.Object) (*wire.Object, error) {
	f.collides = ""
	for i := range there {
		o := &there[i]
		if !strings.EqualFold(o.Hash, f.sums.md5) || o.ID <= 0 {
			continue
		}
		if o.FileSize != 0 && int64(o.FileSize) != f.sums.size {
			f.collides = cmp.Or(f.collides, fmt.Sprintf("a file of %d bytes", o.FileSize))
			continue
		}
		other, err := p.digestAt(ctx, o, f.sums.size)
		switch {
		case err != nil:
			return nil, err
		case other == "" || other == f.sums.sha256:
			f.collides = ""
			return o, nil
		}
		f.collides = "SHA-256 " + other
	}
	return nil, nil
}

// digestAt is the SHA-256 of a file at the server: as remembered, else of what a
// download brings. It is "" where it cannot be known; the file then counts as
// the one that is looked for.
func (p *shipment) digestAt(ctx context.Context, o *wire.Object, size int64) (string, error) {
	text, ok, err := p.cfg.Memory.Recall(ctx, p.scope(), noteAttachment, strconv.FormatInt(int64(o.ID), 10))
	if err != nil || ok {
		return text, remembering(err)
	}
	digest, err := p.download(ctx, int64(o.ID), size)
	if isKind(err, missing, forbidden, refused, unsupported) {
		return "", nil
	}
	return digest, err
}

// uploadFile uploads a file in the way that the server takes.
func (p *shipment) uploadFile(ctx context.Context, f *filePlan) error {
	if f.rec.Content == nil {
		p.refuse(f.ref, "its content is no longer kept here")
		return nil
	}
	want := f.want
	want.Attributes = f.attributes()
	if !p.maybe(fileParts) {
		want.Attributes, want.Tags = nil, nil
	}
	got, err := p.uploadTolerantly(ctx, f, want)
	if err != nil {
		return err
	}
	if p.mixedUp(&got, f) {
		if got, err = p.uploadUnderOwnName(ctx, f, want, &got); err != nil {
			return err
		}
	}
	p.shipped(f.ref, int64(got.ID))
	p.fresh[f.ref] = true
	return nil
}

// uploadTolerantly leaves out what the server may not take with a file: a type
// that it does not have, attributes and tags. Those follow by themselves.
func (p *shipment) uploadTolerantly(ctx context.Context, f *filePlan, want wire.Object) (wire.Object, error) {
	want.Sources = p.shown(want.Sources)
	got, err := p.uploadBy(ctx, f, want)
	if !isKind(err, refused) {
		return got, err
	}
	if p.dropTLP(err) {
		return p.uploadTolerantly(ctx, f, want)
	}
	if row, ok := p.list.fileTypes.find("Generic Text"); ok {
		if _, known := p.list.fileTypes.find(want.Type.Name); !known {
			p.once("file type "+want.Type.Name, "the server may lack a file type: such files go as Generic Text", "type", want.Type.Name)
			want.Type = wire.Named(row.Name)
		}
	}
	if len(want.Attributes)+len(want.Tags) > 0 {
		p.learn(fileParts, false)
		want.Attributes, want.Tags = nil, nil
	}
	return p.uploadBy(ctx, f, want)
}

// mixedUp tells whether the server has joined another upload to the object: it
// joins by name, and somebody else may have uploaded a file of this name.
func (p *shipment) mixedUp(got *wire.Object, f *filePlan) bool {
	return got.Hash != "" && !strings.EqualFold(got.Hash, f.sums.md5) && p.maybe(contentHash)
}

// uploadUnderOwnName takes back an object that was joined to another upload, and
// uploads under a name that nobody else has. If the hash is wrong even so, it is
// one of something else than the content, and says nothing.
func (p *shipment) uploadUnderOwnName(ctx context.Context, f *filePlan, want wire.Object, wrong *wire.Object) (wire.Object, error) {
	path := fmt.Sprintf("/attachments/%d", wrong.ID)
	if _, err := ask[wire.Object](ctx, p.api, http.MethodDelete, path, nil, nil); err != nil && !isKind(err, missing) {
		return wire.Object{}, err
	}
	want.Name = f.sums.sha256[:16] + "-" + want.Name
	got, err := p.uploadTolerantly(ctx, f, want)
	if err == nil && p.mixedUp(&got, f) {
		p.learn(contentHash, false)
		p.once("hash", "the hash of a file at the server is not that of its content: files are known again by what is remembered only")
	}
	return got, err
}

// attributes are those of the record, and what shipping found out.
func (f *filePlan) attributes() wire.List[wire.Attribute] {
	all := []wire.Attribute(slices.Clone(f.want.Attributes))
	if f.collides != "" {
		all = append(all, wire.Attribute{Name: attrCollision, Value: fmt.Sprintf("this is SHA-256 %s; the same MD5 has %s", f.sums.sha256, f.collides)})
	}
	if f.alias != "" {
		all = append(all, wire.Attribute{Name: attrAlias, Value: f.alias})
	}
	return mergeAttributes(all)
}

// uploadBy tries two steps first, and one where the server lacks those.
func (p *shipment) uploadBy(ctx context.Context, f *filePlan, want wire.Object) (wire.Object, error) {
	if p.upload == OneShot {
		return p.uploadAtOnce(ctx, f, want)
	}
	got, err := p.uploadInSteps(ctx, f, want)
	if p.upload == UploadAuto && isKind(err, missing, unsupported) {
		p.log.Info("the server lacks resumable uploads: files go in one step")
		p.upload = OneShot
		return p.uploadAtOnce(ctx, f, want)
	}
	return got, err
}

// uploadInSteps stages the content under its name, then makes the object of it.
// One goroutine ships, so that no other upload of ours has the name meanwhile.
func (p *shipment) uploadInSteps(ctx context.Context, f *filePlan, want wire.Object) (wire.Object, error) {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	fields := [][2]string{
		{"resumableIdentifier", hex.EncodeToString(id[:]) + "-" + strings.ReplaceAll(want.Name, ".", "")},
		{"resumableRelativePath", want.Name},
		{"resumableFilename", want.Name},
		{"resumableTotalChunks", "1"},
		{"resumableChunkNumber", "1"},
	}
	c := call{method: http.MethodPost, path: "/attachments/upload"}
	if err := c.setForm(fields, "blob", f); err != nil {
		return wire.Object{}, err
	}
	if _, err := perform[wire.Object](ctx, p.api, &c); err != nil {
		return wire.Object{}, err
	}
	got, err := made(ask[wire.Object](ctx, p.api, http.MethodPost, "/attachments", nil, want))
	if isKind(err, refused) && strings.Contains(cause(err).Error(), "name") {
		// Perhaps somebody else took what was staged under this name: worth one more try.
		err = &fault{"POST /attachments", doubted, cause(err)}
	}
	return got, err
}

func (p *shipment) uploadAtOnce(ctx context.Context, f *filePlan, want wire.Object) (wire.Object, error) {
	locked := "0"
	if f.rec.Locked {
		locked = "1"
	}
	fields := [][2]string{{"name", want.Name}, {"title", want.Title}, {"type", want.Type.Name}, {"malware_locked", locked}}
	for name, list := range map[string]any{"sources": want.Sources, "tags": want.Tags, "attributes": want.Attributes} {
		raw, err := json.Marshal(list)
		if err != nil {
			return wire.Object{}, fmt.Errorf("upload %q: %w", want.Name, err)
		}
		if s := string(raw); s != "null" && s != "[]" {
			fields = append(fields, [2]string{name, s})
		}
	}
	c := call{method: http.MethodPost, path: "/attachments"}
	if err := c.setForm(fields, want.Name, f); err != nil {
		return wire.Object{}, err
	}
	return made(perform[wire.Object](ctx, p.api, &c))
}

// made is the one object of an answer to a request that makes one.
func made(page wire.Page[wire.Object], err error) (wire.Object, error) {
	if err != nil {
		return wire.Object{}, err
	}
	if len(page.Data) == 0 || page.Data[0].ID <= 0 {
		return wire.Object{}, &fault{"create", passing, fmt.Errorf("the answer names no object")}
	}
	return page.Data[0], nil
}

// setForm makes a multipart body that is read from the file as it is sent.
func (c *call) setForm(fields [][2]string, fileName string, f *filePlan) error {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	for _, kv := range fields {
		if err := w.WriteField(kv[0], kv[1]); err != nil {
			return fmt.Errorf("%s: %w", c.name(), err)
		}
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="file"; filename="%s"`, quoted.Replace(fileName)))
	h.Set("Content-Type", "application/octet-stream")
	if _, err := w.CreatePart(h); err != nil {
		return fmt.Errorf("%s: %w", c.name(), err)
	}
	front := bytes.Clone(head.Bytes())
	head.Reset()
	if err := w.Close(); err != nil {
		return fmt.Errorf("%s: %w", c.name(), err)
	}
	back := bytes.Clone(head.Bytes())
	c.contentType, c.size = w.FormDataContentType(), int64(len(front)+len(back))+f.sums.size
	c.body = func() (io.ReadCloser, error) {
		r, err := f.rec.Content.Open()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", engine.ErrTemporary, err)
		}
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(front), io.LimitReader(r, f.sums.size), bytes.NewReader(back)), r}, nil
	}
	return nil
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "_", "\n", "_")

// completeFile adds what a file lacks: one that was there lacks what this mail
// tells of it.
func (p *shipment) completeFile(ctx context.Context, f *filePlan, id int64) error {
	attributes := f.attributes()
	if len(attributes) == 0 && len(f.want.Tags) == 0 || p.fresh[f.ref] && p.trusted(fileParts) {
		return nil
	}
	return p.persist(ctx, func(again bool) error {
		bare := p.fresh[f.ref] && !again && !p.maybe(fileParts) // nothing is on it: no need to look
		have := wire.Object{}
		if !bare {
			var err error
			if have, err = p.read(ctx, "attachments", id, "attributes,tags"); err != nil {
				return err
			}
		}
		lack, lackTags := lacking(attributes, have.Attributes), lackingTags(f.want.Tags, have.Tags)
		if p.fresh[f.ref] && !again && !bare {
			p.learn(fileParts, len(lack)+len(lackTags) == 0)
		}
		if err := p.addAttributes(ctx, "attachments", id, lack); err != nil {
			return err
		}
		return p.addTags(ctx, "attachments", id, lackTags)
	})
}
