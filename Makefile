# Targets for people and for CI. Bare `make` prints this list.
GO      ?= go
BIN     := bin/tqmailrules
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL     = $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 10m

.DEFAULT_GOAL := help
.PHONY: help demo test soak bench lint check generate build dist install clean

help: ## print this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## build bin/tqmailrules
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/tqmailrules

demo: build ## run the main job on the built-in corpus and rules, and show what it found
	@$(BIN) demo --dir demo

test: ## run every test that needs Go alone; those that need a peer say what to install
	@$(GO) test -timeout 20m ./...

soak: ## run the full counts, and every fuzz target for FUZZTIME
	TQ_SOAK=1 $(GO) test -count=1 -timeout 2h ./...
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
	  for name in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$target/*_test.go | sed 's/func //'); do \
	    echo "fuzz $$target $$name"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$target || exit 1; \
	  done; \
	done

bench: ## print speeds: messages/s, MB/s, allocations
	@$(GO) test -run '^$$' -bench . -benchmem ./...

lint: ## gofumpt, go vet, staticcheck
	@out=$$($(TOOL) gofumpt -l .) && test -z "$$out" || { echo "$$out"; echo 'run: go tool -modfile=tools/go.mod gofumpt -w .'; exit 1; }
	@$(GO) vet ./...
	@$(TOOL) staticcheck ./...

check: lint ## what to run before a commit
	@$(GO) test -short ./...

generate: ## write the schema and the reference pages from the tables in the code
	@$(GO) generate ./...

dist: ## build releases for Linux, macOS and Windows into dist/
	@rm -rf dist
	@for t in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do \
	  ext=; [ $${t%/*} = windows ] && ext=.exe; \
	  echo dist/tqmailrules-$${t%/*}-$${t#*/}$$ext; \
	  CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/tqmailrules-$${t%/*}-$${t#*/}$$ext ./cmd/tqmailrules || exit 1; \
	done
	@cd dist && { command -v sha256sum >/dev/null && sha256sum tqmailrules-* || shasum -a 256 tqmailrules-*; } > SHA256SUMS

install: ## install tqmailrules where go install puts programs
	@CGO_ENABLED=0 $(GO) install -trimpath -ldflags '$(LDFLAGS)' ./cmd/tqmailrules

clean: ## remove what the targets above made
	@rm -rf bin dist demo
