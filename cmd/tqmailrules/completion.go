package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
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
	b.WriteString("_tqmailrules() {\n  local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n")
	fmt.Fprintf(&b, "    COMPREPLY=($(compgen -W %q -- \"$cur\")); return\n  fi\n", strings.Join(append(firstWords(), "help"), " "))
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(&b, "  if [ \"$command\" = %s ]; then\n    if [ \"$COMP_CWORD\" -eq 2 ]; then\n", g)
		fmt.Fprintf(&b, "      COMPREPLY=($(compgen -W %q -- \"$cur\")); return\n    fi\n    command=\"%s ${COMP_WORDS[2]}\"\n  fi\n", strings.Join(wordsOf(g), " "), g)
	}
	b.WriteString("  case $command in\n")
	fmt.Fprintf(&b, "    help) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", strings.Join(firstWords(), " "))
	fmt.Fprintf(&b, "    completion) COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$cur\")) ;;\n")
	for _, c := range commands() {
		if len(flagsOf(c)) == 0 {
			continue
		}
		fmt.Fprintf(&b, "    %q) [[ $cur == -* ]] && COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", c.name, strings.Join(flagsOf(c), " "))
	}
	b.WriteString("  esac\n}\ncomplete -o default -F _tqmailrules tqmailrules\n")
	return b.String()
}

// firstWords are what a command line can begin with.
func firstWords() (all []string) {
	for _, name := range commandNames() {
		word, _, _ := strings.Cut(name, " ")
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// wordsOf are the second words of a group's commands.
func wordsOf(group string) (all []string) {
	for _, name := range commandNames() {
		if word, ok := strings.CutPrefix(name, group+" "); ok {
			all = append(all, word)
		}
	}
	return all
}

func zshCompletion() string {
	return "autoload -U +X bashcompinit && bashcompinit\n" + bashCompletion()
}

func fishCompletion() string {
	var b strings.Builder
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(&b, "complete -c tqmailrules -n __fish_use_subcommand -a %s -d %q\n", g, groups[g])
	}
	for _, c := range commands() {
		here, used := "__fish_use_subcommand", "__fish_seen_subcommand_from "+c.name
		group, word, two := strings.Cut(c.name, " ")
		if two {
			here = fmt.Sprintf("'__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from %s'", group, strings.Join(wordsOf(group), " "))
			used = fmt.Sprintf("__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s", group, word)
		} else {
			word, used = c.name, "not __fish_seen_subcommand_from "+strings.Join(slices.Sorted(maps.Keys(groups)), " ")+"; and "+used
		}
		fmt.Fprintf(&b, "complete -c tqmailrules -n %s -a %s -d %q\n", here, word, c.summary)
		for _, f := range flagsOf(c) {
			kind := "-l " + strings.TrimLeft(f, "-")
			if !strings.HasPrefix(f, "--") {
				kind = "-s " + strings.TrimLeft(f, "-")
			}
			fmt.Fprintf(&b, "complete -c tqmailrules -n '%s' %s\n", used, kind)
		}
	}
	return b.String()
}
