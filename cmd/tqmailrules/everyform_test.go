package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/mail"
	"github.com/tqmailrules/tqmailrules/engine/source/files"
	"github.com/tqmailrules/tqmailrules/engine/unpack"
	"github.com/tqmailrules/tqmailrules/internal/outlook"
	"github.com/tqmailrules/tqmailrules/internal/outlook/msg/msgtest"
	"github.com/tqmailrules/tqmailrules/internal/outlook/pst/psttest"
	"github.com/tqmailrules/tqmailrules/rules"
)

// form is a way to keep a mail in a file.
type form struct {
	name string // of the file
	make func(t *testing.T, raw []byte) []byte
}

var forms = []form{
	{"a.eml", func(_ *testing.T, raw []byte) []byte { return raw }},
	{"a.emlx", func(_ *testing.T, raw []byte) []byte {
		return fmt.Appendf(nil, "%d\n%s<?xml version=\"1.0\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict/></plist>\n", len(raw), raw)
	}},
	{"a.mbox", func(_ *testing.T, raw []byte) []byte {
		quoted := bytes.ReplaceAll(raw, []byte("\nFrom "), []byte("\n>From "))
		return slices.Concat([]byte("From MAILER-DAEMON Mon Mar  2 10:00:00 2026\n"), quoted, []byte("\n"))
	}},
	{"a.msg", func(t *testing.T, raw []byte) []byte { return msgtest.File(kept(t, raw)) }},
	{"a.pst", func(t *testing.T, raw []byte) []byte { return storeOf(t, raw, psttest.Unicode) }},
	{"b.pst", func(t *testing.T, raw []byte) []byte { return storeOf(t, raw, psttest.ANSI) }},
	{"a.ost", func(t *testing.T, raw []byte) []byte { return storeOf(t, raw, psttest.Large) }},
}

// kept is a mail as Outlook keeps one that came by mail.
func kept(t *testing.T, raw []byte) *outlook.Message {
	t.Helper()
	m, err := mail.New(mail.Config{}).Parse(t.Context(), engine.Bytes(raw), engine.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n\n")
	out := &outlook.Message{Properties: outlook.Bag{
		outlook.PropMessageClass:     msgtest.String("IPM.Note"),
		outlook.PropTransportHeaders: msgtest.String(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n"),
		outlook.PropSubject:          msgtest.String(m.Subject.Subject),
	}}
	if m.Body.Plain.Raw != "" {
		out.Properties[outlook.PropBody] = msgtest.String(m.Body.Plain.Raw)
	}
	if m.Body.HTML.Raw != "" {
		out.Properties[outlook.PropHTML] = msgtest.Binary([]byte(m.Body.HTML.Raw))
		out.Properties[outlook.PropInternetCodepage] = msgtest.Int(65001)
	}
	for _, a := range m.Attachments {
		data, err := engine.ReadAll(a.Content, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if a.IsMessage {
			inner := kept(t, data)
			out.Attachments = append(out.Attachments, outlook.Attachment{
				Properties: outlook.Bag{outlook.PropAttachMethod: msgtest.Int(outlook.AttachEmbedded), outlook.PropDisplayName: msgtest.String(a.FileName)},
				Message:    func() (*outlook.Message, error) { return inner, nil },
			})
			continue
		}
		flags := 0
		if a.IsInline {
			flags = 4 // it is shown in the body
		}
		out.Attachments = append(out.Attachments, outlook.Attachment{Properties: outlook.Bag{
			outlook.PropAttachMethod: msgtest.Int(outlook.AttachByValue), outlook.PropAttachFlags: msgtest.Int(flags), outlook.PropAttachLongFilename: msgtest.String(a.RawName),
			outlook.PropAttachMIMEType: msgtest.String(a.ContentType), outlook.PropAttachContentID: msgtest.String(a.ContentID), outlook.PropAttachData: msgtest.Binary(data),
		}})
	}
	return out
}

func storeOf(t *testing.T, raw []byte, kind psttest.Kind) []byte {
	t.Helper()
	return psttest.Build(psttest.Spec{Kind: kind, Method: 1, Codepage: 65001, Folders: []psttest.Folder{{Name: "Inbox", Messages: psttest.Messages(stored(t, kept(t, raw)))}}})
}

func stored(t *testing.T, m *outlook.Message) psttest.Message {
	t.Helper()
	out := psttest.Message{Properties: rawProperties(t, m.Properties)}
	for _, a := range m.Attachments {
		one := psttest.Attachment{Properties: rawProperties(t, a.Properties)}
		if a.Message != nil {
			inner, err := a.Message()
			if err != nil {
				t.Fatal(err)
			}
			message := stored(t, inner)
			one.Message = &message
		} else {
			one.Data = a.Properties[outlook.PropAttachData].Bytes
			delete(one.Properties, outlook.PropAttachData)
		}
		out.Attachments = append(out.Attachments, one)
	}
	return out
}

func rawProperties(t *testing.T, b outlook.Bag) psttest.Properties {
	t.Helper()
	all := psttest.Properties{}
	for id, v := range b {
		switch v.Type {
		case outlook.String:
			all[id] = psttest.Raw{Type: uint16(outlook.String), Bytes: v.Bytes}
		case outlook.Integer32:
			n, _ := b.Int(id)
			all[id] = int32(n)
		default:
			all[id] = v.Bytes
		}
	}
	return all
}

// TestAMailIsTheSameInEveryForm wants the same findings of a mail wherever it is
// kept: alone in a corpus, and attached to another mail.
func TestAMailIsTheSameInEveryForm(t *testing.T) {
	desk, process := deskProcessor(t), spearphishProcessor(t)
	for i, raw := range corpusMails(t, 100_000) {
		t.Run(fmt.Sprint(i), func(t *testing.T) { sameInEveryForm(t, desk, process, raw) })
	}
	for _, name := range []string{"report-defanged", "lure-mismatched-link", "lure-html-attachment", "report-csv-attachment", "report-chinese", "report-newsletter-html", "attached-one", "attachment-macro-opens"} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("..", "..", "examples", "rules", "corpus", name+".eml"))
			if err != nil {
				t.Fatal(err)
			}
			sameInEveryForm(t, desk, process, raw)
		})
	}
}

func sameInEveryForm(t *testing.T, desk, process *engine.Engine, raw []byte) {
	t.Helper()
	var alone, attached []string
	for i, f := range forms {
		b := f.make(t, raw)
		gotAlone := findingsOf(t, desk, fromCorpus(t, f.name, b))
		gotAttached := findingsOf(t, process, []engine.Delivery{{Raw: engine.Bytes(mailWith(attachment{f.name, b})), Origin: engine.Origin{ID: f.name}}})
		if i == 0 {
			alone, attached = gotAlone, gotAttached
			continue
		}
		if diff := cmp.Diff(alone, gotAlone); diff != "" {
			t.Errorf("%s, alone (-eml +%[1]s):\n%s", f.name, diff)
		}
		if diff := cmp.Diff(attached, gotAttached); diff != "" {
			t.Errorf("%s, attached (-eml +%[1]s):\n%s", f.name, diff)
		}
	}
	if os.Getenv("TQ_CORPUS") == "" && (len(alone) == 0 || len(attached) == 0) {
		t.Error("nothing is found at all")
	}
}

// spearphishProcessor is a mailbox in which the mails inside others count.
func spearphishProcessor(t *testing.T) *engine.Engine {
	t.Helper()
	set, diags, err := loadRules([]string{filepath.Join("..", "..", "examples", "rules", "vendor", "spearphish.yaml")}, rules.Options{Extractors: []string{builtinName}})
	if err != nil || len(diags.Errors()) > 0 {
		t.Fatal(err, diags)
	}
	cfg := &settings.Config{}
	p, err := engine.NewProcessor(engine.Config{
		Parser: parserFor(cfg), Rules: set, Extractors: builtin().all, DomainOf: domainOf, MarkupAt: mail.MarkupAt(cfg.Limits), Sinks: recordingSinks(cfg, set), Unpacker: unpack.New(unpack.Config{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fromCorpus reads a file as a corpus.
func fromCorpus(t *testing.T, name string, content []byte) (all []engine.Delivery) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := files.Open(files.Config{Paths: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		d, err := src.Next(t.Context())
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Defects) > 0 {
			t.Error(d.Defects)
		}
		all = append(all, d)
	}
}

// findingsOf are the events and the indicators of mails, sorted.
func findingsOf(t *testing.T, e *engine.Engine, ds []engine.Delivery) (all []string) {
	t.Helper()
	for _, d := range ds {
		out, err := e.Process(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range out.Items {
			if it.Ships != "" {
				all = append(all, string(it.Ships)+": "+it.Message.Subject.Subject)
			}
			for _, ind := range it.Indicators {
				all = append(all, ind.Type+" "+ind.Value)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
