package extkit

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// interval is how often Changed looks.
const interval = 200 * time.Millisecond

// Snapshot says in which state the files of some folders are.
type Snapshot string

// Look takes a snapshot: names, sizes and times of modification. In a folder,
// modules, which are built, node_modules and hidden files do not count. A folder
// that is not there is empty; a file may stand for itself.
func Look(dirs ...string) Snapshot {
	var b strings.Builder
	for _, dir := range dirs {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil // gone meanwhile
			case path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
				return skip(d)
			case d.IsDir() || path != dir && filepath.Ext(path) == ".wasm":
				return nil
			}
			if info, err := d.Info(); err == nil {
				fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
			}
			return nil
		})
	}
	return Snapshot(b.String())
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// Changed returns when the folders are no longer as they were, and have stayed as
// they are for one interval: an editor writes in several steps. It returns the
// error of ctx when that ends first.
func Changed(ctx context.Context, was Snapshot, dirs ...string) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	last := was
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now := Look(dirs...)
		if now != was && now == last {
			return nil
		}
		last = now
	}
}
