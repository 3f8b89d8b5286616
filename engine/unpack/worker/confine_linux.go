package worker

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// confine takes from the process what a reader of formats has no use for, and
// says in words what it managed to take.
func confine(memory int64) []string {
	var done []string
	limits := func(resource int, n uint64) error {
		return syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: n})
	}
	if limits(syscall.RLIMIT_DATA, uint64(memory)) == nil {
		done = append(done, "memory")
	}
	limits(syscall.RLIMIT_CORE, 0)
	if _, _, e := syscall.AllThreadsSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		prctlThread()
	}
	if landlock() {
		done = append(done, "landlock")
	}
	if seccomp() {
		done = append(done, "seccomp")
	}
	return done
}

const (
	prSetNoNewPrivs = 38
	prSetSeccomp    = 22
)

func prctlThread() { syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0) }

// Numbers of system calls that are the same on all architectures since 5.13.
const (
	sysLandlockCreateRuleset = 444
	sysLandlockRestrictSelf  = 446
)

// landlock forbids every access to the file system that rulesets of the kernel
// know, by path; files that are open stay so (Documentation/userspace-api/landlock.rst).
func landlock() bool {
	version, _, e := syscall.Syscall(sysLandlockCreateRuleset, 0, 0, 1)
	if e != 0 || version < 1 {
		return false
	}
	attr := struct{ fs, net, scoped uint64 }{fs: 1<<13 - 1}
	size := uintptr(8)
	if version >= 2 {
		attr.fs |= 1 << 13 // refer
	}
	if version >= 3 {
		attr.fs |= 1 << 14 // truncate
	}
	if version >= 4 {
		attr.net, size = 1<<0|1<<1, 16 // bind and connect by TCP
	}
	if version >= 5 {
		attr.fs |= 1 << 15 // ioctl of devices
	}
	if version >= 6 {
		attr.scoped, size = 1<<0|1<<1, 24 // abstract sockets and signals
	}
	fd, _, e := syscall.Syscall(sysLandlockCreateRuleset, uintptr(unsafe.Pointer(&attr)), size, 0)
	runtime.KeepAlive(&attr)
	if e != 0 {
		return false
	}
	defer syscall.Close(int(fd))
	_, _, e = allThreads(sysLandlockRestrictSelf, fd, 0)
	return e == 0
}

// allThreads makes a call on every thread. It fails in a program that is linked
// with cgo.
func allThreads(trap, a, b uintptr) (uintptr, uintptr, syscall.Errno) {
	return syscall.AllThreadsSyscall(trap, a, b, 0)
}

// processorTime is what the process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
