//go:build unix

package wasm

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// private tells why a folder is not this user's alone.
func private(info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return errors.New("belongs to another user")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return errors.New("can be entered by others; its mode must be 0700")
	}
	return nil
}
