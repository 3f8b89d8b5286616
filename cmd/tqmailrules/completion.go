package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
)

// completionCommand is a function because it lists the commands in turn.
func completionCommand() command {
	return command{
		name:    "completion",
		args:    "bash|zsh|fish",
		summary: "print a completion script for a shell",
		long: `
examples:
  source <(tqmailrules completion bash)
  tqmailrules completion fish > ~/.config/fish/completions/tqmailrules.fish`,
		flags: func(*flag.FlagSet) func(context.Context, *app, []string) exit {
			return func(_ context.Context, a *app, args []string) exit {
				scripts := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
				if len(args) != 1 || scripts[args[0]] == nil {
					return a.usage("completion", "name one shell: bash, zsh or fish")
				}
				fmt.Fprint(a.out, scripts[args[0]]())
				return exitOK
			}
		},
	}
}

// flagsOf lists the flags of a command as they are typed.
func flagsOf(c command) (all []string) {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.flags(fs)
	fs.VisitAll(func(f *flag.Flag) {
		if len(f.Name) == 1 {
			all = append(all, "-"+f.Name)
		} else {
			all = append(all, "--"+f.Name)
		}
	})
	return all
}

func bashCompletion() string {
	var b strings.Builder
	b.WriteString("_tqmailrules() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n")
	fmt.Fprintf(&b, "    COMPREPLY=($(compgen -W %q -- \"$cur\")); return\n  fi\n  case ${COMP_WORDS[1]} in\n", strings.Join(append(commandNames(), "help"), " "))
	fmt.Fprintf(&b, "    help) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", strings.Join(commandNames(), " "))
	fmt.Fprintf(&b, "    completion) COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$cur\")) ;;\n")
	for _, c := range commands() {
		if len(flagsOf(c)) == 0 {
			continue
		}
		fmt.Fprintf(&b, "    %s) [[ $cur == -* ]] && COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", c.name, strings.Join(flagsOf(c), " "))
	}
	b.WriteString("  esac\n}\ncomplete -o default -F _tqmailrules tqmailrules\n")
	return b.String()
}

func zshCompletion() string {
	return "autoload -U +X bashcompinit && bashcompinit\n" + bashCompletion()
}

func fishCompletion() string {
	var b strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&b, "complete -c tqmailrules -n __fish_use_subcommand -a %s -d %q\n", c.name, c.summary)
		for _, f := range flagsOf(c) {
			kind := "-l " + strings.TrimLeft(f, "-")
			if !strings.HasPrefix(f, "--") {
				kind = "-s " + strings.TrimLeft(f, "-")
			}
			fmt.Fprintf(&b, "complete -c tqmailrules -n '__fish_seen_subcommand_from %s' %s\n", c.name, kind)
		}
	}
	return b.String()
}
