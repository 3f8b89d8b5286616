// Package office reads office documents: Office Open XML, OpenDocument, the
// formats before them, and RTF, each with its encryption.
//
// What a file is said to be counts for nothing here: Read looks at its first
// bytes. A document in a compound file may be an encrypted package, which is
// decrypted as it is read and never stored.
package office

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/crypt"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/legacy"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/odf"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/ooxml"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/rtf"
	"github.com/tqmailrules/tqmailrules/engine/unpack/office/zipped"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/internal/cfb"
)

// wellKnown is the password under which Office itself protects documents: users
// do not know that there is one.
var wellKnown = []string{"VelvetSweatshop"}

// rightsManaged is the stream of a document whose key no password gives
// (MS-OFFCRYPTO 2.2.10).
const rightsManaged = "\tDRMContent"

// maxInfo is the size of a description of encryption, in bytes.
const maxInfo = 1 << 20

var _ task.Reader = Read

// Read reads one document, whichever it is.
func Read(ctx context.Context, t *task.Task) error {
	content, err := t.Content()
	if err != nil {
		return err
	}
	head := make([]byte, len(cfb.Magic))
	n, err := content.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read document: %w", err)
	}
	switch head := string(head[:n]); {
	case head == cfb.Magic:
		return readCompound(ctx, t, content)
	case strings.HasPrefix(head, rtf.Magic):
		return rtf.Read(ctx, t, content)
	default:
		return readZipped(ctx, t, content, content.Size())
	}
}

// readZipped reads a document in a ZIP archive.
func readZipped(ctx context.Context, t *task.Task, r io.ReaderAt, size int64) error {
	z, err := zipped.Open(t, r, size)
	if err != nil {
		return err
	}
	if !odf.Is(z) {
		return ooxml.Read(ctx, t, z)
	}
	err = odf.Read(ctx, t, z)
	if ooxml.Is(z) {
		t.Defect(engine.DefectLying, "the archive is a document of two formats")
		err = errors.Join(err, ooxml.Read(ctx, t, z))
	}
	return err
}

func readCompound(ctx context.Context, t *task.Task, content *io.SectionReader) error {
	f, err := cfb.Open(content, content.Size())
	if err != nil {
		return err
	}
	if f.Troubled != "" {
		t.Defect(engine.DefectLying, "%s", f.Troubled)
	}
	info := f.Root.Stream("EncryptionInfo")
	switch {
	case f.Root.Stream(rightsManaged) != nil && !legacy.Is(f):
		t.Defect(engine.DefectUnsupported, "a server keeps the key of the document (rights management)")
		t.Locked("no password opens it")
		return task.ErrLocked
	case info == nil:
		return legacy.Read(ctx, t, f)
	case legacy.Is(f):
		t.Defect(engine.DefectLying, "the file is an encrypted package and a document beside it")
		return errors.Join(legacy.Read(ctx, t, f), readEncrypted(ctx, t, f, info))
	}
	return readEncrypted(ctx, t, f, info)
}

// readEncrypted opens an encrypted package (MS-OFFCRYPTO 2.3.4).
func readEncrypted(ctx context.Context, t *task.Task, f *cfb.File, info *cfb.Stream) error {
	t.Part.Encrypted = true
	stream := f.Root.Stream("EncryptedPackage")
	if stream == nil {
		return task.Troublef(engine.DefectUnreadable, "an encrypted document without a package")
	}
	scheme, err := parseScheme(info)
	if err != nil {
		return locked(t, err)
	}
	opened, err := t.Unlock(ctx, scheme.Units(), wellKnown, scheme.Try)
	switch {
	case err != nil:
		return err
	case !opened:
		return task.ErrLocked
	}
	intact, err := scheme.Intact(stream.Open())
	if err != nil {
		return fmt.Errorf("check encrypted package: %w", err)
	}
	pkg, honest, err := crypt.Open(scheme, stream, stream.Size())
	if err != nil {
		return err
	}
	if !intact || !honest {
		t.Defect(engine.DefectLying, "the encrypted package was changed after it was encrypted")
	}
	return readZipped(ctx, t, pkg, pkg.Size())
}

func parseScheme(info *cfb.Stream) (crypt.Scheme, error) {
	b, err := info.Bytes(maxInfo)
	if err != nil {
		return nil, err
	}
	return crypt.Parse(b)
}

// locked tells why a document cannot even be tried.
func locked(t *task.Task, err error) error {
	switch {
	case errors.Is(err, crypt.ErrCost):
		t.Cap(engine.DefectPasswordWork, "%s", err)
	case errors.Is(err, crypt.ErrUnsupported):
		t.Defect(engine.DefectUnsupported, "%s", err)
	default:
		t.Defect(engine.DefectUnreadable, "%s", err)
	}
	t.Locked("%s", err)
	return task.ErrLocked
}
