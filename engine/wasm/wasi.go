package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tqmailrules/tqmailrules/engine/wasm/meter"
)

// Error numbers of WASI preview 1.
const (
	errnoSuccess    = 0
	errnoBadF       = 8
	errnoFault      = 21
	errnoInval      = 28
	errnoNoSys      = 52
	errnoSPipe      = 70
	errnoNotCapable = 76
)

const (
	logModule  = "tqx"
	wasiModule = "wasi_snapshot_preview1"
)

// hostFunction is what a module may call: its parameters, i for i32 and I for i64,
// and what it does. Every function of WASI has a result, an error number, but for
// proc_exit.
type hostFunction struct {
	name   string
	params string
	call   func(s *session, m memory, args []uint64) uint64
}

// wasiFunctions is WASI preview 1, all of it; what ABI.md gives no meaning answers
// that it may not be done.
var wasiFunctions = []hostFunction{
	{"args_get", "ii", func(*session, memory, []uint64) uint64 { return errnoSuccess }},
	{"args_sizes_get", "ii", noneOf},
	{"environ_get", "ii", func(*session, memory, []uint64) uint64 { return errnoSuccess }},
	{"environ_sizes_get", "ii", noneOf},
	{"clock_res_get", "ii", clockResGet},
	{"clock_time_get", "iIi", clockTimeGet},
	{"fd_advise", "iIIi", onStream},
	{"fd_allocate", "iII", notCapable},
	{"fd_close", "i", onStream},
	{"fd_datasync", "i", onStream},
	{"fd_fdstat_get", "ii", fdStatGet},
	{"fd_fdstat_set_flags", "ii", onStream},
	{"fd_fdstat_set_rights", "iII", notCapable},
	{"fd_filestat_get", "ii", fdFileStatGet},
	{"fd_filestat_set_size", "iI", notCapable},
	{"fd_filestat_set_times", "iIIi", notCapable},
	{"fd_pread", "iiiIi", notCapable},
	{"fd_prestat_get", "ii", func(*session, memory, []uint64) uint64 { return errnoBadF }},
	{"fd_prestat_dir_name", "iii", func(*session, memory, []uint64) uint64 { return errnoBadF }},
	{"fd_pwrite", "iiiIi", notCapable},
	{"fd_read", "iiii", fdRead},
	{"fd_readdir", "iiiIi", notCapable},
	{"fd_renumber", "ii", notCapable},
	{"fd_seek", "iIii", func(_ *session, _ memory, args []uint64) uint64 { return onlyStreams(args[0], errnoSPipe) }},
	{"fd_sync", "i", onStream},
	{"fd_tell", "ii", func(_ *session, _ memory, args []uint64) uint64 { return onlyStreams(args[0], errnoSPipe) }},
	{"fd_write", "iiii", fdWrite},
	{"path_create_directory", "iii", notCapable},
	{"path_filestat_get", "iiiii", notCapable},
	{"path_filestat_set_times", "iiiiIIi", notCapable},
	{"path_link", "iiiiiii", notCapable},
	{"path_open", "iiiiiIIii", notCapable},
	{"path_readlink", "iiiiii", notCapable},
	{"path_remove_directory", "iii", notCapable},
	{"path_rename", "iiiiii", notCapable},
	{"path_symlink", "iiiii", notCapable},
	{"path_unlink_file", "iii", notCapable},
	{"poll_oneoff", "iiii", pollOneoff},
	{"proc_exit", "i", func(_ *session, _ memory, args []uint64) uint64 { panic(sys.NewExitError(uint32(args[0]))) }},
	{"proc_raise", "i", func(*session, memory, []uint64) uint64 { return errnoNoSys }},
	{"random_get", "ii", randomGet},
	{"sched_yield", "", func(*session, memory, []uint64) uint64 { return errnoSuccess }},
	{"sock_accept", "iii", notCapable},
	{"sock_recv", "iiiiii", notCapable},
	{"sock_send", "iiiii", notCapable},
	{"sock_shutdown", "ii", notCapable},
}

// exportHostModules makes what modules may import.
func exportHostModules(ctx context.Context, r wazero.Runtime) error {
	wasi := r.NewHostModuleBuilder(wasiModule)
	for _, f := range wasiFunctions {
		wasi.NewFunctionBuilder().WithGoModuleFunction(f.goFunc(), f.types(), f.results()).Export(f.name)
	}
	_, err := wasi.Instantiate(ctx)
	ticks := r.NewHostModuleBuilder(meter.Module)
	tick := api.GoFunc(func(ctx context.Context, stack []uint64) { stack[0] = uint64(sessionOf(ctx).tick(int64(stack[0]))) })
	ticks.NewFunctionBuilder().WithGoFunction(tick, []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).Export(meter.Tick)
	_, tickErr := ticks.Instantiate(ctx)
	logs := r.NewHostModuleBuilder(logModule)
	logs.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(logLine), slices.Repeat([]api.ValueType{api.ValueTypeI32}, 3), nil).Export("log")
	_, logErr := logs.Instantiate(ctx)
	return errors.Join(err, tickErr, logErr)
}

// goFunc charges for the call and hands the memory over.
func (f hostFunction) goFunc() api.GoModuleFunc {
	return func(ctx context.Context, module api.Module, stack []uint64) {
		s := sessionOf(ctx)
		s.charge(0)
		errno := f.call(s, memory{module.Memory()}, stack)
		if len(stack) > 0 {
			stack[0] = errno
		}
	}
}

func (f hostFunction) types() (all []api.ValueType) {
	for _, p := range f.params {
		if p == 'I' {
			all = append(all, api.ValueTypeI64)
		} else {
			all = append(all, api.ValueTypeI32)
		}
	}
	return all
}

func (f hostFunction) results() []api.ValueType {
	if f.name == "proc_exit" {
		return nil
	}
	return []api.ValueType{api.ValueTypeI32}
}

// signature is how an import of the function must be declared.
func (f hostFunction) signature() string {
	names := strings.Split(strings.NewReplacer("i", "i32 ", "I", "i64 ").Replace(f.params), " ")
	params := "(" + strings.Join(names[:len(names)-1], ", ") + ")"
	if f.name == "proc_exit" {
		return params + " -> ()"
	}
	return params + " -> (i32)"
}

// memory is that of the module that called; addresses and lengths are its own, so
// everything is checked. A module without memory has one of no bytes.
type memory struct{ api.Memory }

// view is a range of the memory itself; ok is false when it lies outside.
func (m memory) view(at, n uint64) (b []byte, ok bool) {
	if m.Memory == nil {
		return nil, n == 0
	}
	return m.Read(uint32(at), uint32(n))
}

func (m memory) put32(at uint64, v uint32) uint64 {
	return m.put(at, binary.LittleEndian.AppendUint32(nil, v))
}

func (m memory) put64(at, v uint64) uint64 {
	return m.put(at, binary.LittleEndian.AppendUint64(nil, v))
}

func (m memory) put(at uint64, data []byte) uint64 {
	b, ok := m.view(at, uint64(len(data)))
	if !ok {
		return errnoFault
	}
	copy(b, data)
	return errnoSuccess
}

func notCapable(*session, memory, []uint64) uint64 { return errnoNotCapable }

// noneOf says that there is a list of nothing: a count and a size.
func noneOf(_ *session, m memory, args []uint64) uint64 {
	return max(m.put32(args[0], 0), m.put32(args[1], 0))
}

// onStream does nothing to one of the three streams.
func onStream(_ *session, _ memory, args []uint64) uint64 { return onlyStreams(args[0], errnoSuccess) }

func onlyStreams(fd, errno uint64) uint64 {
	if uint32(fd) > 2 {
		return errnoBadF
	}
	return errno
}

func clockResGet(_ *session, m memory, args []uint64) uint64 {
	if uint32(args[0]) > 3 {
		return errnoInval
	}
	return m.put64(args[1], 1)
}

// clockTimeGet tells the mail's date, or, of every other clock, how long was waited.
func clockTimeGet(s *session, m memory, args []uint64) uint64 {
	switch id := uint32(args[0]); {
	case id > 3:
		return errnoInval
	case id > 0:
		return m.put64(args[2], s.waited)
	case s.date.IsZero():
		return m.put64(args[2], 0)
	}
	return m.put64(args[2], uint64(s.date.Truncate(time.Second).UnixNano()))
}

// fdStatGet describes a stream: a character device that may be read and written.
func fdStatGet(_ *session, m memory, args []uint64) uint64 {
	if uint32(args[0]) > 2 {
		return errnoBadF
	}
	stat := make([]byte, 24)
	stat[0] = 2                                 // character device
	binary.LittleEndian.PutUint64(stat[8:], 66) // rights fd_read and fd_write
	return m.put(args[1], stat)
}

func fdFileStatGet(_ *session, m memory, args []uint64) uint64 {
	if uint32(args[0]) > 2 {
		return errnoBadF
	}
	stat := make([]byte, 64)
	stat[16] = 2 // character device
	return m.put(args[1], stat)
}

// vectors calls f for each piece of memory that a list of n addresses and lengths
// names, until f says that it is enough.
func (m memory) vectors(s *session, at, n uint64, f func([]byte) bool) (errno uint64) {
	at, n = uint64(uint32(at)), uint64(uint32(n))
	for i := range n {
		s.charge(8)
		v, ok := m.view(at+8*i, 8)
		if !ok || at+8*i > math.MaxUint32 {
			return errnoFault
		}
		piece, ok := m.view(uint64(binary.LittleEndian.Uint32(v)), uint64(binary.LittleEndian.Uint32(v[4:])))
		if !ok {
			return errnoFault
		}
		if !f(piece) {
			return errnoSuccess
		}
	}
	return errnoSuccess
}

func fdRead(s *session, m memory, args []uint64) uint64 {
	if uint32(args[0]) != 0 {
		return onlyStreams(args[0], errnoBadF)
	}
	before := s.read
	errno := m.vectors(s, args[1], args[2], func(p []byte) bool {
		n := copy(p, s.stdin[s.read:])
		s.charge(int64(n))
		s.read += n
		return n == len(p)
	})
	return max(errno, m.put32(args[3], uint32(s.read-before)))
}

// fdWrite takes everything, and keeps as much as the limits allow.
func fdWrite(s *session, m memory, args []uint64) uint64 {
	fd := uint32(args[0])
	if fd != 1 && fd != 2 {
		return onlyStreams(args[0], errnoBadF)
	}
	var n uint32
	errno := m.vectors(s, args[1], args[2], func(p []byte) bool {
		s.charge(int64(len(p)))
		n += uint32(len(p))
		s.write(fd, p)
		return true
	})
	return max(errno, m.put32(args[3], n))
}

func randomGet(s *session, m memory, args []uint64) uint64 {
	b, ok := m.view(args[0], args[1])
	if !ok {
		return errnoFault
	}
	for len(b) > 0 {
		n := min(len(b), 64<<10)
		s.charge(8 * int64(n))
		s.random.Read(b[:n]) // never fails
		b = b[n:]
	}
	return errnoSuccess
}

// pollOneoff returns what would happen first: streams are ready at once; where
// only clocks are asked for, the shortest time passes.
func pollOneoff(s *session, m memory, args []uint64) uint64 {
	n := uint64(uint32(args[2]))
	s.charge(int64(n) * (subscription + event))
	if n == 0 {
		return errnoInval
	}
	in, readable := m.view(args[0], n*subscription)
	out, writable := m.view(args[1], n*event)
	if n > math.MaxUint32/subscription || !readable || !writable {
		return errnoFault
	}
	in = slices.Clone(in) // the lists may overlap
	happened := func(tag byte, _ uint64) bool { return tag != 0 }
	if wait, waiting := s.shortest(in); waiting {
		s.waited += min(wait, math.MaxInt64-s.waited)
		happened = func(_ byte, w uint64) bool { return w <= wait }
	}
	count := uint32(0)
	for ; len(in) > 0; in = in[subscription:] {
		if happened(in[8], s.wait(in)) {
			clear(out[:event])
			copy(out, in[:8]) // user data
			out[10] = in[8]
			out = out[event:]
			count++
		}
	}
	return m.put32(args[3], count)
}

// Bytes of what pollOneoff reads and writes.
const (
	subscription = 48
	event        = 32
)

// shortest is the shortest time asked for, when only times are.
func (s *session) shortest(in []byte) (wait uint64, waiting bool) {
	wait = math.MaxUint64
	for ; len(in) > 0; in = in[subscription:] {
		if in[8] != 0 {
			return 0, false
		}
		wait = min(wait, s.wait(in))
	}
	return wait, true
}

// wait is how long a subscription to a clock waits, in nanoseconds: a day at most,
// so that time does not run out.
func (s *session) wait(in []byte) uint64 {
	const day = uint64(24 * time.Hour)
	wait := binary.LittleEndian.Uint64(in[24:])
	if in[40]&1 != 0 { // until a moment
		wait -= min(wait, s.waited)
	}
	return min(wait, day)
}

// logLine is tqx.log.
func logLine(ctx context.Context, module api.Module, stack []uint64) {
	s := sessionOf(ctx)
	b, ok := memory{module.Memory()}.view(stack[1], uint64(min(uint32(stack[2]), maxText)))
	s.charge(int64(len(b)))
	if ok {
		s.journal.add(int(min(uint32(stack[0]), 1)), string(b))
	}
}
