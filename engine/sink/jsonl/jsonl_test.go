package jsonl_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/sink/jsonl"
)

func open(t *testing.T, cfg jsonl.Config) *jsonl.Sink {
	t.Helper()
	s, err := jsonl.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func ship(t *testing.T, s *jsonl.Sink, batches ...engine.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Ship(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSinkKeepsTheContract(t *testing.T) {
	enginetest.TestSink(t, func(t *testing.T) (engine.Sink, func() engine.Sink, enginetest.SinkState) {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		return open(t, jsonl.Config{Path: path}), func() engine.Sink { return open(t, jsonl.Config{Path: path}) },
			func(t *testing.T) string { return read(t, path) }
	})
}

func TestLineHasItsFieldsInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	b := engine.Batch{Key: "k<&>", Sink: "lines", Origin: engine.Origin{Source: "files", ID: "1", Name: "a.eml"}}
	ship(t, open(t, jsonl.Config{Path: path}), b)
	want := `{"key":"k<&>","version":1,"sink":"lines","origin":{"source":"files","account":"","folder":"","id":"1","name":"a.eml","received":"0001-01-01T00:00:00Z"},` +
		`"events":[],"files":[],"indicators":[],"objects":[],"relations":[],"matches":[],"defects":[]}` + "\n"
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestTornLineIsCutAnywhere cuts the file at every byte of its last line, as a
// crash could have.
func TestTornLineIsCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.jsonl")
	batches := enginetest.SampleBatches()
	ship(t, open(t, jsonl.Config{Path: whole}), batches[0], batches[1])
	want := read(t, whole)
	first := strings.IndexByte(want, '\n') + 1
	for cut := first; cut < len(want); cut += 7 {
		path := filepath.Join(dir, fmt.Sprint(cut))
		if err := os.WriteFile(path, []byte(want[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, jsonl.Config{Path: path})
		if got := read(t, path); got != want[:first] {
			t.Fatalf("cut at %d: %d bytes left, want %d", cut, len(got), first)
		}
		ship(t, s, batches[0], batches[1])
		s.Close()
		if got := read(t, path); got != want {
			t.Fatalf("cut at %d: the file differs after shipping again", cut)
		}
	}
}

func TestOtherFilesAreRefusedAndUntouched(t *testing.T) {
	for name, content := range map[string]string{
		"text":            "just notes\nand more",
		"other json":      `{"id":1}` + "\n",
		"key is a number": `{"key":1}` + "\n",
		"second line":     `{"key":"a","version":1}` + "\n" + "oops\n",
		"empty line":      "\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := jsonl.New(jsonl.Config{Path: path}); err == nil || !strings.Contains(err.Error(), "not a line that a jsonl sink wrote") {
				t.Errorf("error %v", err)
			}
			if got := read(t, path); got != content {
				t.Errorf("the file is now %q", got)
			}
		})
	}
}

func TestLongLinesResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	b := enginetest.SampleBatches()[0]
	b.Events[0].Description = strings.Repeat("lang ", 1<<17)
	ship(t, open(t, jsonl.Config{Path: path}), b)
	s := open(t, jsonl.Config{Path: path})
	ship(t, s, b, enginetest.SampleBatches()[1])
	if n := strings.Count(read(t, path), "\n"); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func TestMissingFolderIsAnErrorInWords(t *testing.T) {
	_, err := jsonl.New(jsonl.Config{Path: filepath.Join(t.TempDir(), "no", "out.jsonl")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	for _, cfg := range []jsonl.Config{{}, {Path: "x", Writer: &pipe{}}} {
		if _, err := jsonl.New(cfg); err == nil {
			t.Errorf("New(%+v) succeeded", cfg)
		}
	}
}

type pipe struct {
	bytes.Buffer
	fail   bool
	closed bool
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.fail {
		n, _ := p.Buffer.Write(b[:len(b)/2])
		return n, errors.New("gone")
	}
	return p.Buffer.Write(b)
}
func (p *pipe) Close() error { p.closed = true; return nil }

func TestWriterTakesNoMoreAfterAFailure(t *testing.T) {
	p := &pipe{}
	s, err := jsonl.New(jsonl.Config{Writer: p})
	if err != nil {
		t.Fatal(err)
	}
	batches := enginetest.SampleBatches()
	ship(t, s, batches[0], batches[0])
	if n := strings.Count(p.String(), "\n"); n != 1 {
		t.Errorf("%d lines, want 1", n)
	}
	p.fail = true
	if err := s.Ship(t.Context(), batches[1]); err == nil || errors.Is(err, engine.ErrTemporary) {
		t.Errorf("error %v, want a final one", err)
	}
	p.fail = false
	if err := s.Ship(t.Context(), batches[2]); err == nil || !strings.Contains(err.Error(), "failed before") {
		t.Errorf("error %v", err)
	}
	if s.Close(); !p.closed {
		t.Error("the writer was not closed")
	}
}

func TestContentsAreStoredByDigest(t *testing.T) {
	dir := t.TempDir()
	files := filepath.Join(dir, "files")
	s := open(t, jsonl.Config{Path: filepath.Join(dir, "o.jsonl"), Files: files})
	ship(t, s, enginetest.SampleBatches()...)
	for _, content := range []string{"zip!", "raw mail"} {
		sum := sha256.Sum256([]byte(content))
		d := hex.EncodeToString(sum[:])
		name := filepath.Join(files, d[:2], d[2:4], d)
		if got := read(t, name); got != content {
			t.Errorf("%s holds %q", name, got)
		}
		if info, _ := os.Stat(name); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	}
	if strings.Contains(read(t, filepath.Join(dir, "o.jsonl")), "zip!") {
		t.Error("a line holds the content of a file")
	}
	blocked := filepath.Join(dir, "blocked")
	os.WriteFile(blocked, nil, 0o600)
	s = open(t, jsonl.Config{Path: filepath.Join(dir, "p.jsonl"), Files: blocked})
	if err := s.Ship(t.Context(), enginetest.SampleBatches()[0]); !errors.Is(err, engine.ErrTemporary) || read(t, filepath.Join(dir, "p.jsonl")) != "" {
		t.Errorf("unwritable folder: %v", err)
	}
}

// TestReferenceNamesEveryField holds docs/reference/jsonl.md to the lines.
func TestReferenceNamesEveryField(t *testing.T) {
	doc := read(t, "../../../docs/reference/jsonl.md")
	path := filepath.Join(t.TempDir(), "o.jsonl")
	b := enginetest.SampleBatches()[0]
	b.Events[0].Item, b.Events[0].Message.MessageID, b.Events[0].Message.From = "n1", "x", "y"
	b.Events[0].Message.To, b.Events[0].Message.Cc, b.Events[0].Message.Carrier = []string{"a"}, []string{"b"}, "c"
	f := &b.Files[0]
	f.RawName, f.ContentType, f.FileType, f.SHA1, f.Encrypted, f.Source, f.TLP, f.Tags, f.Attributes = "r", "c", "t", "s", true, "s", "RED", []string{"t"}, b.Events[0].Attributes
	i := &b.Indicators[0]
	i.Source, i.Tags, i.Attributes, i.Contexts = "s", []string{"t"}, b.Events[0].Attributes, []string{"text"}
	b.Matches[0].Item, b.Matches[0].Shadow, b.Matches[0].Error = "n1", true, "e"
	b.Defects[0].Cap = true
	ship(t, open(t, jsonl.Config{Path: path}), b)
	var v any
	if err := json.Unmarshal([]byte(read(t, path)), &v); err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				if n++; !strings.Contains(doc, "`"+k+"`") {
					t.Errorf("docs/reference/jsonl.md does not name %q", k)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(v)
	if n < 50 {
		t.Errorf("only %d fields", n)
	}
}

// FuzzResume opens arbitrary files: either they are refused and untouched, or
// what is left are whole lines, and a batch can be appended.
func FuzzResume(f *testing.F) {
	f.Add([]byte(`{"key":"a","version":1}` + "\n" + `{"key":"b`))
	f.Add([]byte("{\"key\":\"\\u0000\"}\n\n"))
	f.Add([]byte("\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := jsonl.New(jsonl.Config{Path: path})
		if err != nil {
			if got := read(t, path); got != string(content) {
				t.Fatal("refused, but changed")
			}
			return
		}
		defer s.Close()
		kept := read(t, path)
		if !bytes.HasPrefix(content, []byte(kept)) || kept != "" && !strings.HasSuffix(kept, "\n") {
			t.Fatalf("kept %q of %q", kept, content)
		}
		if err := s.Ship(t.Context(), engine.Batch{Key: "fresh key"}); err != nil {
			t.Fatal(err)
		}
	})
}
