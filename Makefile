# Targets a person types. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MODULES  := gen services standards
PACKAGES := $(MODULES:%=./%/...)
# The pure cores whose laws take many cases.
LAWS := ./services/behavior/internal/engagement ./services/profilefit/internal/fit ./services/handoff/internal/standard/diff
# The race detector brings a check of pointer arithmetic, of which SQLite, translated from
# C, is made: without it there the tests take half the time.
UNCHECKED := -gcflags=modernc.org/...=-d=checkptr=0
# Where the APIs may not break against: main, or on main itself the commit before.
AGAINST  ?= $(shell git rev-parse -q --verify origin/main main 2>/dev/null | grep -v "$$(git rev-parse HEAD)" | head -1 || true)

.PHONY: help
help: ## List the targets.
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/assay.
	go build -o bin/assay ./services/cmd/assay

.PHONY: run
run: build ## Build and start Assay: REST on :8080, gRPC on :9090, data under ./data.
	bin/assay serve

.PHONY: test
test: ## Run every test, on SQLite and PostgreSQL, with the race detector.
	go test -race $(UNCHECKED) -p 4 -timeout 18m $(PACKAGES) # four at once: many wait for a commit
	go test $(LAWS) # on all of their generated cases, of which the race detector sees a fiftieth
	go test -run Laws ./services/test/scenarios

.PHONY: test-crm
test-crm: ## Try the handoff to a real CRM: installs Tryton where it is missing, half a minute. Part of `make test`.
	go test -race -count=1 -v ./services/test/crm

.PHONY: test-clients
test-clients: ## Try all real tracking clients: installs Node.js, Chromium and the clients where they are missing, a minute. `make test` runs three of them.
	ASSAY_CLIENTS=all go test -race -count=1 -v ./services/test/clients

.PHONY: bench
bench: ## Measure: each figure beside a baseline of the same run, about 6 minutes.
	go run ./services/test/bench

.PHONY: gen
gen: tools ## Generate Go, OpenAPI and the reference of the language from the protos.
	bin/buf format -w --path proto/assay
	bin/buf generate
	bin/openapiv3-merge $$(find gen/openapi/parts -name '*_service.openapi.json' | LC_ALL=C sort) \
		| go run ./gen/openapi/finish > gen/openapi/openapi.json
	bin/buf build -o - \
		| go run ./services/handoff/internal/standard/reference/write standards/standard.schema.json docs/reference/standard.md

GENERATED := proto gen standards/standard.schema.json docs/reference/standard.md

.PHONY: gen-check
gen-check: gen ## Fail if the generated code is not what the protos say.
	@git diff --exit-code --stat -- $(GENERATED) || { echo 'make gen changes the files above: run it and commit them'; exit 1; }
	@test -z "$$(git status --porcelain -- $(GENERATED))" || { git status --short -- $(GENERATED); echo 'make gen leaves new files: commit them'; exit 1; }

.PHONY: breaking
breaking: tools ## Fail if an API breaks its callers on the main branch.
	@against="$(AGAINST)"; : "$${against:=$$(git rev-parse -q --verify HEAD~1 || true)}"; \
	if [ -z "$$against" ]; then echo 'no earlier commit to compare the APIs with'; \
	else bin/buf breaking --against ".git#ref=$$against" && echo "APIs hold against $$against"; fi

.PHONY: lint
lint: tools ## Check protos and Go code.
	bin/buf lint
	bin/buf format -d --exit-code --path proto/assay
	for module in standards services; do (cd $$module && ../bin/golangci-lint run ./...); done
	cd gen && ../bin/golangci-lint run ./openapi/...

# Build tools are pinned, one module each, outside go.work.
.PHONY: tools
tools: bin/.buf bin/.protoc bin/.lint ## Build the pinned build tools into bin/.

bin/.%: tools/%/go.mod
	@mkdir -p bin
	cd tools/$* && GOWORK=off go build -o ../../bin/ tool
	@touch $@
