package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
)

// version is set by the linker for releases.
var version = ""

var versionCommand = command{
	name:    "version",
	args:    "[--json]",
	summary: "print the version and what this build can do",
	long:    "Prints the version, the platform, and which sources, sinks and actions are in this build.",
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		asJSON := fs.Bool("json", false, "write JSON")
		return func(ctx context.Context, a *app, _ []string) exit {
			v := thisBuild(ctx)
			if *asJSON {
				a.printJSON(v)
				return exitOK
			}
			fmt.Fprintf(a.out, "tqmailrules %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			fmt.Fprintf(a.out, "sources     %s\nsinks       %s\nextractors  %s\n", strings.Join(v.Sources, ", "), strings.Join(v.Sinks, ", "), strings.Join(v.Extractors, ", "))
			fmt.Fprintf(a.out, "attachments %s\n", isolation(v.Confined))
			return exitOK
		}
	},
}

// isolation says in words how attachments are opened here.
func isolation(confined []string) string {
	if len(confined) == 0 {
		return "opened in processes that are not confined: this system has no way that is known here"
	}
	return "opened in processes confined by " + strings.Join(confined, ", ")
}

type build struct {
	Version    string   `json:"version"`
	Go         string   `json:"go"`
	Platform   string   `json:"platform"`
	Sources    []string `json:"sources"`
	Sinks      []string `json:"sinks"`
	Extractors []string `json:"extractors"`
	Confined   []string `json:"confined"` // what processes that open attachments are confined by
}

func thisBuild(ctx context.Context) build {
	return build{
		Version: versionText(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Sources: settings.Sources(), Sinks: settings.Sinks(), Extractors: []string{builtinName, contextName, "wasm", "regex"}, Confined: confinement(ctx),
	}
}

// versionText is what the linker set, else what the module was fetched as.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}
