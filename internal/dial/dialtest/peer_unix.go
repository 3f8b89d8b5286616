//go:build unix

package dialtest

import (
	"os/exec"
	"syscall"
)

// group gives a program a process group, so that its children end with it.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func end(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
