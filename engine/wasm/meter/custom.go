package meter

import "slices"

// AppendCustom returns the module with a custom section of a name at its end, in
// place of those of that name that it had. Everything else stays as it is, byte for
// byte. What it refuses with an *Error is no module, or one whose sections do not
// fill it; it reads no further, and knows no caps.
func AppendCustom(wasm []byte, name string, data []byte) ([]byte, error) {
	m := &module{wasm: wasm, limits: Limits{Bytes: len(wasm)}}
	r := &reader{data: wasm}
	m.preamble(r)
	out := slices.Clone(wasm[:r.pos])
	for r.more() {
		start := r.pos
		if !customNamed(r, name) {
			out = append(out, wasm[start:r.pos]...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return sized(append(out, customSection), append(named(nil, name), data...)), nil
}

// customNamed reads a section and reports whether it is a custom one of a name.
func customNamed(r *reader, name string) bool {
	id := r.byte()
	content := &reader{data: r.bytes(r.length())}
	if id != customSection || r.err != nil {
		return false
	}
	return content.name() == name && content.err == nil
}
