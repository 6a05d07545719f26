# One entry for everything. `make run` and `make test` are the whole set-up on a fresh machine.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := incident_flows notifications playbooks benchmarks tests

.DEFAULT_GOAL := help
.PHONY: help setup run check test law fix chaos bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml constraints.txt
	PIP_CONSTRAINT=constraints.txt $(INSTALL) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	PIP_CONSTRAINT=constraints.txt $(INSTALL) --editable '.[test]'
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	PIP_CONSTRAINT=constraints.txt $(INSTALL) --editable '.[test,bench]'
	@touch $@

setup: $(VENV)/.test ## build .venv with everything

run: $(VENV)/.run ## start the engine with one sample incident; Ctrl-C stops it
	@exec $(BIN)/breach up --sample

check: $(VENV)/.test ## lint, types, import contracts, law files, doctests: the fast part of the proof
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/breach law check
	$(BIN)/python -m pytest -q --doctest-modules incident_flows notifications --ignore=incident_flows/storage/migrations -p no:cacheprovider

test: check ## the whole proof
	$(BIN)/python -m pytest -n 2 --dist loadfile

law: $(VENV)/.run ## walk the law files
	$(BIN)/breach law check

fix: $(VENV)/.test ## let ruff mend what it can
	$(BIN)/ruff check --fix $(SOURCES)

chaos: $(VENV)/.test ## kill the engine again and again, count what was lost; QUICK=1 takes a minute
	$(BIN)/python -m tests.chaos $(if $(QUICK),--quick)

bench: $(VENV)/.bench ## print the ratio behind each performance claim; QUICK=1 takes a minute
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

clean: ## remove what setup built
	rm -rf $(VENV) build dist
