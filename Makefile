# semsearch: one command each. All state lives under SEMSEARCH_HOME (default ./var).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
export SEMSEARCH_HOME ?= $(CURDIR)/var
export PORT ?= 8000
# where it is set, every process compiles all modules again, and the tests start hundreds
unexport PYTHONDONTWRITEBYTECODE
# how many processes share the tests, two more than there are cores, as some wait; one file is faster in one
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))
PYTEST = $(BIN)/python -m pytest $(if $(FILE),$(FILE),-n $(WORKERS) --durations 15)

.PHONY: setup setup-dev demo serve test test-servers test-hostile check lint check-js bench docs screenshots lock clean

setup: $(VENV)/.installed

setup-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "$(PYTHON) cannot be found: install Python 3.11, 3.12 or 3.13, or name it: make demo PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@$(PYTHON) deploy/preflight.py requirements.lock
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock requirements-text.lock | $(VENV)/bin/python
	@$(BIN)/python deploy/install.py requirements.lock "about 2 GB, some minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-text.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@[ -e $@ ] || $(BIN)/python deploy/preflight.py requirements-dev.lock
	@$(BIN)/python deploy/install.py requirements-dev.lock "what tests and checks use"
	@touch $@

# imports the samples at the first run, then serves until Ctrl-C
demo: setup
	@exec $(MANAGE) demo

serve: setup
	@exec $(MANAGE) serve

# `make test` runs everything, `make test FILE=tests/gallery/test_grid.py` (or -k, or any other word for pytest) a part
test: setup-dev
	sh tests/install_services.sh
	$(PYTEST)

# what can differ on a PostgreSQL and a Redis, which it starts; `make test-servers ALL=1` runs the rest on them as well
test-servers: setup-dev
	sh tests/install_services.sh
	SEMSEARCH_TEST_SERVICES=servers $(PYTEST) $(if $(ALL),,-m servers)

# the long forms of attacks and of large repeats, whose short forms `make test` runs, and a load (LOAD_MINUTES)
test-hostile: setup-dev
	sh tests/install_services.sh
	$(BIN)/python -m pytest -m hostile $(FILE)

# what checks JavaScript; the site itself needs none of it
node_modules/.installed: package.json package-lock.json .npmrc
	sh tests/install_services.sh node
	npm ci
	touch $@

check-js: node_modules/.installed
	npm run --silent format:check
	npm run --silent lint
	npm run --silent types
	npm run --silent test

check: lint check-js test

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MANAGE) check --fail-level WARNING
	$(MANAGE) makemigrations --check --dry-run

# the documents as a site, in site/, which the web server shows at /docs/; nothing is asked of a network
docs: setup-dev
	$(MANAGE) write_reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "The documents are in site/index.html, and at /docs/ of a running semsearch"

# the pictures of README and documents, from the sample data in a home of its own; CHECK=1 only compares
screenshots: setup-dev
	sh tests/install_services.sh
	$(BIN)/python -m semsearch_site.docs.screenshots $(if $(CHECK),--check)

# says what else it needs before it measures; `make bench OPTIONS=--skip-missing` does without
bench: setup
	@echo "Installing hnswlib and usearch, which the index is compared with"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -r requirements-bench.txt \
		|| echo "They could not be installed: the index is measured without them."
	$(MANAGE) migrate --verbosity 0
	$(MANAGE) benchmark all $(OPTIONS)

# what the locks hold comes from the ranges in requirements*.txt, resolved in a fresh environment; that of the serving
# installation has the versions of the whole one
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet -r requirements.txt
	.venv-lock/bin/python -m pip freeze --exclude pip --exclude setuptools > requirements.lock
	.venv-lock/bin/python -m pip install --quiet -r requirements-dev.txt
	.venv-lock/bin/python -m pip freeze --exclude pip --exclude setuptools > requirements-dev.lock
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet -r requirements-serve.txt -c requirements.lock
	.venv-lock/bin/python -m pip freeze --exclude pip --exclude setuptools > requirements-serve.lock
	.venv-lock/bin/python -m pip install --quiet --no-deps -r requirements-text.txt
	.venv-lock/bin/python -m pip freeze | grep '^tokenizers==' > requirements-text.lock
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) .services .mypy_cache .ruff_cache .pytest_cache node_modules
