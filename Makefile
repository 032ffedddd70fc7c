# make demo    install into .venv, then: check, compile, draw, train, evaluate, save, load and predict handwritten digits
# make test    the whole test suite
# make test-zoo  every shipped spec against torchvision with real weights: time and memory of each
# make check   formatting, lint, strict types, then the tests
# make against-torch  every op compared with torch on 300 cases: docs/against-torch.md
# make reliability  runs killed, starved and stopped, files damaged and hostile: docs/reliability.md
# make docs    the references in docs/ that are generated from the code
# make docs-zoo  a drawing of every shipped spec, in docs/zoo/
# make clean   remove what was built, but .venv and what you trained

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Two workers with one thread each: torch's own threads would get in each other's way.
WORKERS ?= 2
TESTS ?= tests

.PHONY: help
help:
	@sed -n 's/^# make /  make /p' Makefile

$(INSTALLED): pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "nnc needs Python 3.11 or newer: make PYTHON=…"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): torch and all else, about 5 GB (see $(VENV)/install.log)"
	@$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]' > $(VENV)/install.log 2>&1 \
	  || { tail -n 30 $(VENV)/install.log; exit 1; }
	@$(BIN)/python -m compileall -q nnc compiler runtime specs
	@touch $@

.PHONY: demo
demo: $(INSTALLED)
	@PATH="$(abspath $(BIN)):$$PATH" bash examples/demo.sh

.PHONY: test
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) -q $(TESTS)

.PHONY: test-zoo
test-zoo: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nightly -q tests/zoo

.PHONY: check
check: lint types test

.PHONY: lint
lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: $(INSTALLED)
	$(BIN)/mypy

.PHONY: docs
docs: $(INSTALLED)
	$(BIN)/python docs/generate.py
	$(BIN)/python -m nnc.zoo

.PHONY: against-torch
against-torch: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.ops.report

.PHONY: reliability
reliability: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.reliability.report

.PHONY: docs-zoo
docs-zoo: $(INSTALLED)
	$(BIN)/python docs/gallery.py

.PHONY: clean
clean:
	rm -rf build dist out/demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
