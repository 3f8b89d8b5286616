package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/extkit"
	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/ui"
	"github.com/tqmailrules/tqmailrules/engine/wasm"
)

// signatureSuffix is added to a module's name for the file of its signature.
const signatureSuffix = ".sig"

var extPackCommand = command{
	name:    "ext pack",
	args:    "MODULE.wasm DESCRIPTION.json -o FILE",
	summary: "put a description into a module that was built elsewhere",
	long: `
Checks a description and writes a copy of the module that holds it, in place of one
it held before. tqmailrules ext build does this for projects.

examples:
  tqmailrules ext pack target/kits.wasm extractor.json -o kits.wasm`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		p := &extPack{}
		fs.StringVar(&p.out, "o", "", "`file` to write")
		return p.run
	},
}

type extPack struct{ out string }

func (p *extPack) run(_ context.Context, a *app, args []string) exit {
	if len(args) != 2 || p.out == "" {
		return a.usage("ext pack", "give a module, a description and -o FILE")
	}
	found, err := extkit.Pack(args[0], args[1], p.out)
	if err != nil {
		return a.kitFail("ext pack", err)
	}
	fmt.Fprintf(a.out, "%s  %s\nsha256 %s\n", filepath.ToSlash(p.out), ui.Size(int64(found.Size)), found.Digest)
	return exitOK
}

var extKeygenCommand = command{
	name:    "ext keygen",
	args:    "FILE",
	summary: "make a pair of keys to sign modules with",
	long: `
Writes a private key to FILE, which only its owner can read, and the public key that
belongs to it to FILE.pub. The line in FILE.pub is what the key of an extractor in a
configuration wants. Files that are there are left alone.

examples:
  tqmailrules ext keygen ~/.config/tqmailrules/signing`,
	flags: func(*flag.FlagSet) func(context.Context, *app, []string) exit { return extKeygen },
}

func extKeygen(_ context.Context, a *app, args []string) exit {
	if len(args) != 1 {
		return a.usage("ext keygen", "give one file")
	}
	if err := newKeys(args[0], args[0]+".pub"); err != nil {
		return a.kitFail("ext keygen", err)
	}
	fmt.Fprintf(a.out, "private key  %s\npublic key   %s\n", filepath.ToSlash(args[0]), filepath.ToSlash(args[0]+".pub"))
	return exitOK
}

// newKeys writes both files or, when one is there, neither.
func newKeys(private, public string) error {
	if isFile(public) {
		return &os.PathError{Op: "open", Path: public, Err: os.ErrExist}
	}
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(private, key.Seed(), 0o600); err != nil {
		return err
	}
	return writeKey(public, pub, 0o644)
}

// writeKey writes a new file of one line of base64.
func writeKey(path string, key []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(append(base64.StdEncoding.AppendEncode(nil, key), '\n'))
	return errors.Join(err, f.Close())
}

// readKey reads 32 bytes of base64. What is in the file is not shown: it may be
// private.
func readKey(path, what string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(data)))
	if err != nil || len(key) != 32 {
		return nil, &extkit.Author{Text: path + " holds no " + what, Hint: "tqmailrules ext keygen FILE makes a private key FILE and a public key FILE.pub"}
	}
	return key, nil
}

var extSignCommand = command{
	name:    "ext sign",
	args:    "--key FILE MODULE.wasm",
	summary: "sign a module",
	long: `
Writes a signature of the module beside it, in a file with .sig added to its name. A
configuration that names the public key takes every module that this key signed.

examples:
  tqmailrules ext sign --key ~/.config/tqmailrules/signing kits.wasm`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		s := &signing{}
		fs.StringVar(&s.key, "key", "", "`file` of the private key")
		return s.sign
	},
}

var extVerifyCommand = command{
	name:    "ext verify",
	args:    "--key FILE.pub MODULE.wasm",
	summary: "tell whether a module was signed by a key",
	long: `
Verifies the signature beside a module (its name with .sig added). Exit status 2
says that there is none, or that it is of another key or another module.

examples:
  tqmailrules ext verify --key signing.pub kits.wasm`,
	flags: func(fs *flag.FlagSet) func(context.Context, *app, []string) exit {
		s := &signing{}
		fs.StringVar(&s.key, "key", "", "`file` of the public key")
		return s.verify
	},
}

type signing struct{ key string }

func (s *signing) sign(_ context.Context, a *app, args []string) exit {
	if len(args) != 1 || s.key == "" {
		return a.usage("ext sign", "give --key FILE and one module")
	}
	seed, err := readKey(s.key, "private key")
	if err != nil {
		return a.kitFail("ext sign", err)
	}
	module, err := os.ReadFile(args[0])
	if err != nil {
		return a.kitFail("ext sign", err)
	}
	if _, err := extkit.Inspect(module); err != nil {
		return a.kitFail("ext sign", fmt.Errorf("%s: %w", args[0], err))
	}
	signature := wasm.Sign(ed25519.NewKeyFromSeed(seed), module)
	if err := os.WriteFile(args[0]+signatureSuffix, signature, 0o644); err != nil {
		return a.kitFail("ext sign", err)
	}
	fmt.Fprintf(a.out, "signed %s: %s\n", filepath.ToSlash(args[0]), filepath.ToSlash(args[0]+signatureSuffix))
	return exitOK
}

func (s *signing) verify(_ context.Context, a *app, args []string) exit {
	if len(args) != 1 || s.key == "" {
		return a.usage("ext verify", "give --key FILE.pub and one module")
	}
	key, err := readKey(s.key, "public key")
	if err != nil {
		return a.kitFail("ext verify", err)
	}
	module, err := os.ReadFile(args[0])
	if err != nil {
		return a.kitFail("ext verify", err)
	}
	signature, err := os.ReadFile(args[0] + signatureSuffix)
	if err == nil {
		err = wasm.Verify(key, module, signature)
	}
	if err != nil {
		return a.kitFail("ext verify", err)
	}
	fmt.Fprintf(a.out, "%s is signed by %s\n", filepath.ToSlash(args[0]), filepath.ToSlash(s.key))
	return exitOK
}
