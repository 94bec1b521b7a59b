# Everything that a person or CI does with this repository. `make help` lists it.
# Stamps keep repeated runs quick: a step runs again only when its inputs changed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Some images forbid Python its compiled files: each of the product's processes would compile its modules at every start.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

MADE_VENV := $(VENV)/.made-venv
MADE_BASE := $(VENV)/.made-base
MADE_DEV := $(VENV)/.made-dev
NODE_MODULES := frontend/node_modules/.made
FRONTEND := chengheng/common/ui/static/ui/build/.made
FRONTEND_SOURCES := $(shell [ -d frontend ] && find frontend -path frontend/node_modules -prune -o -type f -print)

.PHONY: help setup setup-dev packages packages-dev frontend messages run test test-postgres15 lint format bench shots docs lock clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: packages $(MADE_BASE) frontend messages ## Virtual environment, locked install, front-end build, texts: all that running needs

setup-dev: packages-dev $(MADE_DEV) frontend messages ## The same with what tests, checks and documentation need

run: setup ## Serve the demonstration city; prints the address and the logins (Ctrl-C stops)
	@exec $(BIN)/python -m chengheng up --demo

test: setup-dev ## All tests, on JOBS cores (default 2); those that drive a browser or start the product's processes come after
	@CI_BIN=$(BIN) JOBS=$(JOBS) tools/test.sh

test-postgres15: setup-dev ## The common floor again, every migration included, on a PostgreSQL 15 of Debian's through DATABASE_URL
	@CI_BIN=$(BIN) JOBS=$(JOBS) $(BIN)/python -m tools.postgres 15 -- tools/test.sh floor

lint: setup-dev ## ruff, import contracts, mypy, translations complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy chengheng tools
	$(BIN)/python -m tools.messages check

format: $(MADE_DEV) ## Write the house's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: setup-dev ## All benchmarks, or ONLY=name; tables on screen, JSON under var/bench
	@$(BIN)/python -m benchmarks $(ONLY)

shots: setup-dev ## Screenshots of the main pages into docs/shots (both languages, light and dark, desktop and phone)
	@$(BIN)/python -m tools.shots $(ONLY)

docs: $(MADE_DEV) ## The documentation site into site/
	$(BIN)/python -m tools.reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lock: $(MADE_DEV) ## Lock requirements/*.in again, with hashes and without the names of index hosts
	cd requirements && for name in base dev; do \
		$(abspath $(BIN))/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
			--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file $$name.txt $$name.in; done
	cd requirements && sed -n '/^pip==/,/^[^ ]/{/^pip==/p;/^ /p}' dev.txt > pip.txt # the pip that comes with Python may be too old to read the rest

clean: ## Remove what this file made (the data folder stays)
	rm -rf $(VENV) frontend/node_modules chengheng/common/ui/static/ui/build site
	find chengheng -name '*.mo' -delete

packages:
	@$(PYTHON) chengheng/project/packages.py run

packages-dev:
	@$(PYTHON) chengheng/project/packages.py run test

$(MADE_VENV): | packages
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(MADE_BASE): requirements/pip.txt requirements/base.txt $(MADE_VENV)
	$(PIP) install --require-hashes -r requirements/pip.txt
	$(PIP) install --require-hashes -r requirements/base.txt
	@echo '$(CURDIR)' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/chengheng.pth"
	@printf '#!%s\nfrom chengheng.__main__ import main\nmain()\n' '$(abspath $(BIN))/python' > $(BIN)/chengheng
	@chmod +x $(BIN)/chengheng
	@touch $@

$(MADE_DEV): requirements/dev.txt $(MADE_BASE)
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

frontend: $(if $(FRONTEND_SOURCES),$(FRONTEND))

$(NODE_MODULES): frontend/package-lock.json frontend/package.json $(MADE_BASE)
	cd frontend && PATH="$(abspath $(BIN)):$$PATH" npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(FRONTEND): $(FRONTEND_SOURCES) $(NODE_MODULES)
	cd frontend && PATH="$(abspath $(BIN)):$$PATH" npm run --silent build
	@mkdir -p $(dir $@) && touch $@

messages: $(MADE_BASE)
	@$(BIN)/python -m tools.messages compile
