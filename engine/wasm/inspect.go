package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// ModuleKind is how a module is called.
type ModuleKind string

// The two kinds of ABI.md.
const (
	Reactor ModuleKind = "reactor"
	Command ModuleKind = "command"
)

// Inspection is what can be said of a module without running or compiling it.
type Inspection struct {
	Digest      string // SHA-256 of the file, hex
	Size        int    // bytes
	Kind        ModuleKind
	Info        *meter.Info
	Description *Description // nil when none is packed
	Problem     error        // why it would be refused; nil when nothing is known against it
}

// Inspect reads a module. Its error says that it is none, or beyond a cap; what
// else is wrong with it is its Problem.
func Inspect(module []byte, l Limits) (*Inspection, error) {
	read, err := meter.Decode(module, l.WithDefaults().caps())
	if err != nil {
		return nil, refused("%v", err)
	}
	info := read.Info()
	in := &Inspection{Digest: Digest(module), Size: len(module), Info: info}
	in.Kind, in.Problem = kindOf(info)
	if in.Problem == nil {
		_, err = read.Rewrite()
		in.Problem = asRefused(err)
	}
	data, packed := custom(info, Section)
	if !packed {
		return in, nil
	}
	if in.Description, err = ParseDescription(data); err != nil && in.Problem == nil {
		in.Problem = refused("description: %v", err)
	}
	return in, nil
}

func asRefused(err error) error {
	if err == nil {
		return nil
	}
	return refused("%v", err)
}

// Digest is the SHA-256 digest of a module in hex, by which configurations pin it.
func Digest(module []byte) string {
	sum := sha256.Sum256(module)
	return hex.EncodeToString(sum[:])
}

// Pack adds a description to a module, in place of one it has, after checking both.
func Pack(module, description []byte) ([]byte, error) {
	if _, err := ParseDescription(description); err != nil {
		return nil, refused("description: %v", err)
	}
	packed, err := meter.AppendCustom(module, Section, description)
	return packed, asRefused(err)
}

// reactorExports are the functions of a reactor and their types; those that are
// needed come first.
var reactorExports = []struct {
	name, signature string
	needed          bool
}{
	{"tqx_abi_v1", "() -> ()", true},
	{"tqx_alloc", "(i32) -> (i32)", true},
	{"tqx_extract", "(i32, i32) -> (i64)", true},
	{"tqx_describe", "() -> (i64)", false},
	{"_initialize", "() -> ()", false},
}

// kindOf checks exports and imports, and says how the module is called.
func kindOf(info *meter.Info) (ModuleKind, error) {
	kind, err := exportedKind(info)
	if err != nil {
		return "", err
	}
	return kind, checkImports(info)
}

func exportedKind(info *meter.Info) (ModuleKind, error) {
	if e, ok := export(info, "memory"); !ok || e.Kind != meter.KindMemory {
		return "", &Error{Kind: ABI, Detail: "it exports no memory named memory"}
	}
	if _, ok := export(info, "tqx_abi_v1"); ok {
		return Reactor, checkReactor(info)
	}
	if other := slices.IndexFunc(info.Exports, func(e meter.Export) bool { return strings.HasPrefix(e.Name, "tqx_abi_v") }); other >= 0 {
		return "", &Error{Kind: ABI, Detail: fmt.Sprintf("it speaks %s; this host speaks tqx_abi_v1", info.Exports[other].Name)}
	}
	if exports(info, "_start", "() -> ()") {
		return Command, nil
	}
	return "", &Error{Kind: ABI, Detail: "it exports neither tqx_abi_v1 nor _start"}
}

func checkReactor(info *meter.Info) error {
	for _, e := range reactorExports {
		found, ok := export(info, e.name)
		switch {
		case !ok && e.needed:
			return &Error{Kind: ABI, Detail: fmt.Sprintf("it does not export %s %s", e.name, e.signature)}
		case ok && found.Kind != meter.KindFunction:
			return &Error{Kind: ABI, Detail: fmt.Sprintf("its export %s is no function", e.name)}
		case ok && found.Type.String() != e.signature:
			return &Error{Kind: ABI, Detail: fmt.Sprintf("its export %s is %s, not %s", e.name, found.Type, e.signature)}
		}
	}
	return nil
}

func exports(info *meter.Info, name, signature string) bool {
	e, ok := export(info, name)
	return ok && e.Kind == meter.KindFunction && e.Type.String() == signature
}

// checkImports wants every import to be one that the host has.
func checkImports(info *meter.Info) error {
	for _, i := range info.Imports {
		want, known := importable(i.Module, i.Name)
		switch {
		case !known || i.Kind != meter.KindFunction:
			return refused("it imports %s %s.%s, which there is not", i.Kind, i.Module, i.Name)
		case i.Type.String() != want:
			return refused("it imports %s.%s as %s; it is %s", i.Module, i.Name, i.Type, want)
		}
	}
	return nil
}

func importable(module, name string) (signature string, ok bool) {
	if module == logModule && name == "log" {
		return "(i32, i32, i32) -> ()", true
	}
	for _, f := range wasiFunctions {
		if module == wasiModule && f.name == name {
			return f.signature(), true
		}
	}
	return "", false
}

func export(info *meter.Info, name string) (meter.Export, bool) {
	i := slices.IndexFunc(info.Exports, func(e meter.Export) bool { return e.Name == name })
	if i < 0 {
		return meter.Export{}, false
	}
	return info.Exports[i], true
}

// custom is the content of a custom section; of several of a name the first.
func custom(info *meter.Info, name string) ([]byte, bool) {
	i := slices.IndexFunc(info.Customs, func(c meter.Custom) bool { return c.Name == name })
	if i < 0 {
		return nil, false
	}
	return info.Customs[i].Data, true
}
