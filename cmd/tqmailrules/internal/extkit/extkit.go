// Package extkit is what authors of extractor modules work with: it makes a
// project, builds it with the compiler of its language, and holds what it finds
// in mails against golden files.
//
// A project is a folder:
//
//	extractor.json            the description, which is packed into the module
//	go.mod, src/lib.rs, ...   sources; they say which language it is
//	testdata/mails/*.eml      mails
//	testdata/golden/*.json    what is to be found in each
//	testdata/config.json      the configuration to test with; may be missing
//	NAME.wasm                 the module
//
// The package runs compilers and writes into the project, and nowhere else. It
// parses no mail and runs no module: the caller does.
package extkit

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Author is an error of whoever wrote a project or a command line. What to do
// about it is Hint, if there is something.
type Author struct {
	Text string
	Hint string
}

func (e *Author) Error() string { return e.Text }

func author(hint, format string, args ...any) *Author {
	return &Author{Text: fmt.Sprintf(format, args...), Hint: hint}
}

// DescriptionFile is the name of a project's description.
const DescriptionFile = "extractor.json"

// Name is what the module of the project in dir is called: the name of the folder,
// by whatever link it was reached.
func Name(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if real, failed := filepath.EvalSymlinks(abs); failed == nil {
		abs = real
	}
	return filepath.Base(abs), err
}

var projectName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// variant is a project in one of several languages, which share their testdata.
var variant = regexp.MustCompile(`^(.+)-(` + strings.Join(Languages(), "|") + `)$`)

// Testdata is the folder of a project's mails and golden files: testdata in it;
// or, for NAME-LANGUAGE without one, that of the NAME beside it.
func Testdata(dir string) (string, error) {
	own := filepath.Join(dir, "testdata")
	if _, err := os.Stat(own); err == nil {
		return own, nil
	}
	name, err := Name(dir)
	if err != nil {
		return "", err
	}
	if m := variant.FindStringSubmatch(name); m != nil {
		shared := filepath.Join(dir, "..", m[1], "testdata")
		if _, err := os.Stat(shared); err == nil {
			return shared, nil
		}
	}
	return own, nil
}

// Mails are the paths of the mails in a folder, sorted.
func Mails(dir string) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(escape(dir), "*.eml"))
	if err == nil && len(all) == 0 {
		return nil, author("put mails there, or name another folder with --mails", "no mails (*.eml) in %s", dir)
	}
	slices.Sort(all)
	return all, err
}

// escape makes a path stand for itself in a pattern.
func escape(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
