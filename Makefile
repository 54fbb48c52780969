# Everything runs in .venv, which these targets make themselves.
PYTHON ?= $(shell for python in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
# Files of tests side by side, long ones first (tests/conftest.py): each has servers and folders of its own.
PARALLEL := --numprocesses=auto --maxprocesses=6 --dist=loadfile --no-loadscope-reorder
RUN := $(VENV)/bin/
PIP := $(RUN)python -m pip --disable-pip-version-check --quiet

# The tests start some thousand processes: what is compiled once is kept, whatever the surroundings say.
export PYTHONDONTWRITEBYTECODE :=

# What judges seconds: it wants a machine that is not busy.
TIMED := tests/workers/test_workers.py tests/workers/test_promises.py
LATER := $(addprefix --ignore=,$(TIMED))

.DEFAULT_GOAL := help
.PHONY: help demo test test-servers test-lowest test-units test-long torture test-browser lint format docs site dist bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Do the main job on local copies of all eight APIs: no keys, and no network once packages are installed
	@$(RUN)python tools/demo.py

test: $(VENV)/.dev ## Run the tests, offline
	@$(RUN)python -m pytest $(PARALLEL) --ignore=tests/browser $(LATER)

test-servers: $(VENV)/.dev ## Test against every Redis and Valkey that wheels and Debian's apt give; prints a table
	@$(RUN)python tools/test_servers.py

test-lowest: | $(VENV)/bin/python ## Run the tests with the oldest libraries that are allowed
	@$(RUN)python tools/test_lowest.py $(PARALLEL) --ignore=tests/browser $(LATER)

test-units: $(VENV)/.dev ## Run the units by a real systemd on a machine of its own, fill its disk, cut its power (root, debootstrap)
	@$(RUN)python tools/test_units.py

test-long: $(VENV)/.dev ## Run real Celery workers and kill them, spoil answers 88,000 times; wants a machine that is not busy
	@$(RUN)python -m pytest -s $(TIMED)
	@HOSTILE_EXAMPLES=2000 $(RUN)python -m pytest $(PARALLEL) --dist=load tests/test_hostile.py

torture: $(VENV)/.dev ## Kill it thousands of times, overlap it, let sixteen hours pass: 40 minutes and more
	@$(RUN)python tools/torture.py

test-browser: $(VENV)/.browser ## Test the market board in a headless Chromium
	@$(RUN)python -m pytest tests/browser

lint: $(VENV)/.dev ## Check style and types
	@$(RUN)ruff check .
	@$(RUN)ruff format --check .
	@$(RUN)mypy

format: $(VENV)/.dev ## Put the code into its usual form
	@$(RUN)ruff check --fix --quiet .
	@$(RUN)ruff format .

docs: $(VENV)/.dev ## Generate the pages and units that are made from the code
	@$(RUN)python docs/generate.py

site: $(VENV)/.site ## Build the documents as a site into site/html, links checked
	@NO_MKDOCS_2_WARNING=1 $(RUN)python tools/site.py

dist: $(VENV)/.pack ## Build wheel and sdist into dist/ and check them
	@rm -rf dist
	@$(RUN)python -m build --outdir dist . >/dev/null
	@$(RUN)twine check --strict dist/*
	@$(RUN)check-wheel-contents dist/*.whl

bench: $(VENV)/.dev ## Measure marketctl beside its peers, in one run
	@$(RUN)python benchmarks/run.py

clean: ## Remove what the targets made, the demo's data included; your own data stay
	rm -rf $(VENV) benchmarks/.venv build dist site *.egg-info .servers .lowest .mypy_cache .pytest_cache .ruff_cache data/demo

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "marketctl needs Python 3.11 or newer; name it: make PYTHON=/path/to/python3"; exit 4; }
	@$(PYTHON) tools/make_venv.py $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) (some 15 s the first time) ..."
	@$(PIP) install --editable '.[embedded,rapira,report]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) (half a minute the first time) ..."
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.site: pyproject.toml | $(VENV)/bin/python
	@$(PIP) install --editable '.[docs]'
	@touch $@

$(VENV)/.pack: | $(VENV)/bin/python
	@$(PIP) install build twine check-wheel-contents
	@touch $@

# Debian's and Ubuntu's Chromium where there is none and we may install it; without one the tests are skipped and say so.
$(VENV)/.browser: pyproject.toml | $(VENV)/bin/python
	@$(PIP) install --editable '.[browser]'
	@{ command -v chromedriver && { command -v chromium || command -v google-chrome; }; } >/dev/null || \
		{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update && \
		  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium chromium-driver >/dev/null; } || \
		echo "no Chromium: apt-get install chromium chromium-driver"
	@npm install --silent --no-audit --no-fund --prefix $(VENV)/axe axe-core@4 >/dev/null 2>&1 || \
		echo "no npm: the page is not looked at with axe-core"
	@touch $@ $(VENV)/.dev $(VENV)/.demo
