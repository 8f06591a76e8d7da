# What people and CI both call. `make help` lists it.

.DEFAULT_GOAL := help
.NOTPARALLEL:

PAGE_SOURCES := $(shell find static -name node_modules -prune -o -name dist -prune -o -name e2e -prune -o -type f -print)
TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))

.PHONY: help
help: ## List what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what is missing on this machine for building and testing
	scripts/setup.sh test

# What building needs, without the broker and the browser of the tests.
.PHONY: tools
tools:
	@scripts/setup.sh build

# What benchmarks and chaos need, without the proxies of the tests.
.PHONY: instruments
instruments:
	@scripts/setup.sh measure

static/node_modules/.installed: static/package.json static/package-lock.json
	cd static && npm ci
	touch $@

static/dist/index.html: static/node_modules/.installed $(PAGE_SOURCES)
	cd static && npm run build

.PHONY: page
page: tools static/dist/index.html ## Build the page into static/dist

.PHONY: build
build: page ## Build the programs, with the page inside, into target/release
	cargo build --release --locked

.PHONY: run
run: page ## Show this machine on http://localhost:8888/ (options: ARGS="--interval 500ms")
	cargo run --locked -p resources-cli --bin resources -- up $(ARGS)

.PHONY: lint
lint: tools static/node_modules/.installed ## Check format, lints, documentation and types
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked
	cd static && npm run lint
	cd static && npm run check

.PHONY: test
test: setup lint page ## Check and test everything, with a broker and a browser
	cargo test --workspace --locked
	cd static && npm test
	cd static && RESOURCES_BIN=$(TARGET_DIR)/debug/resources npm run e2e

.PHONY: bench
bench: instruments build ## Measure all, or ONLY=fan-out,page, beside bare programs; WRITE=1 writes docs/benchmarks.md
	cargo bench --locked -p resources-cli --bench pipeline -- $(if $(ONLY),--only $(ONLY)) $(if $(WRITE),--write)

# How long faults strike, how long the broker is down, and who samples how often; the seed
# decides the order of the faults and is shown, so that a run can be repeated.
CHAOS_MINUTES ?= 10
CHAOS_OUTAGE_MINUTES ?= $(CHAOS_MINUTES)
CHAOS_HOSTS ?= 200
CHAOS_INTERVAL ?= 200ms
CHAOS_SEED ?= $(shell date +%s)

.PHONY: chaos
chaos: export CHAOS_MINUTES := $(CHAOS_MINUTES)
chaos: export CHAOS_OUTAGE_MINUTES := $(CHAOS_OUTAGE_MINUTES)
chaos: export CHAOS_HOSTS := $(CHAOS_HOSTS)
chaos: export CHAOS_INTERVAL := $(CHAOS_INTERVAL)
chaos: export CHAOS_SEED := $(CHAOS_SEED)
chaos: instruments build ## Kill and cut off every part for CHAOS_MINUTES=10; no sample may be missing
	cargo test --release --locked -p resources-cli --test chaos -- --include-ignored --nocapture --test-threads=1

.PHONY: clean
clean: ## Remove everything that was built
	cargo clean
	rm -rf static/node_modules
	find static/dist -mindepth 1 ! -name .gitignore -delete
