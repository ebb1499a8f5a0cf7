# What you can do here. `make` alone prints this list; every target says what it
# does behind its name. Recipes use Go, git and a POSIX shell, and no network
# once the modules are fetched.

.DEFAULT_GOAL := help
SHELL := /bin/sh
export CGO_ENABLED := 0

# REPO is the git repository that `make run` scans beside this machine.
REPO ?= $(CURDIR)
# DB is the database that `make run` writes: a file, or a PostgreSQL URL.
DB ?= $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/retinue/retinue.db
# LISTEN is where `make run` opens the console: a port of this machine.
LISTEN ?= 127.0.0.1:8420
# RUN_ARGS are further arguments of the scan, such as aws=profile:dev or --dry-run.
RUN_ARGS ?=
# PKGS are the packages that test, bench and fuzz look at.
PKGS ?= ./...
# LIVE_PKGS are the packages that test-live looks at.
LIVE_PKGS ?= ./connectors/... ./internal/...
# TEST_ARGS are further arguments of go test, such as -run NAME.
TEST_ARGS ?=
# FUZZTIME is how long each fuzz target runs.
FUZZTIME ?= 10s
# LIVE is where the slow real systems are kept once built.
LIVE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/retinue-live

GO ?= go
GO_TEST ?= $(GO) test
TOOL := $(GO) tool -modfile=tools/go.mod
CONSOLE := internal/web/ui/dist/index.html
CONSOLE_SOURCE := $(shell find web -name node_modules -prune -o -name e2e -prune -o -type f -print)
VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: help
help: ## print this list
	@echo 'make TARGET [VARIABLE=value]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@awk '/^# [A-Z_]+ (is|are) / { sub(/^# /, ""); printf "  %s\n", $$0; next }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## scan this machine and REPO, then open the console on LISTEN
	@case '$(DB)' in *://*) ;; *) mkdir -p -m 700 "$$(dirname '$(DB)')" ;; esac
	@code=0; bin/retinue --db '$(DB)' scan host repo='$(REPO)' $(RUN_ARGS) || code=$$?; \
	case $$code in \
	0) ;; \
	3) echo 'Some places could not be read; they are named above.' ;; \
	*) exit $$code ;; \
	esac
	@case ' $(RUN_ARGS) ' in *' --dry-run '*) ;; *) \
	case '$(DB)' in *://*) ;; *) echo 'The results are in $(DB).' ;; esac; \
	exec bin/retinue --db '$(DB)' serve --listen '$(LISTEN)' --sign-in-link ;; esac

.PHONY: build
build: versions console ## build bin/retinue with the console in it
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/retinue ./cmd/retinue

.PHONY: console
console: versions $(CONSOLE) ## build the console, if its source changed

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund

$(CONSOLE): web/node_modules/.package-lock.json $(CONSOLE_SOURCE)
	cd web && npm run build
	@touch $(CONSOLE)

.PHONY: versions
versions: ## check that what the build needs is there
	@missing=; \
	if ! command -v git >/dev/null; then missing="$$missing\n  git: install the Debian package git"; fi; \
	if ! command -v $(GO) >/dev/null; then \
		missing="$$missing\n  Go 1.26 or newer: see https://go.dev/dl"; \
	else \
		have=$$($(GO) env GOVERSION | sed 's/^go//'); \
		major=$${have%%.*}; rest=$${have#*.}; minor=$${rest%%[!0-9]*}; \
		if [ "$${major:-0}" -lt 1 ] || { [ "$$major" -eq 1 ] && [ "$${minor:-0}" -lt 26 ]; }; then \
			missing="$$missing\n  Go 1.26 or newer: this is Go $$have, see https://go.dev/dl"; \
		fi; \
	fi; \
	if ! command -v npm >/dev/null || ! node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null; then \
		missing="$$missing\n  Node 20 or newer with npm, for the console: see https://nodejs.org"; \
	fi; \
	if [ -n "$$missing" ]; then printf "missing:$$missing\n" >&2; exit 1; fi

.PHONY: test
test: versions ## run every test, on SQLite and on a private PostgreSQL
	$(GO) run ./internal/testkit/cmd/withpostgres -- $(GO_TEST) $(TEST_ARGS) $(PKGS)

.PHONY: test-web
test-web: build ## check the console's types and style, and walk its pages in Chromium
	cd web && npm run check
	cd web && RETINUE='$(CURDIR)/bin/retinue' npm run e2e

.PHONY: test-live
test-live: versions live ## run the tests against the slow real systems: those with Live in their name
	PATH="$(LIVE)/bin:$$PATH" RETINUE_LIVE='$(LIVE)' \
		$(GO) run ./internal/testkit/cmd/withpostgres -- $(GO_TEST) -tags live -run Live $(TEST_ARGS) $(LIVE_PKGS)

.PHONY: live
live: versions ## build the slow real systems into LIVE, if they are not there
	@mkdir -p '$(LIVE)/bin'
	@set -e; for script in deploy/dev/*/build.sh; do \
		[ -e "$$script" ] || continue; \
		echo "$$script"; RETINUE_LIVE='$(LIVE)' sh "$$script" '$(LIVE)'; \
	done

.PHONY: check
check: versions ## check format, lint, structure, vet and the modules
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$bad" ]; then echo "gofmt would change:"; echo "$$bad"; exit 1; fi
	$(GO) mod verify
	$(GO) vet ./...
	$(GO) vet -tags live ./...
	$(GO) test ./internal/arch
	$(TOOL) golangci-lint run ./...

.PHONY: bench
bench: versions ## run the benchmarks, in the form that benchstat reads
	$(GO) run ./internal/testkit/cmd/withpostgres -- $(GO) test -run '^$$' -bench . -benchmem -timeout 60m $(TEST_ARGS) $(PKGS)

.PHONY: benchstat
benchstat: ## compare two outputs of bench: make benchstat OLD=a.txt NEW=b.txt
	$(TOOL) benchstat '$(OLD)' '$(NEW)'

.PHONY: fuzz
fuzz: versions ## run each fuzz target for FUZZTIME
	@set -e; for package in $$($(GO) list $(PKGS)); do \
		for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZTIME)' "$$package"; \
		done; \
	done

.PHONY: release
release: versions console ## build the archives, checksums and SBOMs of all systems into dist
	$(GO) run ./deploy/release -out dist

.PHONY: clean
clean: ## remove what the targets above made in this folder
	rm -rf bin dist web/node_modules
	find internal/web/ui/dist -mindepth 1 ! -name .gitkeep -delete
