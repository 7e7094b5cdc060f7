# Sluicegate. `make run` shows it work, `make test` tests it; both set up what they need.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked
# Tests at once, each with services of its own; 0 for a debugger.
JOBS ?= 2

# What `make run` passes on: POSTS=file.jsonl COUNT=n WORKERS=n RATE=n KAFKA=host:port REDIS=redis://... WATCH=1 JSON=1
RUN_FLAGS = $(if $(POSTS),--posts '$(POSTS)') $(if $(COUNT),--count $(COUNT)) $(if $(WORKERS),--workers $(WORKERS)) \
  $(if $(RATE),--rate $(RATE)) $(if $(KAFKA),--kafka '$(KAFKA)') $(if $(REDIS),--redis '$(REDIS)') \
  $(if $(WATCH),--prometheus) $(if $(JSON),--json) $(ARGS)

.PHONY: help setup run test check bench audit chaos soak kafka schemas lock clean
.DEFAULT_GOAL := help

help: ## What can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## .venv with locked versions and the command `sluicegate` in it

$(STAMP): deploy/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Sluicegate needs Python 3.11 or newer; name one with PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements.lock
	@# Else setuptools warns of every editable installation, in a box of stars.
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP) ## The main job, live: posts in, verdicts out (POSTS= COUNT= WORKERS= RATE= KAFKA= REDIS= WATCH=1 JSON=1)
	@$(BIN)/sluicegate run $(RUN_FLAGS)

test: $(STAMP) ## Every test, JOBS= at once, 2 if not said; those on Apache Kafka run where `make kafka` has fetched it
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal $(ARGS)

check: $(STAMP) ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=tests $(BIN)/mypy -p bench

bench: $(STAMP) ## How fast: every figure into build/bench.json and a table (BENCH=name runs one: tests/bench/README.md)
	@PYTHONPATH=tests $(BIN)/python -m bench $(BENCH) $(ARGS)

chaos: $(STAMP) ## Break workers, brokers and Valkey under load, check what comes out (POSTS= RATE= SEED=); needs `make kafka`
	@PYTHONPATH=tests/kafka $(BIN)/python -m chaos run $(if $(POSTS),--posts $(POSTS)) $(if $(RATE),--rate $(RATE)) \
	  $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: $(STAMP) ## Half load for 20 minutes: are memory, file descriptors and lag flat (SOAK_SECONDS=)? needs `make kafka`
	@PYTHONPATH=tests/kafka $(BIN)/python -m chaos soak $(if $(SOAK_SECONDS),--seconds $(SOAK_SECONDS)) $(ARGS)

audit: $(STAMP) ## Licences of what is shipped, known vulnerabilities of what is locked (asks a service on the network)
	@$(BIN)/python -m deploy.audit

kafka: $(STAMP) ## Fetch Apache Kafka from Maven Central into a cache outside this tree (needs Java 17+ and Maven)
	@$(BIN)/python -m deploy.kafka fetch

schemas: $(STAMP) ## Write topics/schema/ anew from the message types
	@$(BIN)/python -m topics.schema

lock: ## Resolve deploy/requirements.lock anew, and of it what the image installs (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras --no-annotate --no-header -q \
	  pyproject.toml -o deploy/requirements.lock --upgrade
	grep == deploy/requirements.lock | tr -d '\\' > deploy/constraints.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -q \
	  -c deploy/constraints.txt pyproject.toml -o deploy/runtime.lock --upgrade
	rm deploy/constraints.txt

clean: ## Remove what these targets made
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
