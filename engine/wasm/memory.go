package wasm

import "github.com/tetratelabs/wazero/experimental"

// grown is a linear memory on the heap, where there is no mapping.
type grown struct{ data []byte }

func (g *grown) Reallocate(size uint64) []byte {
	if more := size - uint64(len(g.data)); size > uint64(len(g.data)) {
		g.data = append(g.data, make([]byte, more)...)
	}
	return g.data[:size]
}

func (g *grown) Free() { g.data = nil }

// oneMemory is the memory of one instance, from when it is allocated until it is
// freed, which may be asked for several times.
type oneMemory struct {
	from experimental.MemoryAllocator
	experimental.LinearMemory
}

// Allocate implements experimental.MemoryAllocator.
func (o *oneMemory) Allocate(size, most uint64) experimental.LinearMemory {
	o.LinearMemory = o.from.Allocate(size, most)
	return o
}

// Free implements experimental.LinearMemory.
func (o *oneMemory) Free() {
	if o.LinearMemory != nil {
		o.LinearMemory.Free()
		o.LinearMemory = nil
	}
}
