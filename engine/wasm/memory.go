package wasm

// grown is a linear memory on the heap, where there is no mapping.
type grown struct{ data []byte }

func (g *grown) Reallocate(size uint64) []byte {
	if more := size - uint64(len(g.data)); size > uint64(len(g.data)) {
		g.data = append(g.data, make([]byte, more)...)
	}
	return g.data[:size]
}

func (g *grown) Free() { g.data = nil }
