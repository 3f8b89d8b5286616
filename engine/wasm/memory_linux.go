package wasm

import (
	"sync"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// memories gives linear memories address space of their own, for the whole of what
// a module may ever have: they grow in place, without being copied, and the
// garbage collector does not see them. Some are kept, cleared, for the next
// instance, since fresh pages cost more than clean ones.
type memories struct {
	mu    sync.Mutex
	kept  []*mapping
	bytes uint64 // that those have resident
}

// Bounds of what is kept: bytes of one, bytes of all, and how many.
const (
	keepOne   = 16 << 20
	keepAll   = 48 << 20
	keepCount = 64
)

// Allocate implements experimental.MemoryAllocator.
func (m *memories) Allocate(_, most uint64) experimental.LinearMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	most = max(most, 1)
	for i, k := range m.kept {
		if uint64(len(k.all)) == most {
			m.kept[i] = m.kept[len(m.kept)-1]
			m.kept = m.kept[:len(m.kept)-1]
			m.bytes -= k.resident
			return k
		}
	}
	all, err := syscall.Mmap(-1, 0, int(most), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
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
	m.kept, m.bytes = nil, 0
}

// mapping is one linear memory.
type mapping struct {
	owner    *memories
	all      []byte
	used     uint64 // bytes of this instance
	resident uint64 // bytes of all instances that it has had
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
	k.resident = max(k.resident, k.used)
	if k.resident <= keepOne {
		clear(k.all[:k.used])
		k.used = 0
		if k.owner.take(k) {
			return
		}
	}
	syscall.Munmap(k.all)
	k.all = nil
}

// take keeps a cleared mapping if there is room for it.
func (m *memories) take(k *mapping) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= keepCount || m.bytes+k.resident > keepAll {
		return false
	}
	m.bytes += k.resident
	m.kept = append(m.kept, k)
	return true
}
