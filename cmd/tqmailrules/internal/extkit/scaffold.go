package extkit

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	wasmextractors "github.com/tqmailrules/tqmailrules/wasm-extractors"
)

// New makes a project called name, in the language, in a folder of its own name
// below parent, and returns the folder. A folder that is there already is left
// alone.
func New(parent, name, lang string) (dir string, err error) {
	if !projectName.MatchString(name) {
		return "", author("lower-case letters, digits and dashes, beginning with a letter, 40 at most", "%q is no name for an extractor", name)
	}
	l, ok := languageNamed(lang)
	if !ok {
		return "", author("one of "+strings.Join(Languages(), ", "), "there is no language %q", lang)
	}
	dir = filepath.Join(parent, name)
	if _, err := os.Lstat(dir); err == nil {
		return "", author("give another name, or another folder with --dir", "%s is there already", dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return dir, l.write(dir, name)
}

// write copies the templates and the library into dir.
func (l language) write(dir, name string) error {
	fill := strings.NewReplacer("@NAME@", name, "@SOURCE@", l.what, "@LIBRARY@", l.libraryRow())
	for _, from := range []string{"templates/common", "templates/" + l.name} {
		if err := copyTree(from, dir, fill); err != nil {
			return err
		}
	}
	if l.sdk == "" {
		return nil
	}
	return copyLibrary("sdk/"+l.sdk, filepath.Join(dir, l.copied))
}

// libraryRow is the row of the library in the table of a project's README.
func (l language) libraryRow() string {
	if l.sdk == "" {
		return ""
	}
	return "| `" + l.library + "` | what it needs to read its input and write its output; yours to keep |\n"
}

// copyTree copies a folder of templates, filled in. A .tmpl at the end of a name
// goes: it keeps the tools of this repository from taking a template for code.
func copyTree(from, to string, fill *strings.Replacer) error {
	return fs.WalkDir(wasmextractors.Files, from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(wasmextractors.Files, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, filepath.FromSlash(strings.TrimSuffix(strings.TrimPrefix(name, from), ".tmpl")))
		return writeFile(target, []byte(fill.Replace(string(data))))
	})
}

// copyLibrary copies the sources of a library, not its tests and pages.
func copyLibrary(from, to string) error {
	entries, err := fs.ReadDir(wasmextractors.Files, from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), "_test.go") || path.Ext(e.Name()) == ".md" {
			continue
		}
		data, err := fs.ReadFile(wasmextractors.Files, path.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(to, e.Name()), data); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file in one step, so that nobody reads half of it, and
// leaves one alone that holds the same.
func writeFile(name string, data []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	var why *fs.PathError
	if errors.As(err, &why) {
		return &fs.PathError{Op: "write", Path: name, Err: why.Err} // of the other name nobody has heard
	}
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // is gone when all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
