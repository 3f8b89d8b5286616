package enginetest

import (
	"os"
	"os/exec"
	"testing"
)

// Peer returns the path of a program that a test compares with. Without it the
// test is skipped and says which Debian package has it; with TQ_REQUIRE_PEERS
// set, as in CI, it fails.
func Peer(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("TQ_REQUIRE_PEERS") != "" {
		t.Fatalf("needs %s (apt-get install %s)", program, pkg)
	}
	t.Skipf("skipped: needs %s (apt-get install %s)", program, pkg)
	return ""
}
