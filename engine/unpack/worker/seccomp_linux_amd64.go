package worker

import "syscall"

const (
	auditArch  = 0xc000003e
	sysSeccomp = 317
)

// denied are the numbers of calls that a reader never makes.
var denied = []uint32{
	syscall.SYS_OPEN, syscall.SYS_CREAT, syscall.SYS_OPENAT, 437 /* openat2 */, 428 /* open_tree */, 304, /* open_by_handle_at */
	syscall.SYS_SOCKET, syscall.SYS_SOCKETPAIR, syscall.SYS_CONNECT, syscall.SYS_BIND, syscall.SYS_LISTEN, syscall.SYS_ACCEPT, syscall.SYS_ACCEPT4, syscall.SYS_SENDTO, syscall.SYS_SENDMSG,
	syscall.SYS_EXECVE, 322 /* execveat */, syscall.SYS_FORK, syscall.SYS_VFORK, syscall.SYS_PTRACE, 310, 311, /* process_vm_readv, writev */
	425, 426, 427 /* io_uring */, 321 /* bpf */, 434 /* pidfd_open */, 438, /* pidfd_getfd */
	syscall.SYS_UNLINK, syscall.SYS_UNLINKAT, syscall.SYS_RENAME, syscall.SYS_RENAMEAT, 316 /* renameat2 */, syscall.SYS_LINK, syscall.SYS_LINKAT, syscall.SYS_SYMLINK, syscall.SYS_SYMLINKAT,
	syscall.SYS_MKDIR, syscall.SYS_MKDIRAT, syscall.SYS_RMDIR, syscall.SYS_CHMOD, syscall.SYS_FCHMODAT, syscall.SYS_CHOWN, syscall.SYS_MOUNT, syscall.SYS_UMOUNT2, 323, /* userfaultfd */
	syscall.SYS_KEXEC_LOAD, syscall.SYS_INIT_MODULE, 313 /* finit_module */, syscall.SYS_UNSHARE, 308, /* setns */
}
