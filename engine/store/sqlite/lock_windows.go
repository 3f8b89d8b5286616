package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// sharingViolation is ERROR_SHARING_VIOLATION.
const sharingViolation = syscall.Errno(32)

// lock keeps other processes from the store at path until the file is closed,
// or the process is gone: the file is opened so that nobody else can.
func lock(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, fmt.Errorf("open store: another tqmailrules is using %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open store: lock %s.lock: %w", path, err)
	}
	return os.NewFile(uintptr(h), path+".lock"), nil
}
