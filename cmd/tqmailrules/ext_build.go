package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
)

var extBuildCommand = command{
	name:    "ext build",
	args:    "[DIR] [-o FILE]",
	summary: "compile a project, pack its description, check the module",
	long: `
Runs the compiler of the project's language, which is known by its files (go.mod,
src/lib.rs, assembly/index.ts, *.c, *.wat), packs extractor.json into the module,
and checks it as it will be checked when it is loaded. The module is written to
DIR/NAME.wasm, and only when all of that went well.

examples:
  tqmailrules ext build
  tqmailrules ext build kits -o /srv/tqmailrules/kits.wasm`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		b := &extBuild{}
		fs.StringVar(&b.out, "o", "", "`file` to write; DIR/NAME.wasm when left out")
		return b.run
	},
}

type extBuild struct{ out string }

func (b *extBuild) run(ctx context.Context, a *app, args []string) exit {
	dir, ok := oneOr(args, ".")
	if !ok {
		return a.usage("ext build", "one project at a time")
	}
	built, err := extkit.Build(ctx, dir, b.out, a.err)
	if err != nil {
		return a.kitFail("ext build", err)
	}
	fmt.Fprintf(a.out, "%s  %s  %s\nsha256 %s\n", filepath.ToSlash(built.Path), built.Found.Kind, ui.Size(int64(built.Found.Size)), built.Found.Digest)
	return exitOK
}

// oneOr is the only argument, or otherwise when there is none.
func oneOr(args []string, otherwise string) (string, bool) {
	if len(args) == 0 {
		return otherwise, true
	}
	return args[0], len(args) == 1
}
