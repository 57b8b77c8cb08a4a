# On a fresh machine: `make run`, `make init` (set it up) and `make test`. They need Python 3.11 or later and pip.
# `make` takes the first that is new enough; to name another: make PYTHON=/path/to/python3.12
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$python $(NEW_ENOUGH) 2>/dev/null && { echo $$python; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
DEV_STAMP := $(VENV)/installed-for-development

# As `python -m venv`, except that Ctrl-C ends it without a traceback.
VENV_OR_END := 'import runpy, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); runpy.run_module("venv", run_name="__main__")'

# Tests start the program hundreds of times, so its bytecode is kept, even where the environment says otherwise.
WITH_BYTECODE := PYTHONDONTWRITEBYTECODE=

.DEFAULT_GOAL := run
.PHONY: run init demo test check setup lint lock clean

run: $(STAMP)
	@exec $(BIN)/countersign run

init: $(STAMP)
	@exec $(BIN)/countersign init

# Everything on this machine, with made-up lists: no account, no internet.
demo: $(STAMP)
	@exec $(BIN)/countersign demo

test: $(DEV_STAMP)
	@echo "This takes three to four minutes on two quiet cores. The slow tests are left out; make check runs them, too."
	$(WITH_BYTECODE) $(BIN)/pytest -q -n 3 --dist worksteal -m "not slow" --hypothesis-profile quick

check: lint
	@echo "All tests take about a quarter of an hour on two quiet cores."
	$(WITH_BYTECODE) $(BIN)/pytest -q -n 2 --dist worksteal --durations 12

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(DEV_STAMP)

$(STAMP): requirements.txt bot/__init__.py
	@$(or $(PYTHON),false) $(NEW_ENOUGH) 2>/dev/null || { \
	  found=$$($(or $(PYTHON),python3) --version 2>/dev/null) || found="not there"; \
	  echo "Countersign needs Python 3.11 or later, and $(or $(PYTHON),python3) is $$found. Install a newer one from" \
	    "https://www.python.org/downloads/ or, if you have one, name it: $(strip make PYTHON=/path/to/python3.12 $(MAKECMDGOALS))" >&2; \
	  exit 1; }
	@mkdir -p $(VENV) 2>/dev/null && test -w . && test -w $(VENV) || { \
	  echo "Countersign can't write to $(CURDIR). Clone it into a folder you own." >&2; exit 1; }
	@echo "Creating a virtual environment in $(VENV). This takes a few seconds."
	@$(PYTHON) -c $(VENV_OR_END) $(VENV) || { echo "Couldn't create a virtual environment. Is the disk full? On Debian, try: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python scripts/install.py requirements.txt "what Countersign needs into $(VENV)" --require-hashes || { \
	  echo "Couldn't install the dependencies; the lines above say why. When that is fixed, run: $(strip make $(MAKECMDGOALS))" >&2; exit 1; }
	@$(BIN)/python -c 'import site; open(site.getsitepackages()[0] + "/countersign.pth", "w").write("$(CURDIR)\n")'
	@printf '#!/bin/sh\nexec "%s" -m bot "$$@"\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/countersign
	@chmod +x $(BIN)/countersign
	@touch $@

$(DEV_STAMP): $(STAMP) requirements-dev.txt pyproject.toml
	@$(BIN)/python scripts/install.py requirements-dev.txt "what the tests need" --require-hashes || { \
	  echo "Couldn't install the development tools; the lines above say why. When that is fixed, run: make setup" >&2; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . || { \
	  echo "Couldn't install Countersign itself; the lines above say why. When that is fixed, run: make setup" >&2; exit 1; }
	@touch $@

# For maintainers: update the pins. uv.lock holds addresses, so only the export is kept.
lock:
	uv lock --upgrade
	uv export --quiet --all-groups --all-extras --no-emit-project --no-annotate --no-header --format requirements-txt --output-file requirements-dev.txt
	uv export --quiet --no-dev --all-extras --no-emit-project --no-annotate --no-header --format requirements-txt --output-file requirements.txt
	rm uv.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
