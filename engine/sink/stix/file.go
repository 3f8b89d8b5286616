package stix

import (
	"encoding/base64"
	"slices"
	"strconv"

	"github.com/tqmailrules/tqmailrules/engine"
)

// Contents that go along in a bundle, in bytes. Others are known by their digests.
const (
	maxPayload  = 64 << 10 // of a file
	maxRaw      = 1 << 20  // of a mail
	maxPayloads = 8 << 20  // of a bundle
)

func (w *writer) addFiles() error {
	for i := range w.batch.Files {
		if err := w.addFile(&w.batch.Files[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) addFile(r *engine.FileRecord) error {
	ref := engine.Ref{Kind: "file", Key: r.Key}
	content, err := w.artifact(r.Content, w.limitOf(ref), r.ContentType, r.TLP)
	if err != nil {
		return err
	}
	o := w.file(r)
	if content != "" {
		o["content_ref"] = content
	}
	id := w.put(o, r.TLP)
	w.nodes[ref] = append(w.nodes[ref], id)
	if content != "" {
		w.nodes[ref] = append(w.nodes[ref], content)
	}
	f := w.frame(ref)
	if note := w.note(f, r.TLP, "file", fileLines(r), id); note != "" {
		w.nodes[ref] = append(w.nodes[ref], note)
	}
	return nil
}

// limitOf is how large a content may be to go along: a mail that is kept may be
// larger than what it brings.
func (w *writer) limitOf(ref engine.Ref) int64 {
	if slices.ContainsFunc(w.batch.Events, func(e engine.EventRecord) bool { return e.Message.SHA256 == ref.Key }) {
		return maxRaw
	}
	return maxPayload
}

// file is the object of a file. Two files of one name whose MD5 collide are told
// apart, which the rule of the standard for identifiers does not do.
func (w *writer) file(r *engine.FileRecord) object {
	digests := digestsOf(r)
	contributing := object{}
	if len(digests) > 0 {
		contributing["hashes"] = digests
	}
	if name := clean(r.Name); name != "" || len(digests) == 0 {
		contributing["name"] = name
		if name == "" {
			contributing["name"] = "unnamed"
		}
	}
	o := observable("file", contributing)
	if old, there := w.objects[o["id"].(string)]; there && differ(old["hashes"], digests) {
		o["id"] = identifier("file", ours, "file", r.Key, r.Name)
	}
	if r.Size > 0 {
		o["size"] = r.Size
	}
	if mediaForm.MatchString(r.ContentType) {
		o["mime_type"] = r.ContentType
	}
	return o
}

// digestsOf are the digests of a record, as far as they are some.
func digestsOf(r *engine.FileRecord) hashes {
	all := hashes{}
	for algorithm, digest := range map[string]string{"MD5": r.MD5, "SHA-1": r.SHA1, "SHA-256": r.Key} {
		if len(digest) == digits[algorithm] && hexForm.MatchString(digest) {
			all[algorithm] = digest
		}
	}
	return all
}

var digits = map[string]int{"MD5": 32, "SHA-1": 40, "SHA-256": 64}

// differ tells whether two files with these digests are certainly not one.
func differ(old any, digests hashes) bool {
	known, _ := old.(hashes)
	for algorithm, digest := range digests {
		if known[algorithm] != "" && known[algorithm] != digest {
			return true
		}
	}
	return false
}

func fileLines(r *engine.FileRecord) []line {
	all := lines(nil, "Type", r.Type)
	all = lines(all, "Raw Name", r.RawName)
	all = lines(all, "File Type", r.FileType)
	all = lines(all, "Encrypted", yes(r.Encrypted))
	all = lines(all, "Malware Locked", yes(r.Locked))
	all = lines(all, "Tag", labels(r.Tags)...)
	return attributeLines(all, r.Attributes)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// artifact adds a content, and returns the identifier of it; "" when it does not go
// along: there is none, it is too large, or something in this bundle is
// malware-locked, and may be inside this content, too.
func (w *writer) artifact(content engine.Blob, limit int64, media, tlp string) (id string, err error) {
	if content == nil || w.secret || content.Size() == 0 || content.Size() > min(limit, w.payload) {
		return "", nil
	}
	data, err := engine.ReadAll(content, limit)
	if err != nil {
		return "", err
	}
	digest, err := engine.Digest(engine.Bytes(data))
	if err != nil {
		return "", err
	}
	w.payload -= int64(len(data))
	o := observable("artifact", object{"hashes": hashes{"SHA-256": digest}, "payload_bin": base64.StdEncoding.EncodeToString(data)})
	if mediaForm.MatchString(media) {
		o["mime_type"] = media
	}
	return w.put(o, tlp), nil
}

// contentType is what a mail says that a file is, as far as it can be said.
func contentType(r *engine.FileRecord) string {
	if mediaForm.MatchString(r.ContentType) {
		return r.ContentType
	}
	return "application/octet-stream"
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
