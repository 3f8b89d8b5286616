package mem_test

import (
	"testing"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/enginetest"
	"github.com/tqmailrules/tqmailrules/engine/store/mem"
)

func TestStoreConforms(t *testing.T) {
	enginetest.TestStore(t, func(t *testing.T) (engine.Store, func() engine.Store) { return mem.New(), nil })
}
