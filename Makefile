# `make help` lists what can be done. Everything installs what it needs, Node 24 included: make, npm and any Node from 20 on are enough.
node := node_modules/.bin/node
installed := node_modules/.package-lock.json
built := dist/.built
# No object's prototype can be changed through __proto__, and no signal opens a debugger.
hardened := --disable-proto=delete --disable-sigusr1

.DEFAULT_GOAL := help
.PHONY: help key run test test-deep lint image fuzz bench bench-failover bench-one-key bench-audit bench-verify simulate mutants crash-loop many-processes build docs clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

key: build ## install, build, and print a key of the embedded default: ID=orders/7 unless said otherwise
	@$(node) $(hardened) scripts/one-key.mjs '$(or $(ID),orders/7)'

run: build ## install, build and serve the embedded default on 127.0.0.1:8080
	@exec ./rkms serve

test: $(installed) ## install, build, and run every check: types, lint, format, all tests (about 4 minutes on two cores)
	@$(node) scripts/run-tests.ts

test-deep: $(installed) ## the same with deep suites at full size, all mutants, and Node 22.13 too (about 30 minutes)
	@$(node) scripts/run-tests.ts --deep

lint: $(installed) ## types, lint and format only
	@npm run --silent lint

fuzz: $(installed) ## try all parsers with inputs at random, for MINUTES=60 in all unless said otherwise
	@FUZZ_MINUTES=$(or $(MINUTES),60) $(jest) test/fuzz

bench: build ## throughput, processor time, latency and memory beside Koa, a lean client and the AWS SDK (ARGS='--quick')
	@$(node) --disable-warning=ExperimentalWarning bench/speed.ts $(ARGS)

bench-one-key: build ## two processes, one store, many requests at once for each new id: is there ever a second key?
	@$(node) bench/one-key-per-id.ts

bench-failover: build ## regions fail in every way under load: what do callers notice? (about 18 minutes; ARGS='--quick --only silent')
	@$(node) bench/failover.ts $(ARGS)

bench-audit: build ## requests per second with audit flushing on and off, side by side
	@$(node) bench/audit-flush.ts

bench-verify: build ## rkms verify and rkms repair over 100,000 keys: keys per second, and memory
	@$(node) bench/verify-speed.ts

SEEDS ?= 20000
FROM ?= 0
SEED ?=
simulate: $(installed) ## the application in simulated worlds: SEEDS=10000000 for as many, SEED=1710 for one and its story
	@$(node) --disable-warning=ExperimentalWarning test/simulation/start.ts simulate --seeds '$(SEEDS)' --from '$(FROM)' --seed '$(SEED)'

mutants: $(installed) ## deliberate bugs: does the simulation catch each within 60 s?
	@$(node) --disable-warning=ExperimentalWarning test/simulation/start.ts run-mutants

jest := $(node) --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js

crash-loop: $(installed) ## kill the embedded service CYCLES=10000 times; is every key that it gave out still there?
	@CYCLES=$(or $(CYCLES),10000) $(jest) test/crash/crash-loop.test.ts

many-processes: build ## four processes, 50 clients, FRESH=2000 new ids, regions failing: one key per id?
	@FRESH=$(or $(FRESH),2000) $(jest) test/http/many-processes.test.ts

build: $(built) ## compile to dist/; ./rkms runs it

$(built): $(installed) $(shell find src test/contracts -name '*.ts') scripts/build.mjs tsconfig.json tsconfig.build.json package.json
	@$(node) scripts/build.mjs

TAG ?= rkms:dev
image: ## build the container image TAG=rkms:dev with docker or podman
	@for each in docker podman; do $$each info >/dev/null 2>&1 && exec $$each build --tag '$(TAG)' .; done; \
	echo 'make image needs Docker or Podman with its engine running, and there is none here.' >&2; exit 1

docs: build ## write docs/cli.md and docs/configuration.md anew, from the program itself
	@$(node) scripts/write-references.ts

clean: ## remove what was installed and built (data/ stays)
	rm -rf node_modules dist dist-* coverage

$(installed): package-lock.json
	@echo 'Installing packages ...'
	@npm ci --loglevel=error --no-audit --no-fund
	@touch $@
