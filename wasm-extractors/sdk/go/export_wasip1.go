//go:build wasip1

package tqx

import "unsafe"

// An instance of a module handles one mail, on one thread. What it keeps
// between the calls of the host is here; the garbage collector must not have it.
var (
	extractor func(*Input, *Output)
	frame     []byte
	output    []byte
)

// Extract registers the extractor. Call it once, from init: main is not run.
func Extract(find func(in *Input, out *Output)) { extractor = find }

// Log writes a line for the author, which `ext run` and `ext test` show.
func Log(line string) { hostLog(0, unsafe.Pointer(unsafe.StringData(line)), uint32(len(line))) }

//go:wasmimport tqx log
func hostLog(level uint32, line unsafe.Pointer, size uint32)

//go:wasmexport tqx_abi_v1
func exportVersion() {}

//go:wasmexport tqx_alloc
func exportAlloc(size uint32) unsafe.Pointer {
	frame = make([]byte, max(size, 1))
	return unsafe.Pointer(&frame[0])
}

//go:wasmexport tqx_extract
func exportExtract(at unsafe.Pointer, size uint32) uint64 {
	if extractor == nil || at == nil {
		return 0
	}
	output = Run(unsafe.Slice((*byte)(at), size), extractor)
	if len(output) == 0 {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(&output[0])))<<32 | uint64(len(output))
}
