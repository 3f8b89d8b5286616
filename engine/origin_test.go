package engine_test

import (
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
)

func TestKeysOfOriginsReadAsPathsAndDiffer(t *testing.T) {
	tests := []struct {
		name   string
		origin engine.Origin
		want   string
	}{
		{"mailbox", engine.Origin{Source: "imap", Account: "phish@corp.example", Folder: "INBOX", ID: "17-4711"}, "imap/phish@corp.example/INBOX/17-4711"},
		{"corpus", engine.Origin{Source: "files", Folder: "a/b", ID: "a/b/x.eml@00"}, "files//a%2Fb/a/b/x.eml@00"},
		{"the folder is in the id", engine.Origin{Source: "files", Folder: "a", ID: "b/a/b/x.eml@00"}, "files//a/b/a/b/x.eml@00"},
		{"an escape in a name", engine.Origin{Source: "files", Folder: "a%2Fb", ID: "a/b/x.eml@00"}, "files//a%252Fb/a/b/x.eml@00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.origin.Key(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
