// Package meter makes a WebAssembly module count its own steps.
//
// A host cannot interrupt a module that it has compiled to machine code, except
// at a price that makes every module many times slower. So the module is
// rewritten before it is compiled: it keeps what is left of its fuel in a global
// and calls the host, at [Tick], when that is used up. The host decides there
// whether it goes on.
//
// # What is charged
//
// A unit of fuel is one instruction; block, loop, else, end and nop are free. Code
// is charged in stretches: one begins where a function is entered, and one at the
// head of a loop, in each round, and these are where the fuel is looked at. Behind a
// br_if, in an arm of an if, and behind the end of a block begins a detour, which
// goes on to the end of the block around it. One of 16 instructions or more, those
// of detours in it that are too short included, is a stretch of its own; a shorter
// one is charged with the stretch it hangs on, as if it were always taken. So a loop
// with a rare and long way through it costs the rare way only when it is taken, and
// a short loop is charged once a round.
//
// memory.fill, memory.copy and memory.init cost one unit more for each 8 bytes
// or part of them, table.fill, table.copy, table.init and table.grow one for each
// entry, memory.grow 8,192 for each page, all before they are carried out, whether
// they succeed or trap. What a call charges depends on nothing else, so it is the
// same on every machine.
//
// # Where the count is
//
// Machine code keeps globals in memory and locals in registers. A function with
// loops takes the count into a local when it is entered, and gives it back before
// calls and when it is left. The host sees the true count
// in every call it gets and after every call that returns; after a trap it may
// see an older one.
//
// A loop has its call of Tick outside itself, in a second loop around the first.
// With the call inside, the compiler would have to keep what the loop
// changes in memory, in every round, for a call that comes once in a million.
//
//	block                      ;; the loop is left through here
//	  loop                     ;; entered anew after each refill
//	    block                  ;; left when the quantum is used up
//	      too little for a round: br 0
//	      loop                 ;; the original
//	        charge a round; too little: br 1
//	        ...
//	      end
//	      br 2
//	    end
//	    call tick
//	    br 0
//	  end
//	end
//
// # Stack
//
// A function that calls others takes what its frame needs, by an estimate, from a
// second global, and traps below zero. Host and compiler have stacks of their own
// size, which differ; this one is the same everywhere.
//
// # Data
//
// Segments that follow each other closely become one: Go's linker writes 23,000 of
// them for a small program, and an instance pays for each.
//
// # What is refused
//
// Everything outside WebAssembly 2.0 without threads, and what passes a cap of
// [Limits], is refused while reading, before anything is allocated for it. Types
// are not checked: that is the compiler's part. A rewritten module is valid when
// the module was.
//
// Section numbers in this package are those of the WebAssembly Core Specification
// 2.0, of which chapter 5 describes the format.
package meter

// Version names the rewriting. Compiled modules are cached under it, so it changes
// whenever the output does.
const Version = "1"

// Names of what Rewrite adds.
const (
	// Module is where the one added import comes from.
	Module = "tqx.meter"
	// Tick is that import, (i64 left) -> (i64 next). It is called when the quantum
	// is used up, with what is left of it, which is below zero by what was overdrawn.
	// Its result is what the module has from then on.
	Tick = "tick"
	// Fuel is an exported mutable i64: what is left of the quantum. It is 0 at first.
	Fuel = "tqx.fuel"
	// Stack is an exported mutable i64: bytes of frames that are free. It is below
	// zero after a trap if and only if the stack was used up. It is Limits.Stack at first.
	Stack = "tqx.stack"
	// Refused is an exported mutable i32: how often memory.grow has answered -1.
	Refused = "tqx.refused"
)

// reserved begins the names of exports that only Rewrite may add.
const reserved = "tqx."

// Read is a module that was read and passes the caps.
type Read struct{ decoded *module }

// Decode reads a module, which it shares: its bytes must not change while the
// result is used. Its error is an *Error: it is no module, or it passes a cap.
func Decode(wasm []byte, l Limits) (Read, error) {
	m, err := decode(wasm, l.orDefault())
	return Read{m}, err
}

// Info tells what stands in the module.
func (r Read) Info() *Info { return r.decoded.info() }

// Rewrite returns the module with its steps counted, or an *Error when it needs what
// a host of this package does not give: an imported memory, table or global, an
// export whose name begins with "tqx.". The same bytes give the same result. Custom
// sections are dropped, except for the names of functions, which stack traces show.
func (r Read) Rewrite() ([]byte, error) {
	if err := r.decoded.selfContained(); err != nil {
		return nil, err
	}
	return rewrite(r.decoded), nil
}

// Rewrite is Decode and Read.Rewrite.
func Rewrite(wasm []byte, l Limits) ([]byte, error) {
	r, err := Decode(wasm, l)
	if err != nil {
		return nil, err
	}
	return r.Rewrite()
}

// Inspect is Decode and Read.Info.
func Inspect(wasm []byte, l Limits) (*Info, error) {
	r, err := Decode(wasm, l)
	if err != nil {
		return nil, err
	}
	return r.Info(), nil
}

// Outline is Inspect for a module that was read before and found good: it leaves
// the code of functions unread.
func Outline(wasm []byte, l Limits) (*Info, error) {
	m, err := (&module{wasm: wasm, limits: l.orDefault(), outline: true}).decode()
	if err != nil {
		return nil, err
	}
	return m.info(), nil
}
