package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/tqmailrules/tqmailrules/cmd/tqmailrules/internal/settings"
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/unpack"
	"github.com/tqmailrules/tqmailrules/engine/unpack/sealed"
	"github.com/tqmailrules/tqmailrules/engine/unpack/task"
	"github.com/tqmailrules/tqmailrules/engine/unpack/worker"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// What a worker may use for one attachment.
const (
	workerMemory = 512 << 20
	workerTime   = 8 * time.Second
)

// workerCommand is the command by which this program starts itself to unpack
// what attackers sent. It is in no list of commands.
const workerCommand = "unpack-worker"

// unpacker is what opens attachments, and how to end it.
type unpacker interface {
	engine.Unpacker
	Close() error
}

// inProcess unpacks here: for systems that have no way to hand files to a worker,
// and for people who debug a reader.
type inProcess struct{ *unpack.Unpacker }

func (inProcess) Close() error { return nil }

// newUnpacker makes what opens attachments: a pool of processes, where there can
// be one and nobody asked for none.
func newUnpacker(setup unpackSetup, workers int, here bool) unpacker {
	if here || !worker.Available {
		return inProcess{unpack.New(unpack.Config{Limits: setup.Limits, Keys: setup.Keys})}
	}
	return worker.New(worker.Config{
		Size: workers, Wants: unpack.Wants, Leaf: setup.Limits.WithDefaults().Leaf, Memory: setup.Limits.WithDefaults().Memory, Setup: setup,
		Command: func() *exec.Cmd {
			self, err := os.Executable()
			if err != nil {
				self = os.Args[0]
			}
			cmd := exec.Command(self)
			cmd.Args = []string{os.Args[0], workerCommand}
			cmd.Env = []string{"GOTRACEBACK=single"}
			return cmd
		},
	})
}

// confinement asks a worker what it has given up.
func confinement(ctx context.Context) []string {
	pool, ok := newUnpacker(unpackSetup{}, 1, false).(*worker.Pool)
	if !ok {
		return []string{}
	}
	defer pool.Close()
	confined, err := pool.Confined(ctx)
	if err != nil {
		return []string{}
	}
	return confined
}

// serveUnpacking is the life of a worker.
func serveUnpacking(a *app) exit {
	err := worker.Serve(worker.Options{
		Memory: workerMemory, Time: workerTime,
		New: func(store task.Store, setup json.RawMessage) (engine.Unpacker, error) {
			var s unpackSetup
			if err := json.Unmarshal(setup, &s); err != nil {
				return nil, err
			}
			return unpack.New(unpack.Config{Limits: s.Limits, Keys: s.Keys, Store: store}), nil
		},
	})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		fmt.Fprintln(a.err, "tqmailrules:", err)
		return exitEnvironment
	}
	return exitOK
}

// unpackSetup is what a worker is told.
type unpackSetup struct {
	Limits engine.Limits `json:"limits"`
	Keys   sealed.Keys   `json:"keys"`
}

// privateKeys reads the keys that a configuration names.
func (a *app) privateKeys(cfg *settings.Config) (keys sealed.Keys, diags yamlfile.Diagnostics) {
	for _, k := range cfg.Keys.SMIME {
		s, wrong := smimeKey(k)
		keys.SMIME, diags = append(keys.SMIME, s), append(diags, wrong...)
	}
	for _, k := range cfg.Keys.OpenPGP {
		o, wrong := a.openPGPKey(k)
		keys.OpenPGP, diags = append(keys.OpenPGP, o), append(diags, wrong...)
	}
	return keys, diags
}

func smimeKey(k settings.SMIMEKey) (s sealed.SMIMEKey, diags yamlfile.Diagnostics) {
	if err := readInto(&s.Certificate, k.Certificate); err != nil {
		diags = append(diags, k.Errorf("certificate: %v", err))
	}
	if err := readInto(&s.Key, k.Key); err != nil {
		diags = append(diags, k.Errorf("key: %v", err))
	}
	if len(diags) > 0 {
		return s, diags
	}
	return s, unusable(k.Node, sealed.Keys{SMIME: []sealed.SMIMEKey{s}})
}

func (a *app) openPGPKey(k settings.OpenPGPKey) (o sealed.OpenPGPKey, diags yamlfile.Diagnostics) {
	if err := readInto(&o.Ring, k.Ring); err != nil {
		diags = append(diags, k.Errorf("ring: %v", err))
	}
	if k.Passphrase != (settings.Secret{}) {
		var err error
		if o.Passphrase, err = a.secret(k.Passphrase); err != nil {
			diags = append(diags, k.Errorf("passphrase: %v", err))
		}
	}
	if len(diags) > 0 {
		return o, diags
	}
	return o, unusable(k.Node, sealed.Keys{OpenPGP: []sealed.OpenPGPKey{o}})
}

// unusable tells what is wrong with a key that could be read.
func unusable(entry *yamlfile.Node, k sealed.Keys) yamlfile.Diagnostics {
	err := sealed.Check(k)
	if err == nil {
		return nil
	}
	if inner := errors.Unwrap(err); inner != nil {
		err = inner // its number says nothing here: the place does
	}
	return yamlfile.Diagnostics{entry.Errorf("%v", err)}
}

func readInto(dst *[]byte, path string) (err error) {
	*dst, err = os.ReadFile(path)
	return err
}
