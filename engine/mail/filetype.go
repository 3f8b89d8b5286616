package mail

import "github.com/tqmailrules/tqmailrules/engine"

func fileType(p *engine.Part, c *content) string { return "" }

func probeEncrypted(t string, c *content) bool { return false }

func (b *builder) forward() {}
