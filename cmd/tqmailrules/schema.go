package main

import (
	"context"
	"flag"

	"github.com/tqmailrules/tqmailrules/rules"
)

var schemaCommand = command{
	name:    "schema",
	args:    "",
	summary: "print the JSON Schema of rule files",
	long: `
Editors that know the YAML language server complete and check rule files as they
are written, with this schema:

  tqmailrules schema > rules.schema.json
  # yaml-language-server: $schema=rules.schema.json   (first line of a rule file)`,
	flags: func(*flag.FlagSet) func(context.Context, *app, []string) exit {
		return func(_ context.Context, a *app, args []string) exit {
			if len(args) > 0 {
				return a.usage("schema", "takes no arguments")
			}
			a.out.Write(rules.Schema())
			return exitOK
		}
	},
}
