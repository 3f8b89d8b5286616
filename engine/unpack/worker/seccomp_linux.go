package worker

import (
	"runtime"
	"syscall"
	"unsafe"
)

// A filter is a program of the classic packet filter over the number of a system
// call and the architecture (seccomp(2)).
type instruction struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

const (
	loadWord  = 0x20 // BPF_LD | BPF_W | BPF_ABS
	jumpEqual = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	returns   = 0x06 // BPF_RET | BPF_K

	retAllow = 0x7fff0000
	retKill  = 0x80000000
	retErrno = 0x00050000

	offNumber = 0 // of struct seccomp_data
	offArch   = 4

	setModeFilter = 1
	filterTSync   = 1
)

// seccomp denies, on all threads, what opens files, sockets or programs, or
// reaches other processes; such calls fail with "operation not permitted".
func seccomp() bool {
	if len(denied) == 0 {
		return false
	}
	program := filter(auditArch, denied)
	prog := struct {
		n    uint16
		code *instruction
	}{uint16(len(program)), &program[0]}
	_, _, e := syscall.Syscall(sysSeccomp, setModeFilter, filterTSync, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(program)
	return e == 0
}

func filter(arch uint32, denied []uint32) []instruction {
	p := []instruction{
		{loadWord, 0, 0, offArch},
		{jumpEqual, 1, 0, arch},
		{returns, 0, 0, retKill},
		{loadWord, 0, 0, offNumber},
	}
	for i, n := range denied {
		p = append(p, instruction{jumpEqual, uint8(len(denied) - i), 0, n})
	}
	return append(p, instruction{returns, 0, 0, retAllow}, instruction{returns, 0, 0, retErrno | uint32(syscall.EPERM)})
}
