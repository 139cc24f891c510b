# make serve, make test; the rest: make help
SHELL := /bin/bash
.DEFAULT_GOAL := help

# HOST is not read from the environment, where it is often the name of the machine.
HOST = 127.0.0.1
PORT = $(or $(SST_PORT),8000)
DATASET = $(or $(SST_DEFAULT_DATASET),nino12)
VENV := .venv
BIN := $(VENV)/bin

# The first supported interpreter that is found. Set PYTHON to use another.
VERSIONS := 3.11 3.12 3.13 3.14
PYTHON ?= $(shell for p in $(VERSIONS:%=python%) python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help serve test test-all test-lowest test-newest core page workflows faults histories sequences fire long containers programs chromium \
	check docs install train data climatology bench fuzz fuzz-histories soak clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

serve: $(VENV)/.page ## install, train if there is no release yet, and serve on HOST:PORT
	@test -e artifacts/$(DATASET)/current || $(MAKE) --no-print-directory train
	@SST_DEFAULT_DATASET=$(DATASET) $(BIN)/python -m service --host $(HOST) --port $(PORT)

train: $(VENV)/.training ## train and publish the default dataset
	$(BIN)/python -m training --data data/$(DATASET).csv --name $(DATASET)

install: $(VENV)/.dev ## install everything that development needs

# A marker says which tests are long, and so not in the gate.
test: $(VENV)/.dev chromium ## run the gate: all tests but the long ones
	$(PYTEST) tests -m "not long" $(PARALLEL)

test-all: $(VENV)/.dev ## run all tests, in parts; each can be run alone
	@$(BIN)/python .ci/parts.py $(PARTS)

LONG := page workflows faults histories sequences fire long
PARTS := test core $(LONG) test-lowest test-newest containers

# In some images, Python does not write bytecode. Then each of the many processes that tests start compiles all code
# again.
$(PARTS): export PYTHONDONTWRITEBYTECODE :=

TESTED := $(VENV)
REPORT =
# .ci/parts.py names the file of the results in REPORT.
PYTEST = $(TESTED)/bin/python -m pytest $(REPORT:%=--junit-xml=%)
# Each test file runs in one process, because its tests share checkpoints and servers. tests/conftest.py sets the number
# of processes.
PARALLEL := --numprocesses=auto --dist=loadfile --no-loadscope-reorder

core: $(VENV)/.dev ## run the tests of the service itself without any plug-in
	SST_PLUGINS=none $(PYTEST) tests/service/api/forecast tests/service/api/compare tests/service/api/events \
		tests/service/api/test_health.py tests/service/api/test_models.py tests/service/engine tests/service/http \
		tests/service/worker $(PARALLEL)

page: ## run the long tests of the web page, in a browser
page.tests := tests/page
workflows: ## run the long tests of whole workflows and of the documentation
workflows.tests := tests/e2e
faults: ## let each write of a job fail once, or kill the process at it
faults.tests := tests/faults
histories: ## compare random histories of a station with a model of it
histories.tests := tests/histories
sequences: ## send random requests, and random sequences of them
sequences.tests := tests/service/api/test_schemathesis.py tests/service/api/test_sequences.py
fire: ## change and stop servers that are under load
fire.tests := tests/service/server/test_under_fire.py
long: ## run all other long tests
long.tests = tests $(foreach part,$(filter-out long,$(LONG)),$(addprefix --ignore=,$($(part).tests))) --ignore=tests/containers

$(LONG): $(VENV)/.dev chromium programs
	$(PYTEST) $($@.tests) -m long $(PARALLEL)

containers: $(VENV)/.dev ## run the tests of the images and the composition (needs a Docker engine)
	.ci/containers $(REPORT)

# Each of these has its own environment, which uv keeps up to date. If uv finds no CPU build of torch, it installs the
# default build: on Linux, the GPU build, which is several gigabytes.
test-lowest: python := 3.11
test-lowest: resolution := lowest-direct
test-lowest: ## run the core and service tests on Python 3.11 with the lowest versions that pyproject.toml allows

test-newest: python = $(lastword $(foreach version,$(VERSIONS),$(if $(shell python$(version) -V 2>/dev/null),$(version))))
test-newest: resolution := highest
test-newest: ## run the core and service tests on the newest installed Python with the newest versions of everything

test-lowest: TESTED := $(VENV)-lowest
test-newest: TESTED := $(VENV)-newest
test-lowest test-newest: test-%: $(VENV)/.uv programs
	@test -x $(VENV)-$*/bin/python || $(BIN)/uv venv --quiet --python $(python) $(VENV)-$*
	@$(call uv_install,$*,--torch-backend cpu) || \
	{ echo "Cannot install torch from its index of CPU builds: trying the default index"; $(call uv_install,$*); }
	$(PYTEST) tests/forecasting tests/service $(addprefix --ignore=,$(sequences.tests) $(fire.tests)) $(PARALLEL)

uv_install = $(BIN)/uv pip install --quiet --python $(VENV)-$(1)/bin/python --exact --upgrade --resolution $(resolution) \
	$(2) --editable '.[test]'

# Some long tests are skipped without these programs.
programs:
	@.ci/programs

# The tests of the web page need a browser, and are skipped without one. The headless shell takes half as long as
# Chromium.
chromium:
	@command -v chromium-headless-shell >/dev/null || $(call apt_install,chromium-headless-shell) || \
	command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null || $(call apt_install,chromium) || \
	echo "Skipping the page's tests: Chromium was not found and could not be installed; try: apt install chromium"

apt_install = { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing $(1) for the page's tests" && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(1) >/dev/null 2>&1; }

check: $(VENV)/.dev ## check style, types, imports between packages, size, container files and documentation
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=recurse types others

.PHONY: types others
types:
	$(BIN)/mypy

others:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m benchmarks.size --check
	$(BIN)/hadolint Dockerfile
	$(BIN)/compose-lint check --quiet --strict-config --skip-suppressed --fail-on medium docker-compose.yml
	$(BIN)/python docs/generate.py --check
	$(site)

# ProperDocs continues MkDocs 1.x after its last release in 2024, and reads the same mkdocs.yml.
site = $(BIN)/properdocs build --strict --quiet --config-file mkdocs.yml

docs: $(VENV)/.dev ## write the generated reference, and build the documentation into site/; fails on a broken link
	$(BIN)/python docs/generate.py
	$(site)

data: $(VENV)/.dev ## rebuild data/*.csv from the packages that contain their sources
	$(BIN)/python -m training.data.shipped series

climatology: $(VENV)/.dev ## rebuild the global climatology from its Debian package and data/ (needs apt-get and dpkg-deb)
	@folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && (cd $$folder && apt-get download -qq ferret-datasets) && \
	dpkg-deb --extract $$folder/ferret-datasets_*.deb $$folder && $(BIN)/python -m training.data.shipped climatology $$folder

bench: $(VENV)/.dev ## measure the speeds that the documentation reports
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/.dev ## run the tests with generated requests, thirty times as many and different each time
	$(BIN)/python -m pytest --hypothesis-profile=fuzz tests/service/api/test_schemathesis.py tests/service/api/test_sequences.py \
		tests/service/api/forecast/test_fuzz.py tests/service/api/forecast/test_together.py tests/service/plugins/inference/test_fuzz.py \
		tests/service/worker/test_batches.py

fuzz-histories: $(VENV)/.dev ## try ten thousand random histories of a station, and let every write fail once
	$(BIN)/python -m pytest --hypothesis-profile=histories --numprocesses=auto tests/histories
	$(BIN)/python -m pytest --hypothesis-profile=histories --numprocesses=auto --dist=loadfile tests/faults

soak: $(VENV)/.dev ## serve mixed load and reloads for ten minutes; fails if the service's memory grows
	$(BIN)/python -m benchmarks.soak

clean: ## remove the environment and caches
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-newest .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info build site

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is required but was not found; install one, or name it: make PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot create a virtual environment; on Debian, run: apt install python3-venv"; exit 1; }

$(VENV)/.uv: | $(BIN)/python
	$(BIN)/python -m pip install --quiet 'uv>=0.9'
	@touch $@

# Each of these files stands for an extra, which is installed again when pyproject.toml changes.
$(VENV)/.page $(VENV)/.training $(VENV)/.scoring $(VENV)/.dev: $(VENV)/.%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@
