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
	workerTime   = 6 * time.Second
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
func (a *app) privateKeys(cfg *settings.Config) (sealed.Keys, yamlfile.Diagnostics) {
	var keys sealed.Keys
	var diags yamlfile.Diagnostics
	for _, k := range cfg.Keys.SMIME {
		s := sealed.SMIMEKey{}
		err := errors.Join(readInto(&s.Certificate, k.Certificate), readInto(&s.Key, k.Key))
		if err == nil {
			err = sealed.Check(sealed.Keys{SMIME: []sealed.SMIMEKey{s}})
		}
		if err != nil {
			diags = append(diags, k.Errorf("%v", err))
			continue
		}
		keys.SMIME = append(keys.SMIME, s)
	}
	for _, k := range cfg.Keys.OpenPGP {
		o := sealed.OpenPGPKey{}
		err := readInto(&o.Ring, k.Ring)
		if err == nil && k.Passphrase != (settings.Secret{}) {
			o.Passphrase, err = a.secret(k.Passphrase)
		}
		if err == nil {
			err = sealed.Check(sealed.Keys{OpenPGP: []sealed.OpenPGPKey{o}})
		}
		if err != nil {
			diags = append(diags, k.Errorf("%v", err))
			continue
		}
		keys.OpenPGP = append(keys.OpenPGP, o)
	}
	return keys, diags
}

func readInto(dst *[]byte, path string) (err error) {
	*dst, err = os.ReadFile(path)
	return err
}
