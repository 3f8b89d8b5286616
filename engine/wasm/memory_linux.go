package wasm

import (
	"runtime"
	"sync"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// memories gives linear memories address space of their own, for the whole of what
// a module may ever have: they grow in place, without being copied, and the
// garbage collector does not see them. A few that stayed small are kept, cleared,
// for the next instance, since fresh pages cost more than clean ones.
type memories struct {
	mu   sync.Mutex
	kept []*mapping
}

// keep is the number of bytes up to which clearing is cheaper than mapping anew.
const keep = 1 << 20

// Allocate implements experimental.MemoryAllocator.
func (m *memories) Allocate(_, most uint64) experimental.LinearMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, k := range m.kept {
		if uint64(len(k.all)) == most {
			m.kept[i] = m.kept[len(m.kept)-1]
			m.kept = m.kept[:len(m.kept)-1]
			return k
		}
	}
	all, err := syscall.Mmap(-1, 0, int(max(most, 1)), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return &grown{}
	}
	return &mapping{owner: m, all: all}
}

func (m *memories) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.kept {
		syscall.Munmap(k.all)
	}
	m.kept = nil
}

// mapping is one linear memory.
type mapping struct {
	owner *memories
	all   []byte
	used  uint64
}

// Reallocate implements experimental.LinearMemory: the memory stays where it is.
func (k *mapping) Reallocate(size uint64) []byte {
	if size > uint64(len(k.all)) {
		return nil
	}
	k.used = max(k.used, size)
	return k.all[:size]
}

// Free implements experimental.LinearMemory.
func (k *mapping) Free() {
	m := k.owner
	m.mu.Lock()
	defer m.mu.Unlock()
	if k.used > keep || len(m.kept) >= 4*runtime.GOMAXPROCS(0) {
		syscall.Munmap(k.all)
		k.all = nil
		return
	}
	clear(k.all[:k.used])
	k.used = 0
	m.kept = append(m.kept, k)
}
