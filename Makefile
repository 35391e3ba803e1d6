# Every target works in a fresh clone, in an empty home, with nothing running; a second call is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Three at a time, since many tests wait for processes; in their order: files that last begin first.
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: setup demo test test-all soak mutants stand-ins check up bench year pictures lock

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "igny8 needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup
	@$(BIN)/igny8 demo

up: setup
	@$(BIN)/igny8 up

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup
	$(BIN)/python -m pytest $(SPREAD)

test-all: setup stand-ins
	$(BIN)/python -m pytest $(SPREAD) --all

# Puts known faults into a copy of the product, one at a time; ends with 1 where no test of faults notices one.
mutants: setup
	@$(BIN)/python -m tests.faults.mutants

# Faults of all kinds for MINUTES on BACKEND (embedded, redis, rabbitmq); the same SEED chooses the same. Ends with 1
# where an invariant was broken.
SEED ?= 1
MINUTES ?= 30
BACKEND ?= redis
soak: setup
	@$(BIN)/python -m tests.faults.soak --seed $(SEED) --minutes $(MINUTES) --backend $(BACKEND)

# Servers that stand in for AI providers, and Node.js to run them: from PyPI and npm into .tools/, pinned and hashed.
stand-ins: setup
	@$(BIN)/python -m tests.system.providers.install

bench: setup
	$(BIN)/python -m benchmarks

# A simulated year of schedules and slots in three zones; ends with 1 where one was doubled or lost.
year: setup
	$(BIN)/python -m tests.year

# Takes pictures of the console's pages: all into .pictures/, those of the README into docs/pictures. Needs Chromium.
pictures: setup
	$(BIN)/python -m tests.system.console.pictures

# Rewrites the hashed locks from pyproject.toml; needs uv. No index address is recorded. The image's is a part of the other.
lock:
	uv pip compile --all-extras --generate-hashes --no-emit-index-url --universal --python-version 3.11 --quiet pyproject.toml -o requirements.lock
	uv pip compile --extra build --constraints requirements.lock --generate-hashes --no-emit-index-url --universal --python-version 3.11 --quiet pyproject.toml -o deploy/requirements.lock
