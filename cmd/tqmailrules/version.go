package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
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
		return func(_ context.Context, a *app, _ []string) exit {
			v := thisBuild()
			if *asJSON {
				a.printJSON(v)
				return exitOK
			}
			fmt.Fprintf(a.out, "tqmailrules %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			fmt.Fprintf(a.out, "sources     %s\nsinks       %s\nextractors  %s\n", strings.Join(v.Sources, ", "), strings.Join(v.Sinks, ", "), strings.Join(v.Extractors, ", "))
			fmt.Fprintf(a.out, "planned, not executed by this build: %s\n", strings.Join(v.Planned, ", "))
			return exitOK
		}
	},
}

type build struct {
	Version    string   `json:"version"`
	Go         string   `json:"go"`
	Platform   string   `json:"platform"`
	Sources    []string `json:"sources"`
	Sinks      []string `json:"sinks"`
	Extractors []string `json:"extractors"`
	Planned    []string `json:"planned_not_executed"`
}

func thisBuild() build {
	return build{
		Version: versionText(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Sources: []string{"files"}, Sinks: []string{"jsonl", "sqlite"}, Extractors: []string{builtinName, "wasm", "regex"}, Planned: plannedKinds(),
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
