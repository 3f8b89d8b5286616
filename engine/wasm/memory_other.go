//go:build !linux

package wasm

import "github.com/tetratelabs/wazero/experimental"

// memories gives linear memories room on the heap.
type memories struct{}

// Allocate implements experimental.MemoryAllocator.
func (*memories) Allocate(_, _ uint64) experimental.LinearMemory { return &grown{} }

func (*memories) close() {}
