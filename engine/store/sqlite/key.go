package sqlite

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const keySize = 32

// Key seals secrets. It never prints itself.
type Key [keySize]byte

// Format implements fmt.Formatter.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, "[key]") }

// ParseKey reads a key: 32 bytes as they are, in hexadecimal digits, or in
// Base64, with white space around the latter two. Errors never hold the key.
func ParseKey(text []byte) (key Key, err error) {
	if len(text) == keySize {
		return Key(text), nil
	}
	trimmed := strings.TrimSpace(string(text))
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
		if b, err := decode(trimmed); err == nil && len(b) == keySize {
			return Key(b), nil
		}
	}
	return key, errors.New("a key is 32 random bytes, as they are, in hexadecimal digits or in Base64")
}

// ReadKey reads the key in a file, which nobody but its owner may be able to
// read.
func ReadKey(path string) (key Key, err error) {
	f, err := os.Open(path)
	if err != nil {
		return key, fmt.Errorf("key of the store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return key, fmt.Errorf("key of the store: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return key, fmt.Errorf("key of the store: %s can be read by others; chmod 600 it, and make a new key if they may have", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return key, fmt.Errorf("key of the store: %w", err)
	}
	if key, err = ParseKey(text); err != nil {
		return key, fmt.Errorf("key of the store: %s: %w", path, err)
	}
	return key, nil
}

// OwnKey reads the key beside the store at path, <path>.key, and makes one when
// there is neither a key nor a store. A key is there whole or not at all.
func OwnKey(path string) (key Key, err error) {
	file := path + ".key"
	key, err = ReadKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return key, fmt.Errorf("key of the store: %s is not there, and %s may hold secrets that only it opens: bring it back, or begin with a store of another name", file, path)
	}
	if err := makeKey(file); err != nil {
		return key, fmt.Errorf("key of the store: %w", err)
	}
	return ReadKey(file)
}

// makeKey writes a new key beside its place and gives it its name, unless
// another process was quicker.
func makeKey(file string) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	_, err = tmp.Write(key)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	err = os.Link(tmp.Name(), file)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return os.Rename(tmp.Name(), file) // a file system without links
}
