# make demo: install and run the nightly job.   make test: install and run the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test slow check clean

help:  ## Show the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/'

# Installs again only when the declared packages change.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev,bench]' --constraint constraints.txt
	@touch $@

install: $(VENV)/.installed  ## Create the virtual environment and install.

demo: install  ## Run the nightly job on the embedded market: no network, no server.
	$(BIN)/tidewatch demo

test: install  ## Run the test suite.
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow and not network'

slow: install  ## Run the proofs that take minutes.
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'slow'

check: install  ## Lint, format, types, import contracts.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:  ## Remove the virtual environment and everything that runs have made here.
	rm -rf $(VENV) .tidewatch build *.egg-info .pytest_cache .mypy_cache .ruff_cache
