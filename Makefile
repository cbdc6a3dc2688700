# `make help` lists what there is. Only `go`, `make` and `git` are needed; the
# tools come from the Go module proxy, at the versions in tools/.

GO         ?= go
FUZZTIME   ?= 30s
GO_VERSION := $(shell $(GO) env GOVERSION)
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# Modules beside the main one that hold tests only.
TEST_MODULES := $(patsubst %/go.mod,%,$(wildcard test/*/go.mod))
# Runs tests and closes with one counted line; see the file.
# A package may take longer than go test's ten minutes on a machine under load.
# Most tests wait for files, timers and processes, so more of them run at once
# than a small machine has processors. Under the race detector they compute.
RUN     := $(GO) run ./tools/testrun/main.go -timeout=40m
TESTRUN := $(RUN) -parallel=4
# The folder whose tests run under the race detector.
RACE    ?= .

# Tools that take minutes to compile. Their file name holds a sum over what
# they are built from, so that each version is built once.
built_from = $(shell { echo $(GO_VERSION); cat $(1)/go.mod $(1)/go.sum; } | cksum | cut -d' ' -f1)
BUF        := bin/buf-$(call built_from,tools/buf)
GOLANGCI   := bin/golangci-lint-$(call built_from,tools/golangci)
CADDY      := bin/caddy-$(call built_from,tools/caddy)
DEADCODE   := bin/deadcode-$(call built_from,tools/deadcode)
APISERVER  := bin/kube-apiserver-$(call built_from,tools/kubeapiserver)
HELM       := bin/helm-$(call built_from,tools/kubeclients)
KUBECTL    := bin/kubectl-$(call built_from,tools/kubeclients)

# Modules with definitions of the resources that the chart and the recipes make and
# Kubernetes itself does not have. Nothing of them is compiled.
KUBE_DEFINITIONS := github.com/cert-manager/cert-manager@v1.19.1 github.com/external-secrets/external-secrets@v1.3.2 \
	github.com/prometheus-operator/prometheus-operator@v0.85.0 sigs.k8s.io/gateway-api@v1.6.3

# What generated code runs with must be what generated it.
SHARED_MODULES := google.golang.org/protobuf google.golang.org/grpc \
	google.golang.org/genproto/googleapis/api buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go

# Without the tracing pages of gRPC, which nothing here shows, the linker can
# drop what is never called: a third of the program.
BUILD_TAGS := grpcnotrace

.DEFAULT_GOAL := help
.PHONY: test-budget test-restarts test-revocation sbom release test-reproducible protos bench profile structure test-chaos test-replicas test-kubernetes test-isolation help run build test test-programs race lint lint-format lint-go lint-tools lint-proto generate check-generate generated fuzz cover tools clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Run Storekeeper with an emulated Cloudflare behind it; ARGS='--set listen.rest=127.0.0.1:18080' for flags
	$(GO) run ./cmd/server dev $(ARGS)

build: ## Build the static program bin/server
	CGO_ENABLED=0 $(GO) build -tags $(BUILD_TAGS) -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o bin/server ./cmd/server

sbom: build ## Write build/storekeeper.cdx.json: what bin/server is built from, with licences (CycloneDX)
	@mkdir -p build bin/plugins
	cd tools && $(GO) build -o ../bin/plugins/sbom ./sbom
	bin/plugins/sbom bin/server build/storekeeper.cdx.json '$(VERSION)'

release: ## Write build/release/: programs, bills of materials, chart, proto files, release notes and their sums; VERSION=v1.2.3
	GO="$(GO)" TAGS="$(BUILD_TAGS)" sh tools/release.sh '$(VERSION)'

test-reproducible: ## Build the program in two folders with caches of their own (minutes), and compare
	cd test/deploy && STOREKEEPER_REPRODUCIBLE=1 $(GO) test -count=1 -timeout 40m -run TwoFolders -v .

test: ## Run all tests, without cgo
	@CGO_ENABLED=0 $(TESTRUN) . $(TEST_MODULES)

test-programs: ## Run the tests that start programs: cmd, deploy, docs and the modules of tests
	@CGO_ENABLED=0 $(TESTRUN) cmd deploy docs $(TEST_MODULES)

race: ## Run the tests under the race detector, where there is a C compiler; RACE=internal for a folder
	@if command -v "$$($(GO) env CC)" >/dev/null 2>&1; then \
		CGO_ENABLED=1 STOREKEEPER_CHAOS_CYCLES=$${STOREKEEPER_CHAOS_CYCLES:-60} $(RUN) -race $(RACE); \
	else \
		echo "race: no C compiler on this machine, so the race detector was not run"; \
	fi

test-isolation: ## Run 100,000 random calls of several tenants and look for one that crosses over
	CGO_ENABLED=0 STOREKEEPER_ISOLATION_OPS=100000 STOREKEEPER_ISOLATION_SEED=$${STOREKEEPER_ISOLATION_SEED:-$$(date +%s)} $(GO) test -count=1 -timeout 20m -run TestNoTenantSeesOrTouchesWhatIsNotItsOwn -v ./internal/server

test-limits: ## Attack the built program under a hard memory limit, 15 s an attack, and serve a polite caller throughout
	CGO_ENABLED=0 STOREKEEPER_LIMITS_SECONDS=$${STOREKEEPER_LIMITS_SECONDS:-15} $(GO) test -count=1 -timeout 20m -run TestAttacksLeaveTheServerWithinItsMemory -v ./cmd/server

bench: ## Measure Storekeeper beside its peers and write docs/performance.md (an hour); BENCH='-cases rest' for a part
	@$(MAKE) -s --no-print-directory $(CADDY) || echo "Caddy could not be built, so one on the PATH is taken, if any"
	@sh tools/nginx.sh
	@cd test/bench && CGO_ENABLED=0 $(GO) run . -caddy "$(CURDIR)/$(CADDY)" $(BENCH)

profile: ## Leave profiles of the hot paths in build/profile/ and say how to read them
	@cd test/bench && CGO_ENABLED=0 $(GO) run . -profile ../../build/profile -length 5s

structure: $(DEADCODE) ## Print figures about the structure of the production code beside their targets; ARGS=-v lists what they count
	@cd tools && $(GO) run ./structure -deadcode "$(CURDIR)/$(DEADCODE)" $(ARGS) ..

test-chaos: ## Kill servers and cut answers at every step of a change, 2,000 times, and check histories
	CGO_ENABLED=0 STOREKEEPER_CHAOS_CYCLES=$${STOREKEEPER_CHAOS_CYCLES:-2000} $(GO) test -count=1 -timeout 30m -run 'Chaos|WhateverIsKilledOrCut' -v ./cmd/server
	CGO_ENABLED=0 STOREKEEPER_POSTGRES_SECONDS=$${STOREKEEPER_POSTGRES_SECONDS:-300} $(GO) test -count=1 -timeout 60m -run Chaos -v ./internal/store/postgres
	cd test/guarantees && CGO_ENABLED=0 STOREKEEPER_GUARANTEES_SECONDS=$${STOREKEEPER_GUARANTEES_SECONDS:-60} $(GO) test -count=1 -timeout 30m -v .

test-replicas: ## Let everything fail around replicas on a pair of PostgreSQL servers for half an hour (STOREKEEPER_REPLICAS_SECONDS), and pause one within a change
	cd test/guarantees && CGO_ENABLED=0 STOREKEEPER_REPLICAS_SECONDS=$${STOREKEEPER_REPLICAS_SECONDS:-1800} $(GO) test -count=1 -timeout 120m -run 'Chaos|APausedReplica' -v .

test-budget: ## Load three replicas in each phase of their life (an hour; STOREKEEPER_PHASE_SECONDS is a window), and measure how the budget is used and shared
	cd test/guarantees && CGO_ENABLED=0 STOREKEEPER_PHASE_SECONDS=$${STOREKEEPER_PHASE_SECONDS:-300} $(GO) test -count=1 -timeout 120m -run EachPhase -v .

test-restarts: ## Restart two replicas 100 times under load behind a balancer that is a second late (ten minutes), and count failed calls
	CGO_ENABLED=0 STOREKEEPER_RESTARTS=$${STOREKEEPER_RESTARTS:-100} $(GO) test -count=1 -timeout 60m -run TestNoCallFailsWhileReplicasAreRestarted -v ./cmd/server

test-revocation: ## Revoke a key 50 times under load, and print how long after the change the last call was accepted
	CGO_ENABLED=0 STOREKEEPER_REVOCATIONS=$${STOREKEEPER_REVOCATIONS:-50} $(GO) test -count=1 -timeout 20m -run RevocationsManyTimes -v ./cmd/server

test-kubernetes: ## Let a real Kubernetes API server issue tokens and take our manifests, by kubectl and by Helm (builds all once, up to an hour; needs etcd)
	@if ! command -v etcd >/dev/null 2>&1; then \
		echo "test-kubernetes: there is no etcd on this machine (Debian: etcd-server), so nothing was tested"; \
	elif ! $(MAKE) -s --no-print-directory $(APISERVER) $(HELM) $(KUBECTL); then \
		echo "test-kubernetes: the API server, Helm or kubectl could not be built, so nothing was tested"; \
	else \
		definitions=$$($(GO) mod download -json $(KUBE_DEFINITIONS)) || exit 1; \
		CGO_ENABLED=0 STOREKEEPER_KUBE_APISERVER="$(CURDIR)/$(APISERVER)" STOREKEEPER_HELM="$(CURDIR)/$(HELM)" STOREKEEPER_KUBECTL="$(CURDIR)/$(KUBECTL)" \
			STOREKEEPER_KUBE_DEFINITIONS="$$(echo "$$definitions" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')" $(GO) test -count=1 -timeout 40m -run 'Kubernetes|ADocumentedBinding|Helm' -v ./cmd/server; \
	fi

lint: lint-format lint-go lint-tools lint-proto ## Check formatting, code and proto files

lint-format:
	@unformatted=$$(gofmt -l cmd deploy internal gen tools $(TEST_MODULES)) || exit 1; \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi

lint-go: $(GOLANGCI)
	$(GO) vet ./...
	$(GOLANGCI) run ./...
	@for module in $(TEST_MODULES); do \
		echo "the same in $$module"; (cd $$module && $(GO) vet ./... && $(CURDIR)/$(GOLANGCI) run ./...) || exit 1; \
	done

# The tools are code as well, in a module of their own.
lint-tools: $(GOLANGCI)
	cd tools && $(GO) vet ./... && ../$(GOLANGCI) run ./... && $(GO) test ./...

lint-proto: $(BUF) .cache/proto
	$(BUF) lint
	@sh tools/breaking.sh $(BUF)

generate: generated ## Write gen/ and internal/apidoc/openapi.json anew from proto/
	rm -rf gen
	cp -R .cache/generated/gen gen
	cp .cache/generated/internal/apidoc/openapi.json internal/apidoc/openapi.json

check-generate: generated ## Fail where generated files are not what proto/ says
	@for module in $(SHARED_MODULES); do \
		here=$$($(GO) list -m $$module) && there=$$(cd tools && $(GO) list -m $$module) || exit 1; \
		if [ "$$here" != "$$there" ]; then echo "go.mod has $$here, tools/go.mod has $$there"; exit 1; fi; \
	done
	diff -r .cache/generated/gen gen
	diff .cache/generated/internal/apidoc/openapi.json internal/apidoc/openapi.json

protos: $(BUF) .cache/proto ## Write build/storekeeper-protos.tar.gz: the proto files with their imports, and a descriptor set
	@mkdir -p build
	$(BUF) build -o build/storekeeper.binpb
	cd tools && $(GO) run ./protoarchive ../build/storekeeper-protos.tar.gz ../build/storekeeper.binpb ../proto ../.cache/proto

# What the proto files say, in a folder of its own.
generated: $(BUF) .cache/proto
	cd tools && $(GO) build -o ../bin/plugins/ tool ./protoc-gen-apidoc
	rm -rf .cache/generated
	PATH="$(CURDIR)/bin/plugins:$$PATH" $(BUF) generate -o .cache/generated

# What our proto files import from elsewhere.
.cache/proto: tools/go.sum tools/protoimports/main.go
	cd tools && $(GO) run ./protoimports ../.cache/proto

fuzz: ## Fuzz every target for FUZZTIME (30s) each
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" sh tools/fuzz.sh

cover: ## Show how much of the code the tests run
	@mkdir -p build
	@CGO_ENABLED=0 $(TESTRUN) -coverpkg=./cmd/...,./internal/... -coverprofile=build/cover.out .
	@$(GO) tool cover -func=build/cover.out | tail -n 1

tools: $(BUF) $(GOLANGCI) ## Build the tools of lint and generate (minutes, once)

bin/buf-%:
	cd tools/buf && CGO_ENABLED=0 $(GO) build -trimpath -o ../../$@ github.com/bufbuild/buf/cmd/buf

bin/golangci-lint-%:
	cd tools/golangci && CGO_ENABLED=0 $(GO) build -trimpath -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/deadcode-%:
	cd tools/deadcode && CGO_ENABLED=0 $(GO) build -trimpath -o ../../$@ golang.org/x/tools/cmd/deadcode

# Stripped as Storekeeper is, since their sizes are compared.
bin/caddy-%:
	cd tools/caddy && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../$@ github.com/caddyserver/caddy/v2/cmd/caddy

# Without its staging modules: tools/kubeapiserver/go.mod names published ones. Helm asks
# the server for its version.
bin/kube-apiserver-%:
	cd tools/kubeapiserver && version=$$($(GO) list -m -f '{{.Version}}' k8s.io/kubernetes) && CGO_ENABLED=0 nice -n 19 $(GO) build -trimpath \
		-ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$$version" -o ../../$@ k8s.io/kubernetes/cmd/kube-apiserver

bin/helm-%:
	cd tools/kubeclients && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../$@ helm.sh/helm/v3/cmd/helm

bin/kubectl-%:
	cd tools/kubeclients && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../$@ ./kubectl

clean: ## Remove what was built, downloads excepted
	rm -rf bin build .cache
