package arch_test

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tqmailrules/tqmailrules/internal/arch"
)

func TestImportsFollowTheTable(t *testing.T) {
	found, err := arch.Check(os.DirFS("../.."), arch.Table)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

func TestPlantedImportsAreFound(t *testing.T) {
	tests := []struct{ name, file, target, want string }{
		{"engine to third party", "engine/x.go", "github.com/expr-lang/expr", "third-party"},
		{"engine to a leaf", "engine/x.go", arch.Module + "/internal/names", "standard library only"},
		{"sink to sink", "engine/sink/jsonl/x.go", arch.Module + "/engine/sink/sqlite", "siblings"},
		{"sink to rules", "engine/sink/jsonl/x.go", arch.Module + "/rules", "siblings"},
		{"rules to mail", "rules/x.go", arch.Module + "/engine/mail", "siblings"},
		{"leaf to leaf", "internal/names/x.go", arch.Module + "/internal/fold", "no other leaf"},
		{"second owner", "engine/extract/x.go", "modernc.org/sqlite", "one owner"},
		{"test module outside tests", "engine/mail/x.go", "github.com/google/go-cmp/cmp", "one owner"},
		{"unlisted package", "engine/newcomer/x.go", "fmt", "not in the table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := fstest.MapFS{tt.file: {Data: []byte("package x\n\nimport _ \"" + tt.target + "\"\n")}}
			found, err := arch.Check(tree, arch.Table)
			if err != nil || len(found) != 1 || !strings.Contains(found[0].Why, tt.want) {
				t.Errorf("found %v, %v; want one violation that says %q", found, err, tt.want)
			}
		})
	}
}

// TestOnePackageComment wants exactly one package comment in every package.
func TestOnePackageComment(t *testing.T) {
	root := os.DirFS("../..")
	for dir := range arch.Table {
		entries, err := fs.ReadDir(root, dir)
		if err != nil {
			continue // listed before it is built
		}
		comments := 0
		files := 0
		for _, e := range entries {
			if path.Ext(e.Name()) != ".go" || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			files++
			src, err := fs.ReadFile(root, path.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			before, _, _ := strings.Cut("\n"+string(src), "\npackage ")
			if strings.HasSuffix(strings.TrimRight(before, " "), "\n") || !strings.Contains(before, "//") {
				continue
			}
			if last := before[strings.LastIndex(before, "\n")+1:]; strings.HasPrefix(last, "//") && !strings.HasPrefix(last, "//go:") {
				comments++
			}
		}
		if files > 0 && comments != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, comments)
		}
	}
}
