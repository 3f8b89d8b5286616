package pdf

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/validate"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
)

// Limits of what another reader may repair. It holds every object and what comes
// out of streams in memory, beside what we hold.
const (
	maxRepaired       = 16 << 20 // bytes of the file
	maxRepairedStream = 16 << 20 // bytes of one stream, packed or not
	maxRepairedObject = 100_000
	maxRepairedSearch = 2e9      // objects times bytes: each object may be looked for in the whole file
	maxRepairedFile   = 64 << 20 // bytes of what it writes
)

// rescue lets pdfcpu read a file in which we found nothing at all, and reads once
// more what that writes. ok is false when it found nothing either: then
// everything is as it was.
func (r *reading) rescue() (ok bool, err error) {
	if r.found() || r.closed() || r.isDear() || r.f.limit != nil || r.err != nil || r.f.stopped() {
		return false, nil
	}
	b, err := rewrite(r.ctx, r.f.b, r.f.password, r.f.crypt != nil)
	if err != nil || !r.isGain(b) {
		return false, nil
	}
	again := newReading(r.ctx, r.t, b, r.look)
	again.f.said = r.f.said // what is wrong with the file is told already
	r.t.Fact("repaired", "yes")
	return true, again.reread()
}

// isGain tells whether a rewritten file says anything, by a reading that leaves
// no trace: pdfcpu makes up an empty page where a file has none.
func (r *reading) isGain(b []byte) bool {
	budget := r.t.Limits.Budget()
	budget.Members = 0
	trial := newReading(r.ctx, task.New(&engine.Part{}, r.t.Limits, task.NewKeyring(nil), budget, nil), b, nil)
	return trial.reread() == nil && (trial.t.Text.Len() > 0 || len(trial.t.Part.Links) > 0)
}

// reread reads what pdfcpu wrote: a sound file without encryption, whose
// information names who rewrote it, and when.
func (r *reading) reread() error {
	r.f.open()
	delete(r.f.trailer, "Info")
	if r.f.trailer["Encrypt"] != nil {
		return task.ErrLocked
	}
	return r.open()
}

// closed tells whether anything of the file stays encrypted.
func (r *reading) closed() bool {
	return r.f.closed || r.f.crypt == nil && r.f.dict(r.f.trailer["Encrypt"]) != nil
}

// isDear tells whether pdfcpu might take seconds.
func (r *reading) isDear() bool {
	objects := max(len(r.f.entries), len(r.f.scan()))
	return len(r.f.b) > maxRepaired || objects*len(r.f.b) > maxRepairedSearch
}

func (r *reading) found() bool {
	p := r.t.Part
	return p.Pages > 0 || r.t.Text.Len() > 0 || len(p.Links) > 0 || len(p.Children) > 0
}

// rewrite has pdfcpu read a file as leniently as it can and write it without
// encryption. The password may be that of a user or of the owner.
func rewrite(ctx context.Context, b []byte, password string, encrypted bool) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("pdfcpu: %.200s", fmt.Sprint(p))
		}
	}()
	doc, err := pdfcpu.ReadWithContext(ctx, bytes.NewReader(b), lenient(password, encrypted))
	if err != nil {
		return nil, fmt.Errorf("pdfcpu: %w", err)
	}
	if err := validate.XRefTable(doc); err != nil { // it fills in what is written
		return nil, fmt.Errorf("pdfcpu: %w", err)
	}
	to := &bounded{left: maxRepairedFile}
	doc.Write.Writer = bufio.NewWriter(to)
	if err := pdfcpu.WriteContext(doc); err != nil {
		return nil, fmt.Errorf("pdfcpu: %w", err)
	}
	if err := doc.Write.Flush(); err != nil {
		return nil, fmt.Errorf("pdfcpu: %w", err)
	}
	return to.b.Bytes(), nil
}

// lenient is made here whole: the library's own default looks for a file in the
// home of the user, and writes it.
func lenient(password string, encrypted bool) *model.Configuration {
	c := &model.Configuration{
		Cmd: model.OPTIMIZE, ValidationMode: model.ValidationRelaxed, Reader15: true, Offline: true, Eol: types.EolLF,
		UserPW: password, OwnerPW: password, EncryptUsingAES: true, EncryptKeyLength: 256, Permissions: model.PermissionsAll,
		Limits: model.ResourceLimits{
			MaxStreamBytes: maxRepairedStream, MaxDecodeBytes: maxRepairedStream, MaxImagePixels: 1 << 20, MaxImageBytes: maxRepairedStream,
			MaxObjectCount: maxRepairedObject, MaxObjectStreamCount: maxRepairedObject, MaxObjectStreamFirst: maxRepairedStream,
			MaxXRefEntries: maxRepairedObject, MaxRecursionDepth: 100,
		},
	}
	if encrypted {
		c.Cmd = model.DECRYPT
	}
	return c
}

// bounded is a writer that takes so many bytes and no more.
type bounded struct {
	b    bytes.Buffer
	left int
}

func (w *bounded) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, io.ErrShortWrite
	}
	return w.b.Write(p)
}
