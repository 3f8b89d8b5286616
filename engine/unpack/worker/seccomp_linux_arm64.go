package worker

import "syscall"

const (
	auditArch  = 0xc00000b7
	sysSeccomp = 277
)

// denied are the numbers of calls that a reader never makes.
var denied = []uint32{
	syscall.SYS_OPENAT, 437 /* openat2 */, 428 /* open_tree */, 265, /* open_by_handle_at */
	syscall.SYS_SOCKET, syscall.SYS_SOCKETPAIR, syscall.SYS_CONNECT, syscall.SYS_BIND, syscall.SYS_LISTEN, syscall.SYS_ACCEPT, syscall.SYS_ACCEPT4, syscall.SYS_SENDTO, syscall.SYS_SENDMSG,
	syscall.SYS_EXECVE, 281 /* execveat */, syscall.SYS_PTRACE, 270, 271, /* process_vm_readv, writev */
	425, 426, 427 /* io_uring */, 280 /* bpf */, 434 /* pidfd_open */, 438, /* pidfd_getfd */
	syscall.SYS_UNLINKAT, syscall.SYS_RENAMEAT, 276 /* renameat2 */, syscall.SYS_LINKAT, syscall.SYS_SYMLINKAT,
	syscall.SYS_MKDIRAT, syscall.SYS_FCHMODAT, syscall.SYS_MOUNT, syscall.SYS_UMOUNT2, 282, /* userfaultfd */
	syscall.SYS_KEXEC_LOAD, syscall.SYS_INIT_MODULE, 273 /* finit_module */, syscall.SYS_UNSHARE, 268, /* setns */
}
