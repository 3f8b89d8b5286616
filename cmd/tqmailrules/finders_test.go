package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// TestModulesThatChangeWhileARunGoesOn: what was loaded stays, until something
// that may take its place does.
func TestModulesThatChangeWhileARunGoesOn(t *testing.T) {
	data, err := os.ReadFile("../../engine/wasm/testdata/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	module := func(version string) []byte {
		packed, err := wasm.Pack(data, []byte(`{"name":"probe","version":"`+version+`","abi":"tqx1","types":["string"],"wants":[{"kind":"text"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	tests := []struct {
		name, pin string
		change    func(t *testing.T, path string)
		version   string // afterwards
		log       string
	}{
		{"it disappears", settings.AnyDigest, func(t *testing.T, path string) { os.Remove(path) }, "1.0.0", "extractor changed and is kept as it was loaded"},
		{"another one takes its place", settings.AnyDigest, func(t *testing.T, path string) { replaceFile(t, path, module("2.0.0")) }, "2.0.0", `msg="extractor replaced" extractor=probe`},
		{"another one although it is pinned", wasm.Digest(module("1.0.0")), func(t *testing.T, path string) { replaceFile(t, path, module("2.0.0")) }, "1.0.0", "has the digest"},
		{"it is no module any more", settings.AnyDigest, func(t *testing.T, path string) { replaceFile(t, path, []byte("text")) }, "1.0.0", "refused: at byte 0x0"},
		{"nothing", settings.AnyDigest, func(*testing.T, string) {}, "1.0.0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "probe.wasm")
			replaceFile(t, path, module("1.0.0"))
			cfg, diags := settings.Parse("c.yaml", []byte("sources: [ { files: { path: x } } ]\nrules: [ r.yaml ]\nsinks: [ { jsonl: { path: o } } ]\ncache: none\n"+
				"extractors: [ { name: probe, wasm: "+path+", sha256: "+tt.pin+" } ]\n"))
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			f, diags, err := (&app{err: io.Discard}).finders(t.Context(), cfg)
			if err != nil || len(diags) > 0 {
				t.Fatal(diags, err)
			}
			defer f.close()
			tt.change(t, path)
			var log bytes.Buffer
			for range 2 {
				f.modules[0].refresh(t.Context(), f.host, slog.New(slog.NewTextHandler(&log, nil)))
			}
			if lines := strings.Count(log.String(), "\n"); !strings.Contains(log.String(), tt.log) || lines > 1 || (lines == 0) != (tt.log == "") {
				t.Errorf("log %q, want %q, once", log.String(), tt.log)
			}
			x := f.all[len(f.all)-1]
			found, err := x.Extract(t.Context(), engine.Input{Parts: []engine.InputPart{{PartInfo: engine.PartInfo{ID: "t", Kind: "text"}, Text: "x"}}})
			if err != nil || len(found) != 1 || x.Info().Version != tt.version {
				t.Errorf("version %s, %v, %v; want %s", x.Info().Version, found, err, tt.version)
			}
		})
	}
}

// TestASignatureMayFollowItsModule: a signed module is replaced when both files are
// there, in whichever order they were written.
func TestASignatureMayFollowItsModule(t *testing.T) {
	public, private, err := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("../../engine/wasm/testdata/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	module := func(version string) []byte {
		packed, err := wasm.Pack(data, []byte(`{"name":"probe","version":"`+version+`","abi":"tqx1","types":["string"],"wants":[{"kind":"text"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	path := filepath.Join(t.TempDir(), "probe.wasm")
	write := func(version string) { replaceFile(t, path, module(version)) }
	written := time.Now()
	sign := func(version string) {
		replaceFile(t, path+".sig", wasm.Sign(private, module(version)))
		written = written.Add(time.Minute) // file systems may keep coarse times
		if err := os.Chtimes(path+".sig", written, written); err != nil {
			t.Fatal(err)
		}
	}
	write("1.0.0")
	sign("1.0.0")
	cfg, diags := settings.Parse("c.yaml", []byte("sources: [ { files: { path: x } } ]\nrules: [ r.yaml ]\nsinks: [ { jsonl: { path: o } } ]\ncache: none\n"+
		"extractors: [ { name: probe, wasm: "+path+", key: "+base64.StdEncoding.EncodeToString(public)+" } ]\n"))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	f, diags, err := (&app{err: io.Discard}).finders(t.Context(), cfg)
	if err != nil || len(diags) > 0 {
		t.Fatal(diags, err)
	}
	defer f.close()
	refresh := func(want string) {
		t.Helper()
		f.modules[0].refresh(t.Context(), f.host, slog.New(slog.DiscardHandler))
		if got := f.all[len(f.all)-1].Info().Version; got != want {
			t.Errorf("version %s, want %s", got, want)
		}
	}
	write("2.0.0-next")
	refresh("1.0.0")
	sign("2.0.0-next")
	refresh("2.0.0-next")
}

func replaceFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
