# Every command of this project. `make` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
NEEDS  := requirements-dev.txt $(wildcard */pyproject.toml)

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## create .venv with all dependencies (demo and test do it themselves)

$(READY): $(NEEDS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV) (a minute, the first time)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation \
	  -e ncco-service -e echo-service -e phone
	@touch $@

.PHONY: demo
demo: setup ## start both services and call them; the call's page is out/demo.html
	@$(BIN)/python -m tools.demo

.PHONY: softphone
softphone: setup ## open a page to call the services with a microphone (PORT=8091; those in Compose, or new ones)
	@$(BIN)/python -m tools.softphone $(if $(PORT),--port $(PORT))

# In parallel, since they wait more than they compute. What needs large downloads runs only with CI=1,
# or when asked for.
UNITS := test-ncco-service test-echo-service test-phone test-bite $(if $(CI),test-others test-schemas)
STACK := test-containers test-calls test-attacks test-deploy
SIDE_BY_SIDE := $(MAKE) --no-print-directory --output-sync=target -j

.PHONY: test test-groups test-alone $(UNITS) $(STACK)
test: setup ## run the tests (CI=1: also test-softphone, -long-call, -swarm, -examples, -others, -schemas)
	@$(SIDE_BY_SIDE) $(if $(CI),test-long-call) test-groups
	@$(MAKE) --no-print-directory test-alone
	$(if $(CI),@$(MAKE) --no-print-directory test-softphone test-swarm test-examples)

PYTEST = $(BIN)/python -m pytest
test-groups: setup
	@$(SIDE_BY_SIDE) $(UNITS)
	@$(SIDE_BY_SIDE) $(STACK)
test-ncco-service test-echo-service test-phone: test-%: setup
	@$(PYTEST) $*/tests --ignore phone/tests/browser --ignore phone/tests/others
test-bite: setup
	@$(PYTEST) tests/attacks/test_bite.py
test-containers: setup
	@$(PYTEST) tests/containers
test-calls: setup
	@$(PYTEST) tests --ignore tests/containers --ignore tests/attacks --ignore tests/deploy
test-deploy: setup
	@$(PYTEST) tests/deploy -k "not swarm"
test-attacks: setup
	@ATTACKS_SLACK=3 $(PYTEST) tests/attacks/test_battery.py -k compose
# These measure times and need the machine for themselves.
test-alone: setup
	@$(PYTEST) bench/tests tests/attacks --ignore tests/attacks/test_bite.py -k "not compose"

# The browser plays and records in real time: two at once wait for half as long.
.PHONY: test-softphone test-script test-sound test-page test-long-call
test-softphone: setup test-script ## call in a real browser, and check its script (needs npm and Chromium)
	@$(SIDE_BY_SIDE) test-sound test-page
test-script:
	@cd phone/tests/web/node && npm ci --silent --no-audit --no-fund && \
	  npm run --silent types && npm test --silent
test-sound: setup
	@$(PYTEST) phone/tests/browser/test_browser_sound.py
test-page: setup
	@$(PYTEST) phone/tests/browser --ignore phone/tests/browser/test_browser_sound.py
test-long-call: setup ## call for five minutes in a real browser (CI does it beside other tests)
	@LONG_CALL=1 nice $(PYTEST) phone/tests/browser/test_browser_long.py

.PHONY: test-swarm test-examples test-others test-schemas
# Alone: when an engine leaves a swarm, other containers on it can lose their names.
test-swarm: setup ## run the stack on a Docker Swarm of one node, which your engine joins and leaves
	@SWARM=1 $(PYTEST) tests/deploy -k swarm
test-examples: ## run the examples' tests (downloads 825 MB)
	@$(MAKE) --no-print-directory -C examples lint test
test-others: setup ## call voice applications written by others (needs npm)
	@$(MAKE) --no-print-directory -C phone/tests/others test
test-schemas: ## check the files for Kubernetes and Cloud Run (needs kubectl; downloads 23 MB)
	@$(MAKE) --no-print-directory -C deploy check

.PHONY: screenshot
screenshot: demo ## renew the README's picture of a call (needs Chromium)
	@phone/screenshot out/demo.html docs/call.png
	@PICTURE=docs/softphone.png $(PYTEST) -q phone/tests/browser -k picture

.PHONY: lint
lint: setup ## check style, imports and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/mypy tools tests bench
	@for part in ncco-service/ncco_service echo-service/echo_service phone/phone; do \
	  $(BIN)/mypy $$part $$(dirname $$part)/tests; done

.PHONY: bench bench-quick conformance
bench: ## compare echo-service with other servers (an hour, two quiet cores)
	@$(MAKE) --no-print-directory -C bench bench
bench-quick: ## the same with fewer measurements, in two minutes
	@$(MAKE) --no-print-directory -C bench quick
conformance: ## run the Autobahn TestSuite against echo-service (needs Python 2.7)
	@$(MAKE) --no-print-directory -C bench conformance

.PHONY: audit
audit: setup ## search for secrets in the history and for vulnerable dependencies
	@$(BIN)/python -m tools.audit

.PHONY: env-example
env-example: setup ## generate .env.example from the services' settings
	@$(BIN)/python -m tools.env_example > .env.example.new
	@mv .env.example.new .env.example

.PHONY: format
format: setup ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url
.PHONY: lock
lock: setup ## lock all dependencies (UPGRADE=1: to the newest versions)
	@$(LOCK) $(if $(UPGRADE),--upgrade) -o requirements-dev.txt requirements-dev.in $(wildcard */pyproject.toml)
	@for service in ncco-service echo-service phone; do \
	  $(LOCK) -c requirements-dev.txt -o $$service/requirements.txt $$service/pyproject.toml; done
	@for service in ncco-service echo-service; do $(LOCK) -c requirements-dev.txt --extra traces \
	  -o $$service/requirements-traces.txt $$service/pyproject.toml; done
