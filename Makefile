# make run                      the sample mailbox, the daemon on it, and the events it finds
# make run CONFIG=config.toml   the daemon on your own mailboxes
# make test                     every test, layer after layer; make test LAYERS="lint unit" for some of them
# make format                   what a machine can put right: format, order of imports
# make lint                     what a machine can check: format, lint, types, directions of imports
# make lock                     the locks, after pyproject.toml was changed; UPGRADE=--upgrade for newer releases
# make golden                   tests/golden anew: what the readers make of each mail of ours, and what differs
# make docs                     the tables in docs/providers.md and docs/outages.md anew, out of the code
# make bench                    mails a second, and what it takes to push events to a NetBox
# make torture                  300 mails and 100 kills on each database, 2,000 and 10 of two daemons; 20,000 damaged notices
# make clean                    away with .venv and caches; var/ with its data stays

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
UPGRADE :=
CONFIG :=
LAYERS :=

# The first Python that will do. `make run PYTHON=python3.12` names another one.
PYTHON = $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo $$python; break; }; done)

.PHONY: run test format lint lock golden docs bench torture clean

run: $(VENV)/.installed
ifeq ($(CONFIG),)
	@$(BIN)/maintd demo
else
	@$(BIN)/maintd run --config $(CONFIG)
endif

test: $(VENV)/.installed-dev
	@tests/gate/system_packages.sh
	@$(BIN)/python tests/gate/layers.py $(LAYERS)

lint: $(VENV)/.installed-dev
	@$(BIN)/python tests/gate/layers.py format lint types imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lock: $(VENV)/.installed-dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" $(UPGRADE) pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" $(UPGRADE) pyproject.toml --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock

golden: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.gate.golden

docs: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.gate.providers_document
	@$(BIN)/python -m tests.gate.outages_document

bench: $(VENV)/.installed-dev
	@tests/gate/system_packages.sh
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python -m benchmarks.push

torture: $(VENV)/.installed-dev
	@tests/gate/system_packages.sh
	MAINTD_TORTURE=1 $(BIN)/python -m pytest tests/integration/test_kill.py tests/integration/test_torture.py \
		tests/integration/test_sharing.py \
		tests/notices/test_transformations.py \
		tests/notices/test_damaged_outages.py tests/shared

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is newer than what was installed from, so that nothing is done twice.

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/.made
	@echo "installing what maintd needs into $(VENV)"
	@$(PIP) install --requirement requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "installing what its tests need into $(VENV)"
	@$(PIP) install --requirement requirements-dev.lock
	@touch $@

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "maintd needs Python 3.11, 3.12 or 3.13, and the path holds none \
	($$(python3 --version 2>&1)): install one, or name it, as in make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo "maintd needs Python 3.11, 3.12 or 3.13, but $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@
