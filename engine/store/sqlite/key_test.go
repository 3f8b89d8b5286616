package sqlite_test

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tqmailrules/tqmailrules/engine/store/sqlite"
)

func TestKeysAreReadInThreeForms(t *testing.T) {
	raw := "0123456789abcdefghijklmnopqrst\r\n" // white space at the end is part of it
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"as it is", raw, true},
		{"hexadecimal", hex.EncodeToString([]byte(raw)), true},
		{"with a line end", strings.ToUpper(hex.EncodeToString([]byte(raw))) + "\n", true},
		{"Base64", " " + base64.StdEncoding.EncodeToString([]byte(raw)) + "\r\n", true},
		{"empty", "", false},
		{"a short one", raw[:31], false},
		{"a long one", raw + "x", false},
		{"a passphrase", "correct horse battery staple correct horse", false},
		{"odd digits", strings.Repeat("a", 63), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sqlite.ParseKey([]byte(tt.text))
			if (err == nil) != tt.ok || tt.ok && string(got[:]) != raw {
				t.Errorf("error %v", err)
			}
			if err != nil && tt.text != "" && strings.Contains(err.Error(), tt.text) {
				t.Error("the error holds the key")
			}
		})
	}
}

func TestAStoreMakesItsKeyOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	keys := make([]sqlite.Key, 8)
	var work sync.WaitGroup
	for i := range keys {
		work.Go(func() {
			var err error
			if keys[i], err = sqlite.OwnKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	for _, k := range keys {
		if k != keys[0] || k == (sqlite.Key{}) {
			t.Fatal("the keys differ")
		}
	}
	info, err := os.Stat(path + ".key")
	if err != nil || info.Size() != 32 || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeyFilesThatCannotBeUsed(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"the key of a store is gone", func(t *testing.T, path string) {
			cfg := config(path)
			closed(t, open(t, cfg))
		}, "state.db.key is not there"},
		{"too short", func(t *testing.T, path string) { os.WriteFile(path+".key", []byte("short"), 0o600) }, "32 random bytes"},
		{"empty", func(t *testing.T, path string) { os.WriteFile(path+".key", nil, 0o600) }, "32 random bytes"},
		{"endless", func(t *testing.T, path string) {
			os.WriteFile(path+".key", make([]byte, 1<<20), 0o600)
		}, "32 random bytes"},
		{"a folder", func(t *testing.T, path string) { os.Mkdir(path+".key", 0o700) }, "is a directory"},
		{"the group may read it", func(t *testing.T, path string) { keyOfMode(t, path, 0o640) }, "can be read by others"},
		{"others may read it", func(t *testing.T, path string) { keyOfMode(t, path, 0o604) }, "can be read by others"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			tt.make(t, path)
			if _, err := sqlite.OwnKey(path); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func keyOfMode(t *testing.T, path string, mode os.FileMode) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such mode here")
	}
	os.WriteFile(path+".key", make([]byte, 32), mode)
	os.Chmod(path+".key", mode)
}
