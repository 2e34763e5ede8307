# Each target makes what it needs first. A fresh machine has to have Python 3.11 or later, make and
# git; Go, and Java with Maven, where the Temporal servers cannot be downloaded.

PYTHON ?= python3
TOOLS := .tools
VENV := .venv
UV := $(TOOLS)/bin/uv
BIN := $(VENV)/bin

# A stamp in the environment it speaks of disappears together with it.
UV_READY := $(TOOLS)/.ready
VENV_READY := $(VENV)/.ready

# The peer that is measured beside us, and the plots: nothing of ours is in there.
BENCH := .bench
BENCH_READY := $(BENCH)/.ready

# Programs that judge the HTTP API from outside, with libraries that must not constrain ours.
JUDGES := .judges
JUDGES_READY := $(JUDGES)/.ready

# The Python of this machine is the one to use; another is not fetched behind its back.
export UV_PYTHON_DOWNLOADS := never
# Many processes start here, one after the other: what the first compiled, the others load.
export PYTHONDONTWRITEBYTECODE :=
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

# Most tests wait for a server or a disk. Those of a file stay together: they share what is dear.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help demo test kills proof proof-long proof-planted recovery bench docs check lint format types arrows replay install servers chromium lock clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

demo: servers ## watch payments and collections survive a killed worker and lost replies (ARGS=--keep leaves it running)
	$(BIN)/finality demo $(ARGS)

test: servers chromium $(JUDGES_READY) ## run all tests (ARGS="-k word" runs some)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

kills: servers ## kill a worker at every point of every scenario, for about half an hour (ARGS="--sample 300")
	$(BIN)/python -m tests.proof $(ARGS)

proof: servers ## simulated payments, kills, planted bugs and their report, within a quarter of an hour
	$(BIN)/python -m tests.proof.prove $(ARGS)

proof-long: servers ## the same at every point, with ten times the payments and pairs of faults, for an hour and a half
	$(BIN)/python -m tests.proof.prove --mode long $(ARGS)

proof-planted: install ## plant each known-bad variant of the product, and see it found
	$(BIN)/python -m tests.proof.planted $(ARGS)

recovery: servers ## measure how long a payment stands still after its worker was killed
	$(BIN)/python -m benchmarks.recovery $(ARGS)

bench: servers $(BENCH_READY) ## measure the engine beside a bare workflow and a peer, for about half an hour
	$(BIN)/python -m benchmarks --peer-python $(BENCH)/bin/python $(ARGS)

docs: install ## draw and write anew what the docs take from the code
	$(BIN)/python -m docs.life
	$(BIN)/python -m docs.configuration
	$(BIN)/python -m docs.partners

check: install ## lint, format, types and the arrows between rooms; all four, whichever fails
	@$(MAKE) --no-print-directory --keep-going lint format types arrows

lint: install
	$(BIN)/ruff check .

format: install
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

arrows: install
	$(BIN)/lint-imports --no-logo

replay: install ## run every saved history through today's workflows
	$(BIN)/python -m pytest tests/replay $(ARGS)

chromium: ## get a browser for the tests of the console, if there is none
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
	fi || true; \
	command -v chromium >/dev/null || \
		echo 'There is no Chromium, so a test of the console is skipped. As root: apt-get install chromium' >&2

install: $(VENV_READY) ## make the environment

servers: install ## get the Temporal servers, which takes minutes the first time
	@$(BIN)/python -m local.servers >/dev/null

lock: $(UV_READY) ## resolve the dependencies anew (ARGS=--upgrade takes newer ones)
	$(UV) pip compile $(LOCKED) pyproject.toml -o requirements.lock
	$(UV) pip compile $(LOCKED) -c requirements.lock --group dev pyproject.toml -o requirements-dev.lock
	$(UV) pip compile $(LOCKED) -c requirements.lock --group pyproject.toml:bench -o requirements-bench.lock
	$(UV) pip compile $(LOCKED) --group pyproject.toml:judges -o requirements-judges.lock
	echo 'uv==$(UV_VERSION)' | $(UV) pip compile $(LOCKED) - -o requirements-tools.lock

clean: ## remove what was made here; the servers stay in the user's cache
	rm -rf $(VENV) $(TOOLS) $(BENCH) $(JUDGES) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

UV_VERSION := 0.13.9
LOCKED := $(ARGS) --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

$(UV_READY): requirements-tools.lock
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --require-hashes -r requirements-tools.lock
	@touch $@

$(VENV_READY): $(UV_READY) requirements-dev.lock pyproject.toml clients/python/pyproject.toml
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --require-hashes requirements-dev.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable . --editable clients/python
	# Where the environment forbids Python to write bytecode, each command would compile all of this.
	$(BIN)/python -m compileall -q -x '/[.]' . ||:
	@touch $@

$(BENCH_READY): $(UV_READY) requirements-bench.lock
	test -x $(BENCH)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(BENCH)
	VIRTUAL_ENV=$(CURDIR)/$(BENCH) $(UV) pip sync --quiet --require-hashes requirements-bench.lock
	@touch $@

$(JUDGES_READY): $(UV_READY) requirements-judges.lock
	test -x $(JUDGES)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(JUDGES)
	VIRTUAL_ENV=$(CURDIR)/$(JUDGES) $(UV) pip sync --quiet --require-hashes requirements-judges.lock
	@touch $@
