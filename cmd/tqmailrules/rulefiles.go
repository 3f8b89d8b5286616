package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
	"github.com/tqmailrules/tqmailrules/rules"
)

// testSuffix marks files of rule tests, which stand beside rule files.
const testSuffix = ".test.yaml"

// ruleFiles finds the rule files that arguments name: files, folders (with what
// is below them) and patterns. Test files are left out, those that a shell put
// in for *.yaml as well.
func ruleFiles(args []string) ([]string, error) {
	isRule := func(name string) bool { return !strings.HasSuffix(name, testSuffix) }
	found, err := yamlFiles(args, "rule files", isRule)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(slices.Clone(found), func(f string) bool { return !isRule(f) })
	if len(all) == 0 && len(found) > 0 {
		return nil, fmt.Errorf("%s is a test file: tqmailrules test runs it", found[0])
	}
	return all, nil
}

// yamlFiles finds the wanted files; kind names them in what the user is told.
func yamlFiles(args []string, kind string, wanted func(string) bool) ([]string, error) {
	var all []string
	for _, arg := range args {
		found, err := expand(arg, kind, wanted)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

func expand(arg, kind string, wanted func(string) bool) ([]string, error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return below(arg, kind, wanted)
	case err == nil:
		return []string{arg}, nil
	}
	found, globErr := filepath.Glob(arg)
	if globErr != nil || len(found) == 0 {
		return nil, fmt.Errorf("%s %q: no such file, folder or pattern", kind, arg)
	}
	return slices.DeleteFunc(found, func(f string) bool { return !wanted(f) }), nil
}

func below(dir, kind string, wanted func(string) bool) (all []string, err error) {
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		ext := filepath.Ext(p)
		if err == nil && !d.IsDir() && (ext == ".yaml" || ext == ".yml") && wanted(p) {
			all = append(all, p)
		}
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s %q: the folder holds none", kind, dir)
	}
	return all, err
}

// loadRules reads and checks rule files.
func loadRules(args []string, opt rules.Options) (*rules.Set, yamlfile.Diagnostics, error) {
	paths, err := ruleFiles(args)
	if err != nil {
		return nil, nil, err
	}
	var files []rules.File
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, rules.File{Name: p, Data: data})
	}
	set, diags := rules.Load(files, opt)
	return set, diags, nil
}
