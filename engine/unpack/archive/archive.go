// Package archive has the readers of archives and of compressed files.
//
// Each format stands in a package of its own; this one says which readers there
// are, looks for archives in programs that unpack themselves, and tells formats
// that nothing here opens.
package archive

import (
	"context"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/cabinet"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/disc"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/rar"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/sevenz"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/stream"
	"github.com/tqmailrules/tqmailrules/engine/unpack/archive/zipfile"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Zip reads ZIP and what is built on it.
func Zip(ctx context.Context, t *task.Task) error { return zipfile.Read(ctx, t) }

// SevenZip reads 7z.
func SevenZip(ctx context.Context, t *task.Task) error { return sevenz.Read(ctx, t) }

// RAR reads RAR 3, 4 and 5.
func RAR(ctx context.Context, t *task.Task) error { return rar.Read(ctx, t) }

// Disc reads images of discs.
func Disc(ctx context.Context, t *task.Task) error { return disc.Read(ctx, t) }

// Cabinet reads Microsoft cabinets.
func Cabinet(ctx context.Context, t *task.Task) error { return cabinet.Read(ctx, t) }

// Stream reads a file that is one compressed stream.
func Stream(ctx context.Context, t *task.Task) error { return stream.Read(ctx, t) }

// Tar reads tar.
func Tar(ctx context.Context, t *task.Task) error { return stream.ReadTar(ctx, t) }

// Program reads the archive in a program that unpacks itself; a program without
// one is read already.
func Program(ctx context.Context, t *task.Task) error {
	c, err := t.Content()
	if err != nil {
		return err
	}
	switch {
	case zipfile.Found(c, c.Size()):
		t.Fact("self_extracting", "zip")
		return zipfile.Read(ctx, t)
	case sevenz.Found(c, c.Size()):
		t.Fact("self_extracting", "7z")
		return sevenz.Read(ctx, t)
	case rar.Found(c, c.Size()):
		t.Fact("self_extracting", "rar")
		return rar.Read(ctx, t)
	}
	return nil
}

// Unsupported tells that a format is known and that nothing here opens it.
func Unsupported(_ context.Context, t *task.Task) error {
	return task.Troublef(engine.DefectUnsupported, "this build does not open %s", t.Part.FileType)
}
