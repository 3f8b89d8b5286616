package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
)

var extNewCommand = command{
	name:    "ext new",
	args:    "NAME [--lang LANGUAGE] [--dir DIR]",
	summary: "make a project of a new extractor",
	long: `
Makes a folder NAME with a small extractor that works, twenty mails, what is to be
found in each, and the library of the language. One expectation is red; a comment
in the source says which line makes it green. Its README leads on from there. With
the language go nothing but Go is needed, and no network.

examples:
  tqmailrules ext new kits
  tqmailrules ext new kits --lang rust --dir ~/extractors`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		n := &extNew{}
		fs.StringVar(&n.lang, "lang", "go", "`language`: "+strings.Join(extkit.Languages(), ", "))
		fs.StringVar(&n.dir, "dir", ".", "`folder` in which the project's is made")
		return n.run
	},
}

type extNew struct{ lang, dir string }

func (n *extNew) run(_ context.Context, a *app, args []string) exit {
	if len(args) != 1 {
		return a.usage("ext new", "give one name")
	}
	dir, err := extkit.New(n.dir, args[0], n.lang)
	if err != nil {
		return a.kitFail("ext new", err)
	}
	fmt.Fprintf(a.out, "made %s; next: tqmailrules ext test %s\n", filepath.ToSlash(dir), shellWord(filepath.ToSlash(dir)))
	return exitOK
}

var plainWord = regexp.MustCompile(`^[\w./:+,=@%-]+$`)

// shellWord writes a text so that a shell takes it for one word.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
