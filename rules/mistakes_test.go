package rules_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tqmailrules/tqmailrules/rules"
)

// Each file of testdata/mistakes is full of them; beside it stands the full
// text of what its author is told.
func TestMistakesAreTold(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			set, diags := rules.Load([]rules.File{{Name: name, Data: data}}, mistakeOptions)
			if set != nil || len(diags) == 0 {
				t.Fatalf("loaded in spite of %d diagnostics", len(diags))
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".want", diags.String()+"\n")
			for _, leak := range []string{"engine.", "interface {}", "reflect", "func(", "*rules", "\u00b7", "nil pointer", "runtime error"} {
				if strings.Contains(diags.String(), leak) {
					t.Errorf("the diagnostics let %q out", leak)
				}
			}
		})
	}
}

var mistakeOptions = rules.Options{
	Secrets: []string{"default"}, Extractors: []string{"wallets", "x"}, Sinks: []string{"threatq", "sqlite"},
	Open: func(path string) (io.ReadCloser, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("no such file or directory")}
	},
}
