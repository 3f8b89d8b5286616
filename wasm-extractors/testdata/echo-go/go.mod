module github.com/tqmailrules/tqmailrules/wasm-extractors/testdata/echo-go

go 1.26.0

require github.com/tqmailrules/tqmailrules v0.0.0

replace github.com/tqmailrules/tqmailrules => ../../..
