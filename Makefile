# Targets a person types. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PACKAGES := ./gen/... ./standards/... ./services/...

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
	go test -race -timeout 15m $(PACKAGES)

# Build tools are pinned, one module each, outside go.work.
bin/buf: tools/buf/go.mod
	cd tools/buf && GOWORK=off go build -o ../../bin/ tool
bin/protoc-gen-go: tools/protoc/go.mod
	cd tools/protoc && GOWORK=off go build -o ../../bin/ tool
bin/golangci-lint: tools/lint/go.mod
	cd tools/lint && GOWORK=off go build -o ../../bin/ tool

.PHONY: gen
gen: bin/buf bin/protoc-gen-go ## Generate Go and OpenAPI from the protos.
	bin/buf format -w --path proto/assay
	bin/buf generate
	bin/openapiv3-merge $$(find gen/openapi/parts -name '*_service.openapi.json' | LC_ALL=C sort) \
		| sed '0,/"title": "[^"]*"/s//"title": "Assay"/' > gen/openapi/openapi.json

.PHONY: lint
lint: bin/buf bin/golangci-lint ## Check protos and Go code.
	bin/buf lint
	bin/buf format -d --exit-code --path proto/assay
	cd services && ../bin/golangci-lint run ./...
