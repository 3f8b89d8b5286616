package pst_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/tqmailrules/tqmailrules/internal/outlook/pst"
)

func open(t testing.TB, whole []byte) *pst.File {
	t.Helper()
	f, err := pst.Open(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTry(t *testing.T) {
	for i, v := range variants() {
		b := sample(v)
		os.WriteFile(fmt.Sprintf("/tmp/try%d.pst", i), b, 0o644)
		f := open(t, b)
		n, att := 0, 0
		err := f.Walk(t.Context(), func(e pst.Entry) error {
			n++
			if e.Err != nil || len(e.Message.Troubles) > 0 {
				t.Logf("%v %x %v", e.Folder, e.NID, e)
			}
			att += len(e.Message.Attachments)
			return nil
		})
		t.Log(v.name, len(b), n, att, err, f.Troubles())
	}
}
