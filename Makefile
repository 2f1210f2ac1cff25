# Everything starts here. Needed: GNU make and Python 3.11 to 3.14. `make` lists the targets.

# Which Python makes the virtual environment; by default the first one that is new enough.
PYTHON ?=
ARGS ?=
# How many processes run the tests; each of them that needs a broker starts its own.
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
# The lock is resolved for every Python and platform at once, which pip cannot do.
UV := uv==0.13.9

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo tutorial test lint format schemas reference golden bench compare chaos constraints kafka-jars clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

venv: $(INSTALLED) ## make .venv with everything in it; the others do so when needed

demo: $(INSTALLED) ## the whole loop on real Kafka and real data, live in the terminal
	@$(BIN)/streamproc demo $(ARGS)

tutorial: $(INSTALLED) ## the textbook case, as a table
	@$(BIN)/streamproc demo --tutorial $(ARGS)

test: $(INSTALLED) ## all tests, those on a real Kafka too; ARGS="-k name" for some
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(INSTALLED) ## style, formatting, types, import contracts
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo --no-cache >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	@echo "lint: ruff, mypy and the import contracts find nothing"

format: $(INSTALLED) ## put the code into shape
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --quiet --fix

schemas: $(INSTALLED) ## write schemas/ anew from the code
	@$(BIN)/streamproc schemas

reference: $(INSTALLED) ## write docs/reference.md anew from the code
	@$(BIN)/python tools/reference.py

golden: $(INSTALLED) ## write the monitor's golden states anew from the code (tests/unit/monitor/golden)
	@$(BIN)/python -m tests.unit.monitor.golden.remake

bench: $(INSTALLED) ## throughput and latency on this machine
	@$(BIN)/python benchmarks/pipeline.py $(ARGS)

compare: $(INSTALLED) ## streamproc beside its peers on one Kafka (installs them apart, needs the network once)
	@$(BIN)/python benchmarks/compare.py $(ARGS)

chaos: $(INSTALLED) ## real processes on real brokers, and every fault; ARGS="--seed 1 2 3 --minutes 5"
	@$(BIN)/python -m tests.chaos $(ARGS)

constraints: ## resolve the newest versions that pyproject.toml allows into constraints.txt (needs the network)
	@set -e; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(find-python); "$$python" -m venv "$$scratch"; \
	"$$scratch/bin/python" -m pip install --quiet --disable-pip-version-check '$(UV)'; \
	"$$scratch/bin/uv" pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade --quiet \
		--generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command 'make constraints' --output-file constraints.txt

kafka-jars: $(INSTALLED) ## pin the jars of the embedded Kafka anew (needs the network)
	@$(BIN)/python tools/pin_kafka.py

clean: ## remove what make made, not the downloaded Kafka
	@rm -rf $(VENV) dist build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every version and every file's hash comes from constraints.txt; the package itself is built from the same pinned parts.
$(INSTALLED): constraints.txt pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(find-python); $(make-venv); }
	@echo "installing into $(VENV) (once; about a minute)"
	@$(PIP) --require-hashes -r constraints.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Sets $python, or says what to do.
define find-python
python=; for each in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	if "$$each" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
	then python=$$each; break; fi; \
done; \
if [ -z "$$python" ]; then \
	echo "streamproc needs Python 3.11 to 3.14; $(or $(PYTHON),python3) is $$($(or $(PYTHON),python3) --version 2>&1 | head -n 1)" >&2; \
	echo "Install one, or say where it is: make PYTHON=/path/to/python3.12" >&2; exit 1; \
fi
endef

define make-venv
rm -rf $(VENV); \
if ! "$$python" -m venv $(VENV) >$(VENV).log 2>&1; then \
	cat $(VENV).log >&2; rm -rf $(VENV) $(VENV).log; \
	echo "$$python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
fi; rm -f $(VENV).log
endef
